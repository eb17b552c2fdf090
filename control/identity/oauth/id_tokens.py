"""ID tokens (OpenID Connect Core section 2): who let the client in, when they signed in, and that it asked just now.
What else is known of them is there as far as the scopes go (section 5.4), as ``userinfo`` has it.

Signed by the key that signs access tokens, under another ``typ`` and for the client alone, so that no service takes one
for an access token.
"""

from collections.abc import Callable, Mapping
from typing import Any

from authlib.oidc.core import UserInfo

from .grants import Grant
from .userinfo import Describe

LIFETIME_S = 15 * 60


class IdTokens:
    """Thread-safe. ``sign``: a JWT of these claims that is no access token; ``describe``: what is known of a person."""

    def __init__(
        self,
        issuer: str,
        sign: Callable[[Mapping[str, Any]], str],
        clock: Callable[[], float],
        describe: Describe = lambda _subject: None,
    ) -> None:
        self._issuer, self._sign, self._clock, self._describe = issuer, sign, clock, describe

    def issue(self, grant: Grant) -> str:
        """The one that says who stands behind ``grant``."""
        now = int(self._clock())
        known = {"auth_time": grant.auth_time, "nonce": grant.nonce or None}
        person = UserInfo(self._describe(grant.subject) or {}, sub=grant.subject).filter(grant.scope)
        return self._sign(
            {
                **person,
                "iss": self._issuer,
                "sub": grant.subject,
                "aud": grant.client_id,
                "iat": now,
                "exp": now + LIFETIME_S,
                **{name: value for name, value in known.items() if value is not None},
            }
        )
