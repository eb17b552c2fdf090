"""Who may administer: a name and a bearer token, of which only the hash is kept."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.errors import Invalid, NotFound
from control.store import Database
from control.store.audit import record
from control.store.tables import OperatorRow

from .credentials import OPERATOR_PREFIX, hash_of, matches, new_secret

MIN_GIVEN_TOKEN = 32
MAX_TOKEN = 512
ENVIRONMENT, FIRST = "environment", "first"
"""The operator whose token was given at start, and the one who was made at the first start."""
_SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Operator:
    """Someone who administers."""

    id: str
    name: str
    created_at: int
    revoked: bool


class Operators:
    """The operators in the store. Thread-safe."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock

    def ensure(self, token: str | None) -> str | None:
        """At start: let ``token`` in if one was given, in place of the one given before. Without one, and while nobody
        can administer yet, make a token: it is returned, to be shown once."""
        if token is not None:
            self._admit_given(token)
            return None
        with self._database.write() as session:
            if session.scalar(select(OperatorRow).where(~OperatorRow.revoked).limit(1)) is not None:
                return None
            return self._add(session, FIRST, _SYSTEM)[1]

    def create(self, name: str, actor: str) -> tuple[Operator, str]:
        """A new operator and the token."""
        if not 1 <= len(name) <= 100 or not name.isprintable():
            raise Invalid("an operator's name is 1 to 100 printable characters")
        with self._database.write() as session:
            return self._add(session, name, actor)

    def list(self) -> "list[Operator]":
        """All of them, oldest first."""
        with self._database.read() as session:
            rows = session.scalars(select(OperatorRow).order_by(OperatorRow.created_at, OperatorRow.id))
            return [_value(row) for row in rows]

    def revoke(self, operator_id: str, actor: str) -> None:
        """The token is worth nothing from now on."""
        with self._database.write() as session:
            row = session.get(OperatorRow, operator_id)
            if row is None:
                raise NotFound("there is no such operator")
            row.revoked = True
            record(session, self._clock(), actor, "operator.revoke", row.name, id=row.id)

    def authenticate(self, token: str) -> Operator | None:
        """Whose token this is, or None."""
        if not 0 < len(token) <= MAX_TOKEN:
            return None
        with self._database.read() as session:
            row = session.scalar(select(OperatorRow).where(OperatorRow.token_hash == hash_of(token)))
            return _value(row) if row and not row.revoked and matches(token, row.token_hash) else None

    def _admit_given(self, token: str) -> None:
        if not MIN_GIVEN_TOKEN <= len(token) <= MAX_TOKEN:
            raise Invalid(f"an operator's token has {MIN_GIVEN_TOKEN} to {MAX_TOKEN} characters")
        with self._database.write() as session:
            given = session.scalar(select(OperatorRow).where(OperatorRow.token_hash == hash_of(token)))
            for row in session.scalars(select(OperatorRow).where(OperatorRow.name == ENVIRONMENT)):
                row.revoked = row.revoked or row is not given
            if given is None:
                self._add(session, ENVIRONMENT, _SYSTEM, token)
            else:
                given.revoked = False

    def _add(self, session: Session, name: str, actor: str, token: str | None = None) -> tuple[Operator, str]:
        token, now = token or new_secret(OPERATOR_PREFIX), self._clock()
        row = OperatorRow(
            id=str(uuid.uuid4()), name=name, token_hash=hash_of(token), created_at=int(now), revoked=False
        )
        session.add(row)
        record(session, now, actor, "operator.create", name, id=row.id)
        return _value(row), token


def _value(row: OperatorRow) -> Operator:
    return Operator(row.id, row.name, row.created_at, row.revoked)
