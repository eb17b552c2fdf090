"""What people let clients do: an authorization code, used once, and the family of refresh tokens that comes of it.

Each step is one writing transaction, of which there is one at a time over SQLite and over PostgreSQL alike: of two who
use one code or one refresh token at once, one comes second and is seen to. Whatever is used twice ends its family, and
the access tokens of it are told to the sidecars (RFC 9700 section 4.14.2). Codes and tokens are kept as hashes.
"""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from control.errors import Denied
from control.identity.credentials import hash_of, new_secret
from control.identity.endings import Endings
from control.store import Database
from control.store.audit import record
from control.store.tables import GrantedTokenRow, OAuthGrantRow, RefreshTokenRow

from .families import is_next, issue
from .question import Question

CODE_PREFIX = "sgc_"
CODE_LIFETIME_S = 60
FAMILY_LIFETIME_S = 30 * 86_400

Withdraw = Callable[[Collection[str]], None]
"""Tells the sidecars that the access tokens of these ``jti`` no longer count."""
May = Callable[[Session, str], bool]
"""May that person have tokens now? Asked in the transaction that gives them."""


def anyone(_session: Session, _subject: str) -> bool:
    """Where people are somebody else's."""
    return True


@dataclass(frozen=True, slots=True)
class Grant:
    """One, as Authlib wants to ask it."""

    id: str
    client_id: str
    subject: str
    scope: str
    audience: tuple[str, ...]
    redirect_uri: str
    code_challenge: str
    nonce: str = ""
    auth_time: int | None = None
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        """As the authorization request had it."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What was allowed."""
        return self.scope

    def check_client(self, client: object) -> bool:
        """Is it that client's?"""
        return getattr(client, "client_id", None) == self.client_id


@dataclass(frozen=True, slots=True)
class LiveRefreshToken:
    """One that counts."""

    grant: Grant
    expires_at: int


