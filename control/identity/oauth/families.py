"""The refresh tokens of one grant, each in place of the one before. All of it works in the caller's transaction."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from control.identity.credentials import hash_of, new_secret
from control.store.tables import GrantedTokenRow, RefreshTokenRow

REFRESH_PREFIX = "sgr_"
GRACE_S = 60
"""For so long the last token but one counts again, if nobody has used what came of it: its answer was lost."""


def is_next(session: Session, row: RefreshTokenRow, now: int) -> bool:
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


def issue(session: Session, grant_id: str, generation: int, jti: str, expires_at: int, now: int) -> str:
    """The next refresh token, beside the access token of that ``jti``."""
    token = new_secret(REFRESH_PREFIX)
    over = (GrantedTokenRow.grant_id == grant_id) & (GrantedTokenRow.expires_at <= now)
    session.execute(delete(GrantedTokenRow).where(over))
    session.add(
        RefreshTokenRow(hash=hash_of(token), grant_id=grant_id, generation=generation, used_at=None, superseded=False)
    )
    session.add(GrantedTokenRow(jti=jti, grant_id=grant_id, expires_at=expires_at))
    return token
