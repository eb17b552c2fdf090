"""One request of a browser, read strictly. Bodies were bounded by the gate; here they become one form or a refusal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote

from control.identity.oauth.authorization import MAX_QUERY

MAX_FIELDS = 30
TOO_MANY = "There were too many tries. Wait a moment, and try again."
FORM = "application/x-www-form-urlencoded"
_IN_A_QUERY = "%/:?@!$&'()*+,;=-._~[]"


class NotShown(Exception):  # noqa: N818 - reads as the sentence it is
    """The page is not shown; this is said instead. ``wait_s``: when to come back; ``again``: offer to begin again."""

    def __init__(self, status: int, sentence: str, *, wait_s: float = 0, again: bool = False) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.wait_s, self.again = status, sentence, wait_s, again


@dataclass(frozen=True, slots=True)
class Tries:
    """Of secrets that nobody else counts, by address. ``begin``: seconds to wait, or 0."""

    begin: Callable[[bytes], float]
    failed: Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Visit:
    """``query`` is as the browser sent it, what has no place in a query percent-encoded; ``body``: the form as such.
    ``now``: unix seconds."""

    method: str
    path: str
    query: str
    cookies: Mapping[str, str]
    form: Mapping[str, str] = field(repr=False)
    body: str = field(repr=False)
    address: str
    agent: str
    now: float
    tries: Tries

    @property
    def here(self) -> str:
        """Where this is, for forms that come back to it."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def asks(self) -> bool:
        """Does it want to see, and change nothing?"""
        return self.method == "GET"

    @property
    def which(self) -> str:
        """The form that was sent: each of ours says which it is."""
        return self.form.get("form", "")

    def parameter(self, name: str) -> str:
        """Of the query, if it is there once."""
        found = [value for key, value in pairs(self.query) if key == name]
        return found[0] if len(found) == 1 else ""

    def guess(self, secret: str) -> None:
        """A secret is about to be looked at; NotShown 429 from where too many were wrong."""
        wait_s = self.tries.begin(secret.encode())
        if wait_s > 0:
            raise NotShown(429, TOO_MANY, wait_s=wait_s)


def query_of(raw: bytes) -> str:
    """The query of a request; NotShown."""
    if len(raw) > MAX_QUERY:
        raise NotShown(414, "This address is too long.")
    return quote(raw, safe=_IN_A_QUERY)


def form_of(kind: str, body: bytes) -> tuple[dict[str, str], str]:
    """The fields of a form, and the form itself as a query; NotShown."""
    if not body:
        return {}, ""
    if kind.partition(";")[0].strip().lower() != FORM:
        raise NotShown(415, "This is not a form.")
    try:
        text = body.decode("ascii")
        found = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise NotShown(400, "The form cannot be read.") from None
    fields = dict(found)
    if len(fields) != len(found):
        raise NotShown(400, "The form says one thing twice.")
    return fields, quote(text, safe=_IN_A_QUERY)


def pairs(query: str) -> list[tuple[str, str]]:
    """What a query says; nothing if it cannot be read."""
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        return []
