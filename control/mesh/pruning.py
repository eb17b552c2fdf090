"""What nobody can need any more goes: sidecars that cannot come back by themselves, join tokens long over, and audit
entries as old as the operator says (by default none).

A sidecar whose certificate ended over a month ago has to join again, and is another one then. One that was seen since
stays. Safe to be done twice, by several controls at a time, and to be stopped half way.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import InstrumentedAttribute

from control.store import Database
from control.store.audit import record
from control.store.tables import AuditRow, JoinTokenRow, SidecarRow

from .enrolment import RENEWAL_GRACE_S
from .ledger import SYSTEM

TOKEN_KEPT_S = 30 * 86_400
AT_ONCE = 1000
"""Rows of one transaction: other writers wait for it."""


class Pruning:
    """Thread-safe."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock

    def prune(self, audit_kept_s: int = 0) -> dict[str, int]:
        """How many of each kind went. ``audit_kept_s`` 0: entries stay for ever."""
        now = int(self._clock())
        gone_since = now - RENEWAL_GRACE_S
        away = (SidecarRow.not_after < gone_since) & (SidecarRow.last_seen < gone_since)
        went = {
            "sidecars": self._drop(SidecarRow.id, away),
            "join_tokens": self._drop(JoinTokenRow.id, JoinTokenRow.expires_at < now - TOKEN_KEPT_S),
            "audit_entries": self._drop(AuditRow.id, AuditRow.at < now - audit_kept_s) if audit_kept_s else 0,
        }
        if any(went.values()):
            with self._database.write() as session:
                record(session, now, SYSTEM, "prune", "", **went)
        return went

    def _drop(self, key: InstrumentedAttribute[Any], over: ColumnElement[bool]) -> int:
        went = 0
        while True:
            with self._database.write() as session:
                ids = list(session.scalars(select(key).where(over).limit(AT_ONCE)))
                session.execute(delete(key.class_).where(key.in_(ids)))
            went += len(ids)
            if len(ids) < AT_ONCE:
                return went
