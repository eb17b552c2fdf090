"""What an access token says: RFC 9068, with the audience chosen by RFC 8707.

One path for every token, whether an application asks for it or an operator. A token is never for more than the
application may have; what is asked for and may not be had is refused, and never quietly left out.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from control.errors import Invalid

from .applications import Application

DEFAULT_LIFETIME_S = 15 * 60
MAX_LIFETIME_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and what it says."""

    access_token: str = field(repr=False)
    token_id: str
    issued_at: int
    expires_at: int
    scope: str
    audience: list[str]


class AccessTokens:
    """Makes tokens. ``directory`` (what the policy in force offers: each service's audience, by service name) and
    ``sign`` are asked anew each time: both may change while we run."""

    def __init__(
        self,
        issuer: str,
        directory: Callable[[], Mapping[str, str]],
        sign: Callable[[Mapping[str, Any]], str],
        clock: Callable[[], float],
        lifetime_s: int = DEFAULT_LIFETIME_S,
    ) -> None:
        self._issuer, self._directory, self._sign, self._clock = issuer, directory, sign, clock
        self._lifetime_s = _lifetime(lifetime_s)

    def issue(
        self,
        application: Application,
        *,
        subject: str | None = None,
        scopes: Sequence[str] | None = None,
        audiences: Sequence[str] | None = None,
        lifetime_s: int | None = None,
        not_after: int | None = None,
        actor: Mapping[str, Any] | None = None,
    ) -> IssuedToken:
        """A token for ``application``: None means for itself, all of its scopes, all that it may call, the usual
        lifetime. ``actor``: who acts for the subject (RFC 8693 section 4.1). Invalid ``invalid_scope`` or
        ``invalid_target`` for what it may not have."""
        granted = _scope(application, scopes)
        audience = self.audiences_for(application, audiences, granted.split())
        now = int(self._clock())
        expires_at = now + (self._lifetime_s if lifetime_s is None else _lifetime(lifetime_s))
        expires_at = expires_at if not_after is None else min(expires_at, not_after)
        token_id = str(uuid.uuid4())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": application.client_id if subject is None else subject,
            "client_id": application.client_id,
            "aud": audience if len(audience) > 1 else audience[0],
            "iat": now,
            "exp": expires_at,
            "jti": token_id,
        }
        if granted:
            claims["scope"] = granted
        if actor is not None:
            claims["act"] = actor
        return IssuedToken(self._sign(claims), token_id, now, expires_at, granted, audience)

    def now(self) -> float:
        """By the clock of the tokens."""
        return self._clock()

    def audiences_of(self, services: Sequence[str]) -> list[str]:
        """The audiences of the services named; Invalid ``invalid_target`` for one that the policy does not know."""
        known = self._directory()
        unknown = [service for service in services if service not in known]
        if unknown:
            raise Invalid(f"the policy knows no service {unknown[0][:100]!r}", "invalid_target")
        return [known[service] for service in services]

    def audience_of(self, application: Application) -> str | None:
        """Of the service that the application is: the one of its name."""
        return self._directory().get(application.name)

    def audiences_for(
        self, application: Application, asked: Sequence[str] | None, scopes: Sequence[str] = ()
    ) -> list[str]:
        """Those asked for (None: all that it may call), if it may have them; Invalid ``invalid_target``. With the scope
        ``openid`` there is one service more, and alone if need be: who they are (OpenID Connect Core section 5.3)."""
        mine = application.services
        callable_ = [url for name, url in self._directory().items() if mine is None or name in mine]
        own = [self._issuer] if "openid" in scopes else []
        wanted = callable_ or own if asked is None else list(dict.fromkeys(asked))
        if not wanted:
            raise Invalid("there is no service that this application may call", "invalid_target")
        if not set(wanted) <= {*callable_, *own}:
            raise Invalid("this application may not call what was asked for", "invalid_target")
        return wanted


def _scope(application: Application, asked: Sequence[str] | None) -> str:
    wanted = application.scopes if asked is None else list(dict.fromkeys(asked))
    if not set(wanted) <= set(application.scopes):
        raise Invalid("this application may not have a scope that was asked for", "invalid_scope")
    return " ".join(wanted)


def _lifetime(seconds: int) -> int:
    if not 1 <= seconds <= MAX_LIFETIME_S:
        raise Invalid(f"a token lives for 1 to {MAX_LIFETIME_S} seconds")
    return seconds
