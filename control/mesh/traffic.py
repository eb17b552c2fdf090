"""What sidecars reported during a canary, added up in the store: so that a restart forgets nothing, and each control's
sidecars count for all.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import Session

from control.store.tables import CanaryTrafficRow

MOST = 2**53
"""Where counting ends. They are a sidecar's word, and a sum that the database cannot hold would end every canary's
judgement."""
Line = Literal["candidate", "stable", "before"]
"""What decided: the policy on trial, the other one, or whatever was in force before the trial began."""
_COUNTS = ("requests", "denied", "failed", "seconds")


@dataclass(frozen=True, slots=True)
class Counted:
    """Of one sidecar, under one line."""

    sidecar_id: str
    service: str
    line: Line
    requests: int
    denied: int
    failed: int
    seconds: int


def add(session: Session, since: int, counted: Iterable[Counted]) -> None:
    """More of them."""
    rows = session.execute(select(CanaryTrafficRow.sidecar_id, CanaryTrafficRow.line).where(_of(since)))
    known = {(sidecar_id, line) for sidecar_id, line in rows}
    for one in counted:
        mine = _of(since), CanaryTrafficRow.sidecar_id == one.sidecar_id, CanaryTrafficRow.line == one.line
        if (one.sidecar_id, one.line) in known:
            # Added where it lies: of one identity there may be processes on two controls.
            more = {name: getattr(CanaryTrafficRow, name) + min(getattr(one, name), MOST) for name in _COUNTS}
            has_room = CanaryTrafficRow.requests < MOST, CanaryTrafficRow.seconds < MOST
            session.execute(update(CanaryTrafficRow).where(*mine, *has_room).values(more))
        else:
            known.add((one.sidecar_id, one.line))
            first = asdict(one) | {name: min(getattr(one, name), MOST) for name in _COUNTS}
            session.execute(insert(CanaryTrafficRow).values(since=since, **first))


def _of(since: int) -> ColumnElement[bool]:
    return CanaryTrafficRow.since == since


def of(session: Session, since: int) -> list[Counted]:
    """All that was counted since that canary began."""
    rows = session.scalars(select(CanaryTrafficRow).where(CanaryTrafficRow.since == since))
    return [Counted(r.sidecar_id, r.service, r.line, r.requests, r.denied, r.failed, r.seconds) for r in rows]  # type: ignore[arg-type]  # only add() writes it


def drop_before(session: Session, since: int) -> None:
    """Of canaries before that one."""
    session.execute(delete(CanaryTrafficRow).where(CanaryTrafficRow.since < since))
