"""Who did what. ``record`` is called in the transaction that does it, so that neither exists without the other.

Details name things and never hold a secret, a token or a policy's text.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from .tables import AuditRow

REQUEST: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that this task or thread answers; "" where nobody asked."""
_RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One administrative change. ``request_id``: as the answer and the log have it, "" if it was nobody's request."""

    id: int
    at: int
    actor: str
    action: str
    subject: str
    request_id: str
    detail: Mapping[str, Any]


def record(session: Session, now: float, actor: str, action: str, subject: str, **detail: Any) -> None:
    """Add one entry to the transaction of ``session``."""
    row = AuditRow(at=int(now), actor=actor, action=action, subject=subject, request_id=REQUEST.get(), detail=detail)
    session.add(row)
    session.info.setdefault(_RECORDED, []).append(row)


def record_version(session: Session, now: float, actor: str, kind: str, version: int, note: str) -> None:
    """What this transaction has recorded became ``version``; if it has recorded nothing, the version is its entry."""
    rows: list[AuditRow] = session.info.get(_RECORDED, [])
    for row in rows:
        row.detail = {**row.detail, "version": version}
    if not rows:
        record(session, now, actor, kind, f"version {version}", note=note)


def newest(
    session: Session, limit: int, *, before: int | None = None, actor: str | None = None, action: str | None = None
) -> list[AuditEntry]:
    """The newest ``limit`` entries (older than the one with id ``before``), newest first: all, or those of an ``actor``
    and of an ``action``, of which the first part is enough (``api_key`` for ``api_key.create``)."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditRow.id < before)
    if actor is not None:
        query = query.where(AuditRow.actor == actor)
    if action is not None:
        query = query.where(or_(AuditRow.action == action, AuditRow.action.startswith(f"{action}.", autoescape=True)))
    return [
        AuditEntry(r.id, r.at, r.actor, r.action, r.subject, r.request_id, r.detail) for r in session.scalars(query)
    ]
