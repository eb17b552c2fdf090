"""Tokens that no longer count, as kept by control: a list that every snapshot carries, and that cannot grow forever.

An entry is dropped when the last token that it can name has expired; naming the same tokens again replaces the
older entry.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from control.authority.lifecycle import RETIRE_AFTER_S
from control.errors import Invalid
from control.store.tables import RevocationRow
from sidecar.contract.snapshot import Revocation

MAX_VALUE = 500
FOR_GOOD = 2**53 - 1
"""``before`` of a revocation by ``jti``: that token never counts again, whenever it was issued."""


@dataclass(frozen=True, slots=True)
class RevocationInfo:
    """One entry. ``version``: where sidecars learned of it."""

    id: str
    issuer: str
    by: str
    value: str
    before: int
    until: int
    version: int
    created_at: int


def revocation(
    issuer: str, by: str, value: str, now: float, *, own: bool, before: int | None, until: int | None
) -> Revocation:
    """The entry that was asked for; Invalid if it names nothing. ``own``: of an issuer whose longest token we know."""
    if by not in ("jti", "subject", "client", "issuer"):
        raise Invalid("tokens are revoked by jti, subject, client or issuer")
    if (by == "issuer") != (value == "") or len(value) > MAX_VALUE or not value.isprintable():
        raise Invalid(f"that is no {by} to revoke by")
    named = FOR_GOOD if by == "jti" else int(now) if before is None else before
    last_issued = int(now) if by == "jti" else max(named, int(now))
    kept = until if until is not None else min(last_issued + RETIRE_AFTER_S, FOR_GOOD) if own else 0
    if not 0 <= named <= FOR_GOOD or not 0 <= kept <= FOR_GOOD:
        raise Invalid("a time is unix seconds")
    return Revocation(issuer, by, value, named, kept)  # type: ignore[arg-type]  # ``by`` is one of the words


def add(session: Session, revocation: Revocation, version: int, now: float) -> None:
    """Keep ``revocation``, and forget those that it makes needless."""
    r = revocation
    older = delete(RevocationRow).where(
        RevocationRow.issuer == r.issuer,
        RevocationRow.by == r.by,
        RevocationRow.value == r.value,
        RevocationRow.before <= r.before,
    )
    if r.until:  # an entry that is kept for longer than the new one is still needed
        older = older.where(RevocationRow.until != 0, RevocationRow.until <= r.until)
    session.execute(older)
    session.execute(delete(RevocationRow).where(RevocationRow.until != 0, RevocationRow.until < int(now)))
    session.add(
        RevocationRow(
            id=str(uuid.uuid4()),
            issuer=r.issuer,
            by=r.by,
            value=r.value,
            before=r.before,
            until=r.until,
            version=version,
            created_at=int(now),
        )
    )
    session.flush()


def in_force(session: Session, at: float) -> list[RevocationInfo]:
    """The entries that can still name a token at ``at``, in the order in which they were made."""
    wanted = or_(RevocationRow.until == 0, RevocationRow.until >= int(at))
    rows = session.scalars(select(RevocationRow).where(wanted).order_by(RevocationRow.version, RevocationRow.id))
    return [RevocationInfo(r.id, r.issuer, r.by, r.value, r.before, r.until, r.version, r.created_at) for r in rows]


def as_contract(entries: list[RevocationInfo]) -> tuple[Revocation, ...]:
    """The same as a snapshot carries them."""
    # ``by`` was checked when the entry was made.
    return tuple(Revocation(e.issuer, e.by, e.value, e.before, e.until) for e in entries)  # type: ignore[arg-type]
