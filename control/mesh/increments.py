"""The increments in the store: one row for each version that is revocations and nothing else.

The versions since the last whole snapshots are a run of increments without a gap; older ones are dropped, because
nobody needs them: who is not on the run gets a whole snapshot.
"""

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from control.authority.authority import Authority
from control.store.tables import IncrementRow
from sidecar.contract.envelope import INCREMENT, Sealed
from sidecar.contract.increment import (
    MAX_CHAIN,
    MAX_CHAIN_BYTES,
    MAX_INCREMENT_BYTES,
    Increment,
    encode_increment,
)
from sidecar.contract.snapshot import Revocation

from .versions import Version


def add(
    session: Session, authority: Authority, version: Version, trust_domain: str, revocations: Sequence[Revocation]
) -> bool:
    """Make ``version`` an increment; False, and nothing is done, if too much was added to the snapshots already."""
    increment = Increment(trust_domain, version.version - 1, version.version, version.created_at, tuple(revocations))
    payload = encode_increment(increment)
    count, size = session.execute(
        select(func.count(), func.coalesce(func.sum(func.length(IncrementRow.payload)), 0))
    ).one()
    if count >= MAX_CHAIN or size + len(payload) > MAX_CHAIN_BYTES or len(payload) > MAX_INCREMENT_BYTES:
        return False
    sealed = authority.seal(payload, INCREMENT)
    row = IncrementRow(
        version=version.version, payload=sealed.payload, signature=sealed.signature, key_id=sealed.key_id
    )
    session.add(row)
    session.flush()
    return True


def after(session: Session, version: int) -> tuple[Sealed, ...]:
    """Those that follow on ``version``."""
    rows = session.scalars(select(IncrementRow).where(IncrementRow.version > version).order_by(IncrementRow.version))
    return tuple(Sealed(row.payload, row.signature, row.key_id) for row in rows)


def last_whole(session: Session, newest: int) -> int:
    """The newest version that is whole snapshots, ``newest`` being the newest of all."""
    first = session.scalar(select(func.min(IncrementRow.version)))
    return newest if first is None else first - 1


def drop(session: Session) -> None:
    """Whole snapshots hold what they told."""
    session.execute(delete(IncrementRow))
