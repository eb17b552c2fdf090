"""What people let clients do: an authorization code, used once, and the family of refresh tokens that comes of it.

Each step is one writing transaction, of which there is one at a time over SQLite and over PostgreSQL alike: of two who
use one code or one refresh token at once, one comes second and is seen to. Whatever is used twice ends its family, and
the access tokens of it are told to the sidecars (RFC 9700 section 4.14.2). Codes and tokens are kept as hashes.
"""

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from control.identity.credentials import hash_of, new_secret
from control.store import Database
from control.store.audit import record
from control.store.tables import GrantedTokenRow, OAuthGrantRow, RefreshTokenRow

CODE_PREFIX, REFRESH_PREFIX = "sgc_", "sgr_"
CODE_LIFETIME_S = 60
FAMILY_LIFETIME_S = 30 * 86_400
GRACE_S = 60
"""For so long the last token but one counts again, if nobody has used what came of it: its answer was lost."""

Withdraw = Callable[[Collection[str]], None]
"""Tells the sidecars that the access tokens of these ``jti`` no longer count."""


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


class Grants:
    """Those in the store. Thread-safe."""

    def __init__(self, database: Database, clock: Callable[[], float], withdraw: Withdraw) -> None:
        self._database, self._clock, self._withdraw = database, clock, withdraw

    def begin(
        self, client_id: str, subject: str, scope: str, audience: Sequence[str], redirect_uri: str, challenge: str
    ) -> str:
        """Somebody said yes: the code."""
        code, now = new_secret(CODE_PREFIX), int(self._clock())
        with self._database.write() as session:
            session.execute(delete(OAuthGrantRow).where(OAuthGrantRow.expires_at < now))
            row = OAuthGrantRow(
                id=str(uuid.uuid4()),
                client_id=client_id,
                subject=subject,
                scope=scope,
                audience=list(audience),
                redirect_uri=redirect_uri,
                code_hash=hash_of(code),
                code_challenge=challenge,
                code_expires_at=now + CODE_LIFETIME_S,
                code_used=False,
                revoked=False,
                expires_at=now + CODE_LIFETIME_S,
            )
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

    def redeem(self, code: str, jti: str, expires_at: int) -> str | None:
        """Use the code: the first refresh token, or None if it counts no more. A second use ends the family."""
        now = int(self._clock())
        with self._database.write() as session:
            row = session.scalar(select(OAuthGrantRow).where(OAuthGrantRow.code_hash == hash_of(code)))
            if row is None or row.revoked:
                return None
            if not row.code_used:
                if row.code_expires_at <= now:
                    return None
                row.code_used, row.expires_at = True, now + FAMILY_LIFETIME_S
                return _issue(session, row.id, 1, jti, expires_at, now)
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
            if row is None or grant is None or grant.expires_at <= now:
                return None
            if not grant.revoked and _is_next(session, row, now):
                row.used_at = now if row.used_at is None else row.used_at
                return _issue(session, grant.id, row.generation + 1, jti, expires_at, now)
            family = grant.id
        self.revoke(family, "a refresh token was used twice")
        return None

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


def _is_next(session: Session, row: RefreshTokenRow, now: int) -> bool:
    """Does it count? Unused it does; used, for ``GRACE_S``, if what came of it is unused: that is put aside then."""
    if row.superseded:
        return False
    if row.used_at is None:
        return True
    newest = session.scalar(
        select(func.max(RefreshTokenRow.generation)).where(RefreshTokenRow.grant_id == row.grant_id)
    )
    if newest != row.generation + 1 or now - row.used_at > GRACE_S:
        return False
    same = (RefreshTokenRow.grant_id == row.grant_id) & (RefreshTokenRow.generation == newest)
    after = session.scalars(select(RefreshTokenRow).where(same)).all()
    if any(one.used_at is not None for one in after):
        return False
    for one in after:
        one.superseded = True
    return True


def _issue(session: Session, grant_id: str, generation: int, jti: str, expires_at: int, now: int) -> str:
    token = new_secret(REFRESH_PREFIX)
    over = (GrantedTokenRow.grant_id == grant_id) & (GrantedTokenRow.expires_at <= now)
    session.execute(delete(GrantedTokenRow).where(over))
    session.add(
        RefreshTokenRow(hash=hash_of(token), grant_id=grant_id, generation=generation, used_at=None, superseded=False)
    )
    session.add(GrantedTokenRow(jti=jti, grant_id=grant_id, expires_at=expires_at))
    return token


def _value(row: OAuthGrantRow) -> Grant:
    r = row
    return Grant(r.id, r.client_id, r.subject, r.scope, tuple(r.audience), r.redirect_uri, r.code_challenge)
