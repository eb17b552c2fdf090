"""Who did what. ``record`` is called in the transaction that does it, so that neither exists without the other.

Details name things and never hold a secret, a token or a policy's text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from .tables import AuditRow


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One administrative change."""

    id: int
    at: int
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def record(session: Session, now: float, actor: str, action: str, subject: str, **detail: Any) -> None:
    """Add one entry to the transaction of ``session``."""
    session.add(AuditRow(at=int(now), actor=actor, action=action, subject=subject, detail=detail))


def newest(session: Session, limit: int) -> list[AuditEntry]:
    """The newest ``limit`` entries, newest first."""
    rows = session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(limit))
    return [AuditEntry(r.id, r.at, r.actor, r.action, r.subject, r.detail) for r in rows]
