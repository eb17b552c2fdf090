"""Scopes that are described: what a name means, as people are told who are asked to allow it.

A description gives nothing and takes nothing: applications and policies use names that nobody has described. One that
an application may ask for is not removed, so that people are not asked about a bare name.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from control.errors import Conflict, Invalid, NotFound
from control.identity.applications import checked_scopes
from control.store import Database
from control.store.audit import record
from control.store.tables import ApplicationRow, ScopeRow

MAX_DESCRIPTION = 300
MAX_SCOPES = 10_000
KNOWN = {
    "openid": "Know that it is you",
    "profile": "See your name",
    "email": "See your e-mail address",
    "offline_access": "Go on when you are not there",
}
"""Of OpenID Connect; a description of one's own takes their place."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One that is described."""

    id: str
    name: str
    description: str
    created_at: int
    revision: int


Holds = Callable[[Scope], None]
"""Looks at it in the transaction that changes it, and raises Stale if the caller has not seen it so."""


class Scopes:
    """Those in the store. Thread-safe and blocking. ``key`` is a scope's name or id."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock

    def describe(self, names: Iterable[str]) -> dict[str, str]:
        """A sentence for each name, in that order; for one that nobody described, the name itself."""
        wanted = list(dict.fromkeys(names))
        with self._database.read() as session:
            rows = session.scalars(select(ScopeRow).where(ScopeRow.name.in_(wanted)))
            found = {row.name: row.description for row in rows}
        return {name: found.get(name) or KNOWN.get(name, name) for name in wanted}

    def list(self) -> "list[Scope]":
        """All that are described, by name."""
        with self._database.read() as session:
            return [_value(row) for row in session.scalars(select(ScopeRow).order_by(ScopeRow.name))]

    def get(self, key: str) -> Scope:
        """One of them; NotFound."""
        with self._database.read() as session:
            return _value(_find(session, key))

    def create(self, name: str, description: str, actor: str) -> Scope:
        """Describe one; Conflict if it is."""
        said, now = _description(description), self._clock()
        checked_scopes([name])
        with self._database.write() as session:
            taken = select(ScopeRow.id).where(or_(ScopeRow.name == name, ScopeRow.id == name))
            if session.scalar(taken) is not None:
                raise Conflict(f"the scope {name!r} is described already")
            if session.query(ScopeRow).count() >= MAX_SCOPES:
                raise Conflict(f"there are {MAX_SCOPES} scopes already")
            row = ScopeRow(id=str(uuid.uuid4()), name=name, description=said, created_at=int(now), revision=0)
            session.add(row)
            record(session, now, actor, "scope.create", name, description=said)
            return _value(row)

    def update(self, key: str, description: str, actor: str, *, holds: Holds | None = None) -> Scope:
        """Describe it otherwise."""
        said = _description(description)
        with self._database.write() as session:
            row = _find(session, key)
            if holds is not None:
                holds(_value(row))
            row.description, row.revision = said, row.revision + 1
            record(session, self._clock(), actor, "scope.update", row.name, description=said)
            return _value(row)

    def remove(self, key: str, actor: str, *, holds: Holds | None = None) -> None:
        """It is described no more; Conflict while an application may ask for it."""
        with self._database.write() as session:
            row = _find(session, key)
            if holds is not None:
                holds(_value(row))
            users = [app.name for app in session.scalars(select(ApplicationRow)) if row.name in app.scopes]
            if users:
                raise Conflict(
                    f"{len(users)} applications may ask for it, such as {min(users)!r}: take it from them first"
                )
            session.delete(row)
            record(session, self._clock(), actor, "scope.remove", row.name)


def _find(session: Session, key: str) -> ScopeRow:
    named = select(ScopeRow).where(or_(ScopeRow.name == key, ScopeRow.id == key))
    row = session.scalar(named) if key.isprintable() else None
    if row is None:
        raise NotFound("that scope is not described")
    return row


def _description(text: str) -> str:
    if not 1 <= len(text) <= MAX_DESCRIPTION or not text.isprintable() or text != text.strip():
        raise Invalid(f"a description is 1 to {MAX_DESCRIPTION} printable characters")
    return text


def _value(row: ScopeRow) -> Scope:
    return Scope(row.id, row.name, row.description, row.created_at, row.revision)
