"""From what was turned off to the sidecars: one transaction holds the change and the revocation of its tokens, or
neither. Turning it on again brings none of them back.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.authority.lifecycle import RETIRE_AFTER_S
from control.identity.endings import Ending
from control.store.tables import ApiKeyRow
from sidecar.contract.snapshot import Revocation

from . import revocations, versions
from .inputs import builtin_issuer
from .ledger import Ledger


class Endings:
    """Thread-safe."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @contextmanager
    def begin(self, actor: str) -> Iterator[Ending]:
        """One of them: the next version is made if anything has ended that a sidecar would let in."""
        with self._ledger.database.write() as session:
            ending = Ending(session, self._ledger.clock())
            yield ending
            session.flush()
            issuer = self._issuer(session)
            entries = [] if issuer is None else list(_entries(issuer, ending))
            version = self._ledger.add_revocations(session, entries, actor, _said(ending)) if entries else None
        if version is not None:
            self._ledger.announce(version.version)

    def _issuer(self, session: Session) -> str | None:
        """What the policy calls us; None where no sidecar takes our tokens."""
        version = versions.newest(session)
        policy = None if version is None else self._ledger.policy_of(session, version)
        return builtin_issuer(policy) or builtin_issuer(self._ledger.candidate_of(session))


def _entries(issuer: str, ending: Ending) -> Iterator[Revocation]:
    # A client's own tokens have its id as their subject, also where another client exchanged them.
    named = [("subject", ending.subjects), ("client", ending.clients), ("subject", ending.clients)]
    for by, whose in named:
        for value, before in sorted(whose.items()):
            lives_s = None if _names_keys(ending.session, by, value, before) else RETIRE_AFTER_S
            yield revocations.revocation(issuer, by, value, ending.now, lives_s=lives_s, before=before, until=None)
    for jti in sorted(ending.token_ids):
        yield revocations.revocation(issuer, "jti", jti, ending.now, lives_s=RETIRE_AFTER_S, before=None, until=None)


def _names_keys(session: Session, by: str, value: str, before: int) -> bool:
    """Does it name an API key? It must then be kept for good, as a key outlives every token."""
    whose = ApiKeyRow.subject if by == "subject" else ApiKeyRow.client_id
    query = select(ApiKeyRow.id).where(whose == value, ApiKeyRow.created_at <= before)
    return session.scalar(query.limit(1)) is not None


def _said(ending: Ending) -> str:
    whose = [f"subject {name}" for name in sorted(ending.subjects)]
    whose += [f"client {name}" for name in sorted(ending.clients)]
    tokens = [f"{len(ending.token_ids)} tokens"] if ending.token_ids else []
    return ", ".join([*whose, *tokens])[:500]
