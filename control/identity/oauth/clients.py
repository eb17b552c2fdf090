"""Clients that do more than ask for tokens of their own: applications that people let in, that exchange tokens, or that
prove themselves by a key.

What is registered is what may be done: where browsers are sent back to, by which grants tokens are got, and how the
client proves who it is: by its secret, by one of its keys (RFC 7523), or, being public, by PKCE alone. Knows nothing of
secrets: ``applications`` proves who is who.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from control.errors import Conflict, Invalid, NotFound
from control.identity.endings import Endings
from control.store import Database
from control.store.audit import record
from control.store.tables import ApplicationRow, OAuthClientRow

from .client_keys import checked_jwks
from .redirects import is_redirect_uri, is_same

MAX_URIS = 20
CODE = "authorization_code"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
GRANT_TYPES = (CODE, DEVICE, EXCHANGE)
"""Those that are a matter of registration. Refresh tokens come with the first two."""

_OF_CLIENT = select(*OAuthClientRow.__table__.c).where(OAuthClientRow.client_id == bindparam("client_id"))


@dataclass(frozen=True, slots=True)
class Registration:
    """``public``: it cannot keep a secret, and proves itself by PKCE alone. ``jwks``: it proves itself by one of these
    keys, and its secret is worth nothing."""

    client_id: str
    redirect_uris: tuple[str, ...]
    public: bool
    grant_types: tuple[str, ...] = (CODE,)
    jwks: Mapping[str, Any] | None = None

    def may_return_to(self, uri: str) -> bool:
        """Is ``uri`` one of those registered?"""
        return any(is_same(uri, known) for known in self.redirect_uris)

    def may_use(self, grant_type: str) -> bool:
        """Is it registered for that grant?"""
        if grant_type == "client_credentials":
            return not self.public
        if grant_type == "refresh_token":
            return CODE in self.grant_types or DEVICE in self.grant_types
        return grant_type in self.grant_types


class Changes(TypedDict, total=False):
    """What ``update`` can change; what is absent stays."""

    redirect_uris: Sequence[str]
    public: bool
    grant_types: Sequence[str]
    jwks: Mapping[str, Any] | None


Holds = Callable[[Registration], None]
"""Looks at it in the transaction that changes it, and raises Stale if the caller has not seen it so."""


class Clients:
    """The registrations in the store. Thread-safe."""

    def __init__(self, database: Database, endings: Endings) -> None:
        self._database, self._endings = database, endings

    def register(
        self,
        client_id: str,
        redirect_uris: Sequence[str],
        actor: str,
        now: float,
        *,
        public: bool = False,
        grant_types: Sequence[str] = (CODE,),
        jwks: Mapping[str, Any] | None = None,
    ) -> Registration:
        """Register the application; Invalid, or Conflict if it is already or if there is none."""
        made = checked(Registration(client_id, tuple(redirect_uris), public, tuple(grant_types), jwks))
        with self._database.write() as session:
            known = _name_of(session, client_id)
            if known is None or session.get(OAuthClientRow, client_id) is not None:
                raise Conflict("there is no such application, or it is registered already")
            row = OAuthClientRow(client_id=client_id)
            _write(row, made)
            session.add(row)
            record(session, now, actor, "client.register", known, **_said(made))
        return made

    def get(self, client_id: str) -> Registration | None:
        """Of that application, if it is registered."""
        if len(client_id) > 64 or not client_id.isascii() or not client_id.isprintable():
            return None
        found = self._database.rows(_OF_CLIENT, client_id=client_id)
        return _value(found[0]) if found else None

    def find(self, client_id: str) -> Registration:
        """The same; NotFound."""
        found = self.get(client_id)
        if found is None:
            raise NotFound("this application is not registered as a client")
        return found

    def all(self) -> dict[str, Registration]:
        """Every one, by client_id."""
        with self._database.read() as session:
            return {row.client_id: _value(row) for row in session.scalars(select(OAuthClientRow))}

    def update(
        self, client_id: str, actor: str, now: float, *, holds: Holds | None = None, **changes: Unpack[Changes]
    ) -> Registration:
        """Change what is named in ``changes``; NotFound, Invalid."""
        with self._database.write() as session:
            row, _ = _found(session, client_id, holds)
            after = checked(replace(_value(row), **changes))  # type: ignore[arg-type]  # sequences become tuples there
            rewrite(session, after, actor, now)
        return after

    def remove(self, client_id: str, actor: str, now: float, *, holds: Holds | None = None) -> None:
        """It is an application like any other again; what people let it do is over, in the sidecars too. NotFound."""
        with self._endings(actor) as ending:
            row, name = _found(ending.session, client_id, holds)
            ending.of_grants("the client was removed", client_id=client_id)
            ending.session.delete(row)
            record(ending.session, now, actor, "client.remove", name)


def in_session(session: Session, client_id: str) -> Registration | None:
    """Of that application, as the transaction sees it."""
    row = session.get(OAuthClientRow, client_id)
    return None if row is None else _value(row)


def rewrite(session: Session, after: Registration, actor: str, now: float) -> None:
    """It is ``after``, which is checked, from the end of the transaction on; NotFound."""
    row, name = _found(session, after.client_id, None)
    _write(row, after)
    record(session, now, actor, "client.update", name, **_said(after))


def checked(asked: Registration) -> Registration:
    """The same, each thing once; Invalid if it cannot be meant."""
    uris, grants = tuple(dict.fromkeys(asked.redirect_uris)), tuple(dict.fromkeys(asked.grant_types))
    if len(uris) > MAX_URIS or not all(is_redirect_uri(uri) for uri in uris):
        raise Invalid("redirect URIs are absolute, without fragment, and https unless they lead to a loopback")
    if not set(grants) <= set(GRANT_TYPES):
        raise Invalid(f"grant_types are {', '.join(GRANT_TYPES)}")
    if (CODE in grants) != bool(uris):
        raise Invalid(f"redirect URIs and {CODE} go together")
    if asked.public and (asked.jwks is not None or EXCHANGE in grants):
        raise Invalid("a public client has no keys and exchanges no tokens: anyone can say to be it")
    jwks = None if asked.jwks is None else checked_jwks(asked.jwks)
    if not grants and jwks is None:
        raise Invalid("there is nothing to register: no grant_types and no keys")
    return Registration(asked.client_id, uris, asked.public, grants, jwks)


def _found(session: Session, client_id: str, holds: Holds | None) -> tuple[OAuthClientRow, str]:
    row, name = session.get(OAuthClientRow, client_id), _name_of(session, client_id)
    if row is None or name is None:
        raise NotFound("this application is not registered as a client")
    if holds is not None:
        holds(_value(row))
    return row, name


def _name_of(session: Session, client_id: str) -> str | None:
    return session.scalar(select(ApplicationRow.name).where(ApplicationRow.client_id == client_id))


def _write(row: OAuthClientRow, r: Registration) -> None:
    row.redirect_uris, row.public, row.grant_types = list(r.redirect_uris), r.public, list(r.grant_types)
    row.jwks = None if r.jwks is None else dict(r.jwks)


def _value(row: OAuthClientRow | Row[Any]) -> Registration:
    return Registration(row.client_id, tuple(row.redirect_uris), row.public, tuple(row.grant_types), row.jwks)


def _said(r: Registration) -> dict[str, Any]:
    kids = None if r.jwks is None else [key.get("kid", "") for key in r.jwks["keys"]]
    return {
        "redirect_uris": list(r.redirect_uris),
        "public": r.public,
        "grant_types": list(r.grant_types),
        "kids": kids,
    }
