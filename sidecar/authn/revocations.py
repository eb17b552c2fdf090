"""The tokens that no longer count, found in constant time however many entries there are.

Indexed once, per snapshot. A token is named when it was issued at or before an entry's ``before``; a token that
does not say when it was issued counts as old (see ``contract.snapshot.Revocation``).
"""

import math
from collections.abc import Iterable

from sidecar.contract.snapshot import Revocation

from .principal import Principal


class Revocations:
    """An index over revocation entries; ``names`` is the whole of its use."""

    def __init__(self, entries: Iterable[Revocation]) -> None:
        self._before: dict[tuple[str, str, str], int] = {}
        for entry in entries:
            key = (entry.issuer, entry.by, entry.value)
            self._before[key] = max(entry.before, self._before.get(key, entry.before))

    def names(self, principal: Principal) -> str | None:
        """What of this token was revoked (``jti``, ``subject``, ``client``, ``issuer``), or None."""
        if not self._before:
            return None
        # Rounded down: ``before`` is in whole seconds, and a token of the same second is not newer.
        issued = math.floor(principal.claims.get("iat", 0))
        parts = (
            ("jti", principal.token_id),
            ("subject", principal.subject),
            ("client", principal.client),
            ("issuer", ""),
        )
        for by, value in parts:
            if value is not None:
                before = self._before.get((principal.issuer_name, by, value))
                if before is not None and issued <= before:
                    return by
        return None
