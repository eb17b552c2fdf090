"""What sidecars reported during a canary, added up in the store: so that a restart forgets nothing, and each control's
sidecars count for all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from control.store.tables import CanaryTrafficRow

Line = Literal["candidate", "stable", "before"]
"""What decided: the policy on trial, the other one, or whatever was in force before the trial began."""


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
    rows = session.scalars(select(CanaryTrafficRow).where(CanaryTrafficRow.since == since))
    known = {(row.sidecar_id, row.line): row for row in rows}
    for one in counted:
        row = known.get((one.sidecar_id, one.line))
        if row is None:
            row = CanaryTrafficRow(since=since, sidecar_id=one.sidecar_id, line=one.line, service=one.service)
            row.requests = row.denied = row.failed = row.seconds = 0
            session.add(row)
            known[one.sidecar_id, one.line] = row
        row.requests += one.requests
        row.denied += one.denied
        row.failed += one.failed
        row.seconds += one.seconds
    session.flush()


def of(session: Session, since: int) -> list[Counted]:
    """All that was counted since that canary began."""
    rows = session.scalars(select(CanaryTrafficRow).where(CanaryTrafficRow.since == since))
    return [Counted(r.sidecar_id, r.service, r.line, r.requests, r.denied, r.failed, r.seconds) for r in rows]  # type: ignore[arg-type]  # only add() writes it


def drop_before(session: Session, since: int) -> None:
    """Of canaries before that one."""
    session.execute(delete(CanaryTrafficRow).where(CanaryTrafficRow.since < since))
