"""Clients of the token endpoint: what each may ask for, and the proof of which it is.

A client's secret is returned once, when it is made. What an application may do is read anew for every token, so
that a change counts from the next token on. Tokens already out keep what they say, until what they came of ends.
"""

import re
import secrets
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from sqlalchemy import Row, bindparam, or_, select
from sqlalchemy.orm import Session

from control.errors import Conflict, Invalid, NotFound
from control.store import Database
from control.store.audit import record
from control.store.tables import ApplicationRow, ApplicationSecretRow, AuditRow

from . import application_secrets
from .application_secrets import ApplicationSecrets
from .endings import Ending, Endings, untold

MAX_NAME = 100
MAX_LIST = 200
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")
"""scope-token, RFC 6749 section 3.3."""
_OF_CLIENT = select(*ApplicationRow.__table__.c).where(ApplicationRow.client_id == bindparam("client_id"))
_WITH_SECRETS = _OF_CLIENT.add_columns(ApplicationSecretRow.secret_hash).outerjoin(
    ApplicationSecretRow,
    (ApplicationSecretRow.client_id == ApplicationRow.client_id) & application_secrets.counting(bindparam("now")),
)
_SERVICE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Application:
    """A client. ``services`` None: it may call every service of the policy. ``revision``: how often it was changed, a
    new secret included, so that two values that are equal are of one moment."""

    id: str
    client_id: str
    name: str
    scopes: list[str]
    services: list[str] | None
    active: bool
    created_at: int
    revision: int


class ApplicationChanges(TypedDict, total=False):
    """What ``update`` can change; what is absent stays."""

    name: str
    scopes: Sequence[str]
    services: Sequence[str] | None
    active: bool


Holds = Callable[[Application], None]
"""Looks at it in the transaction that changes it, and raises Stale if the caller has not seen it so."""
Within = Callable[[Ending, Application], None]
"""Changes in the same transaction what belongs to it; or raises, and nothing is changed."""
Changed = Callable[[str, Collection[str]], None]
"""Told after a change: who made it, and the names that the applications have and had."""


def _nobody_is_told(_actor: str, _names: Collection[str]) -> None:
    return None


