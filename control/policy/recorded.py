"""A line of a sidecar's decision log, read back: what was asked, who asked, and what was decided.

A log may hold lines of other kinds, and these are passed over; a decision that is not whole is an error. Knows nothing
of policies.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sidecar.authz.decision import RequestFacts
from sidecar.contract.reasons import Reason

MAX_LINE_CHARS = 1024 * 1024
_TEXTS = ("decision_id", "service", "method", "path", "host", "address", "scheme", "issuer", "reason", "route")


@dataclass(frozen=True, slots=True)
class Recorded:
    """``claims`` None: nobody said who calls, or it did not count. ``headers`` and ``query``: what rules looked at;
    True where only that something was there is known."""

    decision_id: str
    service: str
    method: str
    path: str
    host: str
    address: str
    scheme: str
    headers: Mapping[str, str | bool | None]
    query: Mapping[str, str | bool | None]
    issuer: str
    claims: Mapping[str, Any] | None
    callers: tuple[str, ...]
    reason: Reason
    route: str
    time: float

    @property
    def request(self) -> RequestFacts:
        """As far as it was written down."""
        query = urlencode({name: _shown(value) for name, value in self.query.items() if value is not None})
        headers = [
            (name.encode("latin-1", "replace"), _shown(value).encode("latin-1", "replace"))
            for name, value in self.headers.items()
            if value is not None
        ]
        target = f"{self.path}?{query}" if query else self.path
        return RequestFacts(
            self.method, target.encode("latin-1", "replace"), headers, self.host, self.address, self.scheme
        )


def read_line(text: str) -> Recorded | None:
    """The decision in ``text``; None if it is another line; ValueError, with a sentence, if it is half of one."""
    if len(text) > MAX_LINE_CHARS:
        raise ValueError(f"a line of more than {MAX_LINE_CHARS} characters")
    if '"kind":"decision"' not in text:
        return None
    try:
        said = json.loads(text[max(0, text.find("{")) :])
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(said, dict) or said.get("kind") != "decision":
        return None
    texts = {name: _text(said, name) for name in _TEXTS}
    try:
        texts["reason"] = Reason(texts["reason"])
    except ValueError:
        raise ValueError(f"reason {texts['reason'][:40]!r} is none that this version knows") from None
    claims, callers, at = said.get("claims"), said.get("callers"), said.get("time")
    if not (claims is None or isinstance(claims, dict)):
        raise ValueError("claims is no object")
    if not isinstance(callers, list) or not all(isinstance(name, str) for name in callers):
        raise ValueError("callers is no list of names")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < 2**53:
        raise ValueError("time is no unix time")
    seen = {name: _seen(said, name) for name in ("headers", "query")}
    return Recorded(**texts, **seen, claims=claims, callers=tuple(callers), time=float(at))


def _text(said: Mapping[str, Any], name: str) -> Any:
    value = said.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _seen(said: Mapping[str, Any], name: str) -> Any:
    value = said.get(name)
    if not isinstance(value, dict) or not all(map(_is_seen, value.values())):
        raise ValueError(f"{name} is no object of texts")
    return value


def _is_seen(value: object) -> bool:
    return value is None or value is True or isinstance(value, str)


def _shown(value: str | bool | None) -> str:
    return value if isinstance(value, str) else "there"
