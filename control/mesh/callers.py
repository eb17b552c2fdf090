"""Services as callers: an application of the name that a policy's ``callers`` uses is that workload, known by the
subject of its own tokens. When such an application comes, goes or changes its name, sidecars hear of it.
"""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.identity import api_keys
from control.store.audit import record
from control.store.tables import ApplicationRow

from .inputs import named_callers
from .ledger import Ledger


class Callers:
    """Told of applications that changed; makes a version where that means something to sidecars. Thread-safe."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def changed(self, actor: str, names: Collection[str]) -> None:
        """Applications of these names came, went or changed. Keys of one that went go with it."""
        called = {name for policy in self._ledger.policies() for name in named_callers(policy)}
        meant = sorted(called & set(names))
        with self._ledger.database.read() as session:
            orphans = _orphans(session)
        if not meant and not orphans:
            return
        note = f"application {', '.join(sorted(names))}"[:500]
        with self._ledger.change("keys", actor, note) as (session, _):
            for key in _orphans(session):
                gone = api_keys.remove(session, key)
                now, said = self._ledger.clock(), {"id": gone.id, "of": gone.subject}
                record(session, now, actor, "api_key.remove", gone.name, **said, client_id=gone.client_id)


def _orphans(session: Session) -> list[str]:
    clients = set(session.scalars(select(ApplicationRow.client_id)))
    return [key.id for key in api_keys.all_keys(session) if key.client_id and key.client_id not in clients]
