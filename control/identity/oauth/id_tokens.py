"""ID tokens (OpenID Connect Core section 2): who let the client in, when they signed in, and that it asked just now.

Signed by the key that signs access tokens, under another ``typ`` and for the client alone, so that no service takes one
for an access token.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .grants import Grant

LIFETIME_S = 15 * 60


class IdTokens:
    """Thread-safe. ``sign``: a JWT of these claims that is no access token."""

    def __init__(self, issuer: str, sign: Callable[[Mapping[str, Any]], str], clock: Callable[[], float]) -> None:
        self._issuer, self._sign, self._clock = issuer, sign, clock

    def issue(self, grant: Grant) -> str:
        """The one that says who stands behind ``grant``."""
        now = int(self._clock())
        known = {"auth_time": grant.auth_time, "nonce": grant.nonce or None}
        return self._sign(
            {
                "iss": self._issuer,
                "sub": grant.subject,
                "aud": grant.client_id,
                "iat": now,
                "exp": now + LIFETIME_S,
                **{name: value for name, value in known.items() if value is not None},
            }
        )
