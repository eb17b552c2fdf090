"""The freeze: while it lasts nobody changes the policy. What makes the mesh safer goes on: revocations, keys that have
leaked, the end of a canary.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from control.errors import Conflict, NotFound
from control.store import Database
from control.store.audit import record
from control.store.tables import FreezeRow

_ONLY = 1


@dataclass(frozen=True, slots=True)
class Frozen:
    """By whose will, why, and since when (unix seconds)."""

    actor: str
    reason: str
    at: int

    def __str__(self) -> str:
        since = dt.datetime.fromtimestamp(self.at, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return f"frozen by {self.actor} since {since}: {self.reason}"


def frozen(session: Session) -> Frozen | None:
    """The freeze that lasts, or None."""
    row = session.get(FreezeRow, _ONLY)
    return None if row is None else Frozen(row.actor, row.reason, row.at)


def refuse_if_frozen(session: Session) -> None:
    """Conflict ``frozen``, in words that name who to ask."""
    lasting = frozen(session)
    if lasting is not None:
        raise Conflict(f"the mesh is {lasting}. It ends with: control unfreeze", "frozen")


class Freeze:
    """Begins and ends it. Thread-safe. ``tell`` is called after each change."""

    def __init__(self, database: Database, clock: Callable[[], float], tell: Callable[[], None]) -> None:
        self._database, self._clock, self._tell = database, clock, tell

    def current(self) -> Frozen | None:
        """The freeze that lasts, or None."""
        with self._database.read() as session:
            return frozen(session)

    def begin(self, actor: str, reason: str) -> Frozen:
        """Nobody changes the policy from now on. Of one that lasts the reason is replaced."""
        with self._database.write() as session:
            row = FreezeRow(id=_ONLY, actor=actor, reason=reason, at=int(self._clock()))
            session.merge(row)
            record(session, self._clock(), actor, "freeze", "policy", reason=reason)
        self._tell()
        return Frozen(row.actor, row.reason, row.at)

    def end(self, actor: str) -> None:
        """They may again; NotFound."""
        with self._database.write() as session:
            row = session.get(FreezeRow, _ONLY)
            if row is None:
                raise NotFound("the mesh is not frozen")
            session.delete(row)
            record(session, self._clock(), actor, "unfreeze", "policy", reason=row.reason)
        self._tell()
