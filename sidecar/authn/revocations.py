"""The tokens that no longer count, found in constant time however many entries there are.

Indexed once; entries that are added to those of an index are added to its copy, so that an increment costs little
beside thousands of entries. A token is named when it was issued at or before an entry's ``before``; a token that
does not say when it was issued counts as old (see ``contract.snapshot.Revocation``).
"""

import math

from sidecar.contract.snapshot import Revocation

from .principal import Principal


class Revocations:
    """An index over revocation entries; ``names`` is the whole of its use."""

    def __init__(self, entries: tuple[Revocation, ...], before: "Revocations | None" = None) -> None:
        """``before``: an index whose entries ``entries`` may begin with."""
        known: tuple[Revocation, ...] = before.entries if before else ()
        begun = before is not None and entries[: len(known)] == known
        self.entries: tuple[Revocation, ...] = entries
        self._before: dict[tuple[str, str, str], int] = before._before.copy() if before and begun else {}
        for entry in entries[len(known) :] if begun else entries:
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
