"""The canary in the store: which policy is on trial, since which version, on which sidecars, and how it ended.

At most one runs. It begins and ends with a version of its own, so that numbers never go back anywhere; every version
between is published for both lines. Knows nothing of who is connected, nor when a trial has gone on for long enough.
"""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control.store.tables import CanaryRow, VersionRow

Verdict = Literal["", "promoted", "aborted", "replaced"]


@dataclass(frozen=True, slots=True)
class Canary:
    """``share`` and ``asked`` are of 10,000 places: what is tried on, and what the operator named. ``ended`` is the
    version that ended it, None while it runs."""

    since: int
    policy_id: str
    share: int
    asked: int
    begun_at: int
    actor: str
    ended: int | None
    verdict: Verdict
    reason: str
    after: int
    """The version that ended the canary before this one, 0 if there was none."""


def running(session: Session) -> Canary | None:
    """The one that runs."""
    return _one(session, CanaryRow.ended.is_(None))


def last(session: Session) -> Canary | None:
    """The one that runs, or else the newest that has ended."""
    return _one(session, CanaryRow.since > 0)


def at(session: Session, since: int) -> Canary | None:
    """The one that began with that version."""
    return _one(session, CanaryRow.since == since)


def begin(session: Session, version: int, policy_id: str, share: int, asked: int) -> None:
    """From ``version`` on."""
    session.add(
        CanaryRow(since=version, policy_id=policy_id, share=share, asked=asked, ended=None, verdict="", reason="")
    )
    session.flush()


def end(session: Session, since: int, version: int, verdict: Verdict, reason: str) -> None:
    """``version`` ends it."""
    row = session.get_one(CanaryRow, since)
    row.ended, row.verdict, row.reason = version, verdict, reason
    session.flush()


def _one(session: Session, condition: object) -> Canary | None:
    query = select(CanaryRow, VersionRow).join(VersionRow, VersionRow.version == CanaryRow.since)
    query = query.where(condition).order_by(CanaryRow.since.desc()).limit(1)  # type: ignore[arg-type]  # a column's
    found = session.execute(query).first()
    if found is None:
        return None
    row, version = found
    return Canary(
        row.since,
        row.policy_id,
        row.share,
        row.asked,
        version.created_at,
        version.actor,
        row.ended,
        row.verdict,  # type: ignore[arg-type]  # only end() writes it
        row.reason,
        session.scalar(select(func.max(CanaryRow.ended)).where(CanaryRow.since < row.since)) or 0,
    )
