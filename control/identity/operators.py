"""Who may administer: a name, a role and a bearer token, of which only the hash is kept.

Nobody can shut everybody out: the last credential that may do everything is not taken away, and the one that was
given at start would be back at the next start. If all have expired, the next start makes a new one.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from control.errors import Conflict, Corrupt, Denied, Invalid, NotFound
from control.store import Database
from control.store.audit import record
from control.store.tables import OperatorRow

from .credentials import OPERATOR_PREFIX, hash_of, matches, new_secret
from .roles import Role, checked_scopes, role_named, within

MIN_GIVEN_TOKEN = 32
MAX_TOKEN = 512
MAX_OPERATORS = 1000
ENVIRONMENT, FIRST = "environment", "first"
"""The operator whose token was given at start, and the one who was made at the first start."""
_SYSTEM = "system"
_RESERVED = (ENVIRONMENT, FIRST, _SYSTEM)
_NOBODY = bytes(32)


@dataclass(frozen=True, slots=True)
class Operator:
    """Someone who administers. ``scopes`` None: all that the role allows; ``expires_at`` None: never."""

    id: str
    name: str
    role: Role
    scopes: list[str] | None
    expires_at: int | None
    created_at: int
    revoked: bool


class Operators:
    """The operators in the store. Thread-safe. ``key`` is the name or the id of one that is not revoked."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        self._given: bytes | None = None
        """The hash of what this control was started with; it would be back at the next start."""

    def ensure(self, token: str | None) -> str | None:
        """At start: let ``token`` in if one was given, in place of the one given before. Without one, and while nobody
        can administer, make a token: it is returned, to be shown once."""
        if token is not None:
            self._admit_given(token)
            return None
        with self._database.write() as session:
            if any(self._may_all(row) for row in session.scalars(select(OperatorRow).where(~OperatorRow.revoked))):
                return None
            for row in session.scalars(select(OperatorRow).where(OperatorRow.name == FIRST, ~OperatorRow.revoked)):
                row.revoked = True  # it has expired, and another takes its name
            return self._add(session, FIRST, _SYSTEM)[1]

    def create(
        self,
        name: str,
        actor: str,
        *,
        role: str = Role.OPERATOR,
        scopes: Sequence[str] | None = None,
        lifetime_s: int | None = None,
        giver: Operator | None = None,
    ) -> tuple[Operator, str]:
        """A new operator and the token. Denied if it could do what ``giver`` cannot."""
        if not 1 <= len(name) <= 100 or not name.isprintable() or name != name.strip() or name in _RESERVED:
            raise Invalid(f"an operator's name is 1 to 100 printable characters, and none of {', '.join(_RESERVED)}")
        rank, narrowed = role_named(role), checked_scopes(scopes)
        _check_gift(giver, rank, narrowed)
        with self._database.write() as session:
            live = session.scalars(select(OperatorRow).where(~OperatorRow.revoked)).all()
            if any(name in (row.name, row.id) for row in live):
                raise Conflict(f"the name {name!r} is taken")
            if len(live) >= MAX_OPERATORS:
                raise Conflict(f"there are {MAX_OPERATORS} operators already: remove those that nobody uses")
            return self._add(session, name, actor, role=rank, scopes=narrowed, lifetime_s=lifetime_s)

    def list(self, *, revoked: bool = True) -> "list[Operator]":
        """Oldest first; without ``revoked`` those alone that are not."""
        query = select(OperatorRow).order_by(OperatorRow.created_at, OperatorRow.id)
        with self._database.read() as session:
            rows = session.scalars(query if revoked else query.where(~OperatorRow.revoked))
            return [_value(row) for row in rows]

    def get(self, key: str) -> Operator:
        """The one named ``key``; NotFound."""
        with self._database.read() as session:
            return _value(_find(session, key))

    def revoke(
        self,
        key: str,
        actor: str,
        *,
        giver: Operator | None = None,
        holds: Callable[[Operator], None] | None = None,
    ) -> None:
        """The token is worth nothing from now on. Conflict for the one that was given at start, and for the last that
        may do everything."""
        with self._database.write() as session:
            row = self._changeable(session, key, giver, holds)
            others = session.scalars(select(OperatorRow).where(~OperatorRow.revoked, OperatorRow.id != row.id))
            if self._may_all(row) and not any(self._may_all(other) for other in others):
                raise Conflict(
                    "this is the last credential that may do everything: add another of role operator before",
                    "last_operator",
                )
            row.revoked = True
            record(session, self._clock(), actor, "operator.remove", row.name, id=row.id)

    def rotate(
        self,
        key: str,
        actor: str,
        *,
        lifetime_s: int | None = None,
        giver: Operator | None = None,
        holds: Callable[[Operator], None] | None = None,
    ) -> tuple[Operator, str]:
        """The same name, role and scopes under a new id and a new token; the old one ends at once. It expires when
        the old one would have, unless ``lifetime_s`` says another time."""
        with self._database.write() as session:
            row = self._changeable(session, key, giver, holds)
            if lifetime_s is None and self._expired(row):
                raise Conflict("it has expired: say for how long the new one is good", "expired")
            row.revoked = True
            kept = None if lifetime_s else row.expires_at
            made, token = self._new(row.name, role=Role(row.role), scopes=row.scopes, lifetime_s=lifetime_s, until=kept)
            session.add(made)
            record(session, self._clock(), actor, "operator.rotate", row.name, id=made.id, replaces=row.id)
            return _value(made), token

    def authenticate(self, token: str) -> Operator | None:
        """Whose token this is, or None: unknown, revoked or expired, which all take as long."""
        if not 0 < len(token) <= MAX_TOKEN:
            return None
        with self._database.read() as session:
            row = session.scalar(select(OperatorRow).where(OperatorRow.token_hash == hash_of(token)))
            proven = matches(token, row.token_hash if row else _NOBODY)
            return _value(row) if row and proven and not row.revoked and not self._expired(row) else None

    def is_live(self, operator_id: str) -> bool:
        """Whether that operator's token still counts."""
        with self._database.read() as session:
            row = session.get(OperatorRow, operator_id)
            return row is not None and not row.revoked and not self._expired(row)

    def _expired(self, row: OperatorRow) -> bool:
        return row.expires_at is not None and self._clock() >= row.expires_at

    def _may_all(self, row: OperatorRow) -> bool:
        """Whether it could let others in, and so is enough to administer with."""
        return not row.revoked and not self._expired(row) and row.role == Role.OPERATOR and row.scopes is None

    def _changeable(
        self, session: Session, key: str, giver: Operator | None, holds: Callable[[Operator], None] | None
    ) -> OperatorRow:
        row = _find(session, key)
        if holds is not None:
            holds(_value(row))
        if row.token_hash == self._given:
            raise Conflict(
                "control was started with this credential and would let it in at the next start again: start it with "
                "another CONTROL_TOKEN, or with none once there is another operator",
                "given_at_start",
            )
        _check_gift(giver, Role(row.role), row.scopes)
        return row

    def _admit_given(self, token: str) -> None:
        if not MIN_GIVEN_TOKEN <= len(token) <= MAX_TOKEN:
            raise Invalid(f"an operator's token has {MIN_GIVEN_TOKEN} to {MAX_TOKEN} characters")
        with self._database.write() as session:
            given = session.scalar(select(OperatorRow).where(OperatorRow.token_hash == hash_of(token)))
            for row in session.scalars(select(OperatorRow).where(OperatorRow.name == ENVIRONMENT)):
                if row is not given and not row.revoked:
                    row.revoked = True
                    record(session, self._clock(), _SYSTEM, "operator.remove", row.name, id=row.id)
            if given is None:
                self._add(session, ENVIRONMENT, _SYSTEM, token)
            else:
                given.revoked, given.role, given.scopes, given.expires_at = False, Role.OPERATOR, None, None
        self._given = hash_of(token)

    def _add(
        self,
        session: Session,
        name: str,
        actor: str,
        token: str | None = None,
        *,
        role: Role = Role.OPERATOR,
        scopes: Sequence[str] | None = None,
        lifetime_s: int | None = None,
    ) -> tuple[Operator, str]:
        row, token = self._new(name, token, role=role, scopes=scopes, lifetime_s=lifetime_s)
        session.add(row)
        record(session, self._clock(), actor, "operator.create", name, id=row.id, role=role, scopes=row.scopes)
        return _value(row), token

    def _new(
        self,
        name: str,
        token: str | None = None,
        *,
        role: Role = Role.OPERATOR,
        scopes: Sequence[str] | None = None,
        lifetime_s: int | None = None,
        until: int | None = None,
    ) -> tuple[OperatorRow, str]:
        token, now = token or new_secret(OPERATOR_PREFIX), self._clock()
        row = OperatorRow(
            id=str(uuid.uuid4()),
            name=name,
            token_hash=hash_of(token),
            role=role,
            scopes=None if scopes is None else list(scopes),
            expires_at=until if lifetime_s is None else int(now) + lifetime_s,
            created_at=int(now),
            revoked=False,
        )
        return row, token


def check(session: Session) -> None:
    """Corrupt, if one has a role or a scope that there is not: for a database that came from elsewhere."""
    try:
        for row in session.scalars(select(OperatorRow)):
            role_named(row.role)
            checked_scopes(row.scopes)
    except Invalid as error:
        raise Corrupt(f"an operator may do what nobody may: {error}") from None


def _check_gift(giver: Operator | None, role: Role, scopes: Sequence[str] | None) -> None:
    """Nobody hands out, or takes over by rotating, what they may not do themselves."""
    if giver is not None and not within(role, scopes, giver.role, giver.scopes):
        raise Denied("your credential may do less than this one, and so cannot make or change it", "forbidden")


def _find(session: Session, key: str) -> OperatorRow:
    named = or_(OperatorRow.name == key, OperatorRow.id == key)
    row = session.scalar(select(OperatorRow).where(named, ~OperatorRow.revoked)) if key.isprintable() else None
    if row is None:
        raise NotFound("there is no such operator")
    return row


def _value(row: OperatorRow) -> Operator:
    return Operator(row.id, row.name, Role(row.role), row.scopes, row.expires_at, row.created_at, row.revoked)
