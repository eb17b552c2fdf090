"""Who is connected to which of several controls over one database, so that each of them can answer for the whole mesh.

Every control keeps its own rows and a sign of life; rows of one that gave none for ``SILENT_S`` count for nothing. The
time is the database's own: controls whose clocks differ would take each other for dead, and a receipt would leave out
the sidecars of the others. Where the database is ours alone nothing is kept: who is connected is known where they are.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, cast, delete, func, insert, select
from sqlalchemy.orm import Session

from control.store import Database
from control.store.tables import PresenceRow, ReplicaRow

SILENT_S = 15
FORGOTTEN_S = 3600
_NOW = cast(func.extract("epoch", func.clock_timestamp()), BigInteger)
"""PostgreSQL's: nothing else is shared."""


class Presence:
    """This control's part of it, and what the others say. Thread-safe; a key is (sidecar id, instance)."""

    def __init__(self, database: Database) -> None:
        self._database, self._replica = database, str(uuid.uuid4())

    @property
    def is_shared(self) -> bool:
        """May there be other controls?"""
        return self._database.is_shared

    def share(self, here: Mapping[tuple[str, str], Mapping[str, Any]], gone: Sequence[tuple[str, str]]) -> None:
        """These are connected here, as JSON tells of each, and those are not any more. With neither: we are alive."""
        with self._database.note() as session:
            now = _now(session)
            if (replica := session.get(ReplicaRow, self._replica)) is None:
                session.add(ReplicaRow(id=self._replica, seen_at=now))
                self._forget(session, now)
            else:
                replica.seen_at = now
            for sidecar_id, instance in (*here, *gone):
                mine = PresenceRow.replica == self._replica, PresenceRow.sidecar_id == sidecar_id
                session.execute(delete(PresenceRow).where(*mine, PresenceRow.instance == instance))
            if here:
                rows = [
                    {"replica": self._replica, "sidecar_id": key[0], "instance": key[1], "told": dict(told)}
                    for key, told in here.items()
                ]
                session.execute(insert(PresenceRow), rows)

    def others(self) -> list[dict[str, Any]]:
        """What the other controls that are alive tell of those connected to them."""
        with self._database.read() as session:
            now = _now(session)
            # One seen in the future died before the database's clock went back.
            lately = ReplicaRow.seen_at.between(now - SILENT_S, now + SILENT_S)
            alive = select(ReplicaRow.id).where(ReplicaRow.id != self._replica, lately)
            return list(session.scalars(select(PresenceRow.told).where(PresenceRow.replica.in_(alive))))

    def leave(self) -> None:
        """We end: nobody is connected here any more."""
        with self._database.note() as session:
            session.execute(delete(PresenceRow).where(PresenceRow.replica == self._replica))
            session.execute(delete(ReplicaRow).where(ReplicaRow.id == self._replica))

    def _forget(self, session: Session, now: int) -> None:
        """What those left who died without a word."""
        dead = select(ReplicaRow.id).where(ReplicaRow.seen_at < now - FORGOTTEN_S)
        session.execute(delete(PresenceRow).where(PresenceRow.replica.in_(dead)))
        session.execute(delete(ReplicaRow).where(ReplicaRow.seen_at < now - FORGOTTEN_S))


def _now(session: Session) -> int:
    return session.execute(select(_NOW)).scalar_one()
