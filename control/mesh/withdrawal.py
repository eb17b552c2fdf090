"""Access tokens that their own client, or a theft, ends: from the issuer's endpoints to the sidecars. Knows nothing of
OAuth.
"""

from collections.abc import Callable, Collection

from sqlalchemy import select

from control.authority.lifecycle import RETIRE_AFTER_S
from control.errors import NotFound
from control.policy import PolicyIssuer
from control.store.tables import RevocationRow

from . import revocations
from .ledger import SYSTEM, Ledger


class Withdrawal:
    """Thread-safe. ``builtin``: the policy's name for our own tokens; NotFound if it takes none."""

    def __init__(self, ledger: Ledger, builtin: Callable[[str | None], PolicyIssuer]) -> None:
        self._ledger, self._builtin = ledger, builtin

    def withdraw(self, token_ids: Collection[str]) -> None:
        """These count no more. What was told is not told again: a version costs every sidecar something."""
        try:
            issuer = self._builtin(None).name
        except NotFound:
            return  # no sidecar takes them
        with self._ledger.database.read() as session:
            of_ours = (RevocationRow.issuer == issuer) & (RevocationRow.by == "jti")
            told = set(session.scalars(select(RevocationRow.value).where(of_ours, RevocationRow.value.in_(token_ids))))
        now, new = self._ledger.clock(), sorted(set(token_ids) - told)
        entries = [
            revocations.revocation(issuer, "jti", one, now, lives_s=RETIRE_AFTER_S, before=None, until=None)
            for one in new
        ]
        if entries:
            self._ledger.revoke(entries, SYSTEM, f"jti {' '.join(new)}" if len(new) < 5 else f"{len(new)} of one grant")
