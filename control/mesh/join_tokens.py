"""Join tokens: what a sidecar is let in with once. Good for one service, a while and a number of joins."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.errors import Denied, Invalid, NotFound
from control.identity.credentials import hash_of, matches
from control.store import Database
from control.store.audit import record
from control.store.tables import JoinTokenRow
from sidecar.contract.join import JoinToken, format_join_token
from sidecar.contract.messages import Join

MAX_USES = 10_000
MAX_LIFETIME_S = 30 * 86_400
_SERVICE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""A DNS label, as the policy has it: with any other name no snapshot could ever be for it."""
_NOBODY = hash_of(secrets.token_bytes(32))


@dataclass(frozen=True, slots=True)
class JoinTokenInfo:
    """A join token as an operator sees it."""

    id: str
    service: str
    expires_at: int
    uses_left: int
    revoked: bool
    created_at: int


class JoinTokens:
    """The join tokens in the store. Thread-safe."""

    def __init__(self, database: Database, ca_der: bytes, clock: Callable[[], float]) -> None:
        self._database, self._ca_der, self._clock = database, ca_der, clock

    def create(self, service: str, actor: str, uses: int, lifetime_s: int) -> tuple[JoinTokenInfo, str]:
        """A join token and its text, which is shown once."""
        if not _SERVICE.fullmatch(service):
            raise Invalid("that is no service name: lower-case letters, digits and hyphens, at most 63")
        if not 1 <= uses <= MAX_USES or not 1 <= lifetime_s <= MAX_LIFETIME_S:
            raise Invalid(f"a join token is good for 1 to {MAX_USES} joins within 1 to {MAX_LIFETIME_S} seconds")
        secret, now = secrets.token_bytes(32), self._clock()
        with self._database.write() as session:
            row = JoinTokenRow(
                id=secrets.token_hex(8),
                service=service,
                secret_hash=hash_of(secret),
                expires_at=int(now) + lifetime_s,
                uses_left=uses,
                revoked=False,
                created_at=int(now),
            )
            session.add(row)
            record(session, now, actor, "join_token.create", service, id=row.id, uses=uses, lifetime_s=lifetime_s)
            return _info(row), format_join_token(JoinToken(row.id, service, secret, self._ca_der))

    def all(self) -> list[JoinTokenInfo]:
        """All of them, newest first."""
        with self._database.read() as session:
            rows = session.scalars(select(JoinTokenRow).order_by(JoinTokenRow.created_at.desc(), JoinTokenRow.id))
            return [_info(row) for row in rows]

    def revoke(self, token_id: str, actor: str, *, holds: Callable[[JoinTokenInfo], None] | None = None) -> None:
        """Nobody joins with it any more. Who has joined, stays."""
        with self._database.write() as session:
            row = session.get(JoinTokenRow, token_id)
            if row is None:
                raise NotFound("there is no such join token")
            if holds is not None:
                holds(_info(row))
            row.revoked = True
            record(session, self._clock(), actor, "join_token.revoke", row.service, id=row.id)


def opened(session: Session, join: Join, service: str, now: float) -> JoinTokenRow:
    """The token that ``join`` proves to hold, used up or not; Denied ``bad_join_token``."""
    # A stranger wrote it, and PostgreSQL has no U+0000.
    row = session.get(JoinTokenRow, join.token_id[:64] if join.token_id.isalnum() else "")
    if not matches(join.secret, row.secret_hash if row else _NOBODY) or row is None:
        raise Denied("that join token is not known here", "bad_join_token")
    # Who is here knows the secret, and is owed the reason.
    if row.revoked:
        raise Denied("the join token was revoked", "bad_join_token")
    if now >= row.expires_at:
        raise Denied("the join token has expired", "bad_join_token")
    if row.service != service:
        raise Denied(f"the join token is for {row.service}", "bad_join_token")
    return row


def use_one(token: JoinTokenRow) -> None:
    """Count one join in the caller's transaction; Denied ``bad_join_token``."""
    if token.uses_left < 1:
        raise Denied("the join token is used up", "bad_join_token")
    token.uses_left -= 1


def _info(row: JoinTokenRow) -> JoinTokenInfo:
    return JoinTokenInfo(row.id, row.service, row.expires_at, row.uses_left, row.revoked, row.created_at)