class Grants:
    """Those in the store. Thread-safe."""

    def __init__(
        self, database: Database, clock: Callable[[], float], withdraw: Withdraw, endings: Endings, may: May = anyone
    ) -> None:
        self._database, self._clock, self._withdraw, self._may = database, clock, withdraw, may
        self._endings = endings

    def begin(
        self,
        client_id: str,
        subject: str,
        scope: str,
        audience: Sequence[str],
        redirect_uri: str,
        challenge: str,
        *,
        nonce: str = "",
        auth_time: int | None = None,
    ) -> str:
        """Somebody said yes: the code. ``auth_time``: when they signed in. Denied if they may not any more."""
        code, now = new_secret(CODE_PREFIX), int(self._clock())
        with self._database.write() as session:
            if not self._may(session, subject):
                raise Denied("Please sign in again.", "sign_in_again")
            session.execute(delete(OAuthGrantRow).where(OAuthGrantRow.expires_at < now))
            row = _new(client_id, subject, scope, audience, auth_time)
            row.redirect_uri, row.code_challenge, row.nonce = redirect_uri, challenge, nonce
            row.code_hash, row.code_used = hash_of(code), False
            row.code_expires_at = row.expires_at = now + CODE_LIFETIME_S
            session.add(row)
            record(session, now, subject, "grant.allow", client_id, scope=scope)
        return code

    def of_code(self, code: str, client_id: str) -> Grant | None:
        """The one that ``code`` was made for, if it was this client's; also if it was used."""
        with self._database.read() as session:
            row = session.scalar(select(OAuthGrantRow).where(OAuthGrantRow.code_hash == hash_of(code)))
            return _value(row) if row is not None and row.client_id == client_id else None

    def of_refresh_token(self, token: str) -> Grant | None:
        """The one that ``token`` belongs to; also if it was used."""
        with self._database.read() as session:
            found = session.get(RefreshTokenRow, hash_of(token))
            row = None if found is None else session.get(OAuthGrantRow, found.grant_id)
            return None if row is None else _value(row)

    def live_refresh_token(self, token: str) -> LiveRefreshToken | None:
        """The one that ``token`` is, if it counts and was not used."""
        with self._database.read() as session:
            row = session.get(RefreshTokenRow, hash_of(token))
            of = None if row is None else session.get(OAuthGrantRow, row.grant_id)
            if row is None or of is None or row.used_at is not None or row.superseded:
                return None
            return None if of.revoked or of.expires_at <= self._clock() else LiveRefreshToken(_value(of), of.expires_at)

    def redeem(self, code: str, jti: str, expires_at: int) -> str | None:
        """Use the code: the first refresh token, or None if it counts no more. A second use ends the family."""
        now = int(self._clock())
        with self._database.write() as session:
            row = session.scalar(select(OAuthGrantRow).where(OAuthGrantRow.code_hash == hash_of(code)))
            if row is None or row.revoked or not self._may(session, row.subject):
                return None
            if not row.code_used:
                if row.code_expires_at <= now:
                    return None
                row.code_used, row.expires_at = True, now + FAMILY_LIFETIME_S
                return issue(session, row.id, 1, jti, expires_at, now)
            family = row.id
        self.revoke(family, "a code was used twice")
        return None

    def rotate(self, token: str, jti: str, expires_at: int) -> str | None:
        """Use the refresh token: the next one, or None if it counts no more. One that was used, and whose answer cannot
        have been lost, ends the family."""
        now = int(self._clock())
        with self._database.write() as session:
            row = session.get(RefreshTokenRow, hash_of(token))
            grant = None if row is None else session.get(OAuthGrantRow, row.grant_id)
            if row is None or grant is None or grant.expires_at <= now or not self._may(session, grant.subject):
                return None
            if not grant.revoked and is_next(session, row, now):
                row.used_at = now if row.used_at is None else row.used_at
                return issue(session, grant.id, row.generation + 1, jti, expires_at, now)
            family = grant.id
        self.revoke(family, "a refresh token was used twice")
        return None

    def adopt(self, parent: str, jti: str, expires_at: int, actor: str, claims: Mapping[str, Any]) -> None:
        """An access token was exchanged for another: if the first came of a grant, both end with it."""
        now = int(self._clock())
        with self._database.write() as session:
            row = session.get(GrantedTokenRow, parent)
            if row is not None:
                session.add(GrantedTokenRow(jti=jti, grant_id=row.grant_id, expires_at=expires_at, exchanged=True))
            record(session, now, actor, "token.exchange", str(claims["sub"]), jti=jti, of=parent)

    def let_in(self, subject: str) -> list[Grant]:
        """What that person lets clients do now."""
        now = int(self._clock())
        alive = (OAuthGrantRow.expires_at > now) & OAuthGrantRow.code_used.is_(True) & OAuthGrantRow.revoked.is_(False)
        with self._database.read() as session:
            of_theirs = select(OAuthGrantRow).where(OAuthGrantRow.subject == subject, alive)
            return [_value(row) for row in session.scalars(of_theirs.order_by(OAuthGrantRow.expires_at))]

    def remembers(self, subject: str, question: Question) -> bool:
        """Does that person let that client do as much already?"""
        asked = (set(question.scopes), set(question.audience))
        return any(
            one.client_id == question.client_id and asked[0] <= set(one.scope.split()) and asked[1] <= set(one.audience)
            for one in self.let_in(subject)
        )

    def take_back(self, subject: str, client_id: str) -> None:
        """That person lets that client do nothing any more: every grant, in one transaction."""
        with self._endings(subject) as ending:
            ending.of_grants("they took it back", subject=subject, client_id=client_id)

    def revoke(self, grant_id: str, why: str) -> None:
        """End the family. Safe to be called again: what the sidecars were not told is told then."""
        now = int(self._clock())
        with self._database.write() as session:
            row = session.get(OAuthGrantRow, grant_id)
            if row is None:
                return
            if not row.revoked:
                row.revoked = True
                record(session, now, row.subject, "grant.revoke", row.client_id, why=why)
            alive = (GrantedTokenRow.grant_id == grant_id) & (GrantedTokenRow.expires_at > now)
            named = list(session.scalars(select(GrantedTokenRow.jti).where(alive)))
        if named:
            self._withdraw(named)
            with self._database.write() as session:
                session.execute(delete(GrantedTokenRow).where(GrantedTokenRow.jti.in_(named)))


def begin_without_code(
    session: Session, client_id: str, subject: str, scope: str, audience: Sequence[str], auth_time: int | None, now: int
) -> str:
    """Somebody said yes elsewhere: the id of a grant whose first tokens are to be issued in this transaction."""
    row = _new(client_id, subject, scope, audience, auth_time)
    row.redirect_uri = row.code_challenge = row.nonce = ""
    row.code_hash, row.code_used, row.code_expires_at = hash_of(new_secret(CODE_PREFIX)), True, now
    row.expires_at = now + FAMILY_LIFETIME_S
    session.add(row)
    session.flush()
    return row.id


def _new(client_id: str, subject: str, scope: str, audience: Sequence[str], auth_time: int | None) -> OAuthGrantRow:
    whose = {"client_id": client_id, "subject": subject, "scope": scope, "auth_time": auth_time}
    return OAuthGrantRow(id=str(uuid.uuid4()), audience=list(audience), revoked=False, **whose)


def _value(row: OAuthGrantRow) -> Grant:
    r, audience = row, tuple(row.audience)
    said = (r.id, r.client_id, r.subject, r.scope, audience, r.redirect_uri, r.code_challenge, r.nonce, r.auth_time)
    return Grant(*said)