class Applications:
    """The applications in the store. Thread-safe. ``key`` is an application's name, id or client_id."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        changed: Changed = _nobody_is_told,
        endings: Endings | None = None,
    ) -> None:
        self._database, self._clock, self._changed = database, clock, changed
        self._endings = endings or untold(database, clock)
        self.secrets = ApplicationSecrets(database, clock, self._endings)

    def create(
        self, name: str, actor: str, *, scopes: Sequence[str] = (), services: Sequence[str] | None = None
    ) -> tuple[Application, str]:
        """A new application and its secret; Conflict if the name is taken."""
        now = self._clock()
        with self._database.write() as session:
            row = ApplicationRow(
                id=str(uuid.uuid4()),
                client_id=_new_client_id(name),
                name=_free_name(session, name),
                scopes=checked_scopes(scopes),
                services=_services(services),
                active=True,
                created_at=int(now),
                revision=0,
            )
            session.add(row)
            session.flush()
            _, secret = application_secrets.add(session, row.client_id, now)
            record(session, now, actor, "application.create", row.name, client_id=row.client_id, scopes=row.scopes)
            made = _value(row)
        self._changed(actor, {made.name})
        return made, secret

    def list(self) -> "list[Application]":
        """All of them, by name."""
        with self._database.read() as session:
            return [_value(row) for row in session.scalars(select(ApplicationRow).order_by(ApplicationRow.name))]

    def get(self, key: str) -> Application:
        """The one named ``key``; NotFound."""
        with self._database.read() as session:
            return _value(_find(session, key))

    def client_ids(self, key: str) -> tuple[str, ...]:
        """Of every application that ``key`` names or named: those removed are known from the audit trail, since their
        tokens outlive them. NotFound if there never was one: a misspelt name must not pass for a revocation."""
        with self._database.read() as session:
            removed = session.scalars(select(AuditRow).where(AuditRow.action == "application.remove"))
            found = [row.detail["client_id"] for row in removed if key in (row.subject, row.detail["client_id"])]
            try:
                return (_find(session, key).client_id, *found)
            except NotFound:
                if not found:
                    raise
                return tuple(found)

    def update(
        self,
        key: str,
        actor: str,
        *,
        holds: Holds | None = None,
        within: Within | None = None,
        **changes: Unpack[ApplicationChanges],
    ) -> Application:
        """Change what is named in ``changes``, if the application is as ``holds`` wants it. Turned off, it gets no more
        tokens, and those that it has count no more, also when it is turned on again."""
        with self._endings(actor) as ending:
            session = ending.session
            row = _found(session, key, holds)
            if within is not None:
                within(ending, _value(row))
            before, was_active = row.name, row.active
            if "name" in changes and changes["name"] != row.name:
                row.name = _free_name(session, changes["name"])
            if "scopes" in changes:
                row.scopes = checked_scopes(changes["scopes"])
            if "services" in changes:
                row.services = _services(changes["services"])
            row.active = changes.get("active", row.active)
            row.revision += 1
            said = {name: _plain(value) for name, value in changes.items()}
            record(session, self._clock(), actor, "application.update", row.name, **said)
            if was_active and not row.active:
                ending.of_client(row.client_id, "the application was turned off")
            now = _value(row)
        self._changed(actor, {before, now.name})
        return now

    def rotate_secret(self, key: str, actor: str, *, holds: Holds | None = None) -> tuple[Application, str]:
        """A new secret; all that it had are worth nothing from now on, nor are the tokens that came by them."""
        with self._endings(actor) as ending:
            session = ending.session
            row = _found(session, key, holds)
            secret = application_secrets.replace_all(ending, row.client_id)
            row.revision += 1
            record(session, self._clock(), actor, "application.rotate_secret", row.name)
            return _value(row), secret

    def remove(self, key: str, actor: str, *, holds: Holds | None = None) -> None:
        """No more tokens for it, and those that are out count no more."""
        with self._endings(actor) as ending:
            session = ending.session
            row = _found(session, key, holds)
            name = row.name
            if row.active:
                ending.of_client(row.client_id, "the application was removed")
            session.delete(row)
            record(session, self._clock(), actor, "application.remove", name, client_id=row.client_id)
        self._changed(actor, {name})

    def active(self, client_id: str) -> Application | None:
        """The one with that id, if it is active. Proves nothing."""
        if len(client_id) > 64 or not client_id.isascii() or not client_id.isprintable():
            return None
        found = self._database.rows(_OF_CLIENT, client_id=client_id)
        return _value(found[0]) if found and found[0].active else None

    def authenticate(self, client_id: str, secret: str) -> Application | None:
        """The active application whose id and secret these are. An unknown id takes as long as a wrong secret."""
        if len(client_id) > 64 or not client_id.isascii() or not client_id.isprintable():
            return None
        found = self._database.rows(_WITH_SECRETS, client_id=client_id, now=int(self._clock()))
        proven = application_secrets.fits(secret, [row.secret_hash for row in found if row.secret_hash is not None])
        return _value(found[0]) if found and proven and found[0].active else None


def _find(session: Session, key: str) -> ApplicationRow:
    if not key.isprintable():  # nor, then, storable
        raise NotFound("there is no such application")
    columns = (ApplicationRow.name, ApplicationRow.id, ApplicationRow.client_id)
    rows = session.scalars(select(ApplicationRow).where(or_(*(column == key for column in columns)))).all()
    if len(rows) != 1:
        raise NotFound(f"there is no application {key[:MAX_NAME]!r}")
    return rows[0]


def _found(session: Session, key: str, holds: Holds | None) -> ApplicationRow:
    row = _find(session, key)
    if holds is not None:
        holds(_value(row))
    return row


def _free_name(session: Session, name: str) -> str:
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
        raise Invalid(f"an application's name is 1 to {MAX_NAME} printable characters")
    columns = (ApplicationRow.name, ApplicationRow.id, ApplicationRow.client_id)
    if session.scalar(select(ApplicationRow).where(or_(*(column == name for column in columns)))) is not None:
        raise Conflict(f"the name {name!r} is taken")
    return name


def _new_client_id(name: str) -> str:
    # Readable in a log, and never the same again when an application is removed and another takes its name.
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    return f"{readable or 'app'}-{secrets.token_hex(6)}"


def checked_scopes(scopes: Sequence[str]) -> list[str]:
    """The scopes, each once; Invalid."""
    if len(scopes) > MAX_LIST or not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise Invalid(f"scopes are at most {MAX_LIST} words without spaces, quotes or backslashes")
    return list(dict.fromkeys(scopes))


def _services(services: Sequence[str] | None) -> list[str] | None:
    if services is None:
        return None
    if len(services) > MAX_LIST or not all(_SERVICE.fullmatch(service) for service in services):
        raise Invalid(f"services are at most {MAX_LIST} names of services")
    return list(dict.fromkeys(services))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _value(row: ApplicationRow | Row[Any]) -> Application:
    r = row
    return Application(r.id, r.client_id, r.name, r.scopes, r.services, r.active, r.created_at, r.revision)
