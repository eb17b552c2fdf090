"""What a person is asked before a client is let in, and how fresh their signing in has to be (OpenID Connect Core
section 3.1.2.1). Knows nothing of pages."""

from collections.abc import Mapping
from dataclasses import dataclass

from control.errors import Invalid

PROMPTS = frozenset({"none", "login", "consent", "select_account"})


@dataclass(frozen=True, slots=True)
class Question:
    """``prompt`` and ``max_age``: what the client wants of it; ``login_hint``: whom it expects, unproven.
    ``is_public``: anyone may say to be that client."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    redirect_uri: str
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str = ""
    is_public: bool = True

    def must_sign_in(self, auth_time: int | None, now: float) -> bool:
        """Again, although they have at ``auth_time``?"""
        return "login" in self.prompt or self.is_too_old(auth_time, now)

    def is_too_old(self, auth_time: int | None, now: float) -> bool:
        """Is it longer ago than the client wants?"""
        return self.max_age is not None and (auth_time is None or now - auth_time > self.max_age)

    @property
    def may_be_remembered(self) -> bool:
        """May an earlier yes stand for this one? Not if the client wants people asked, nor if another program could
        be where the answer goes (RFC 8252 section 8.6)."""
        asked = {"consent", "select_account"} & set(self.prompt)
        return not asked and (not self.is_public or self.redirect_uri.startswith("https://"))


def prompt_of(data: Mapping[str, str]) -> tuple[str, ...]:
    """What the request says; Invalid."""
    said = tuple(dict.fromkeys(data.get("prompt", "").split()))
    if not set(said) <= PROMPTS or ("none" in said and len(said) > 1):
        raise Invalid("prompt is none, or some of login, consent and select_account", "invalid_request")
    return said


def max_age_of(data: Mapping[str, str]) -> int | None:
    """What the request says; Invalid."""
    said = data.get("max_age")
    if said is None:
        return None
    if not said.isdigit() or len(said) > 9:
        raise Invalid("max_age is a number of seconds", "invalid_request")
    return int(said)
