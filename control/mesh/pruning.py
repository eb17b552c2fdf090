"""What nobody can need any more goes: sidecars that cannot come back by themselves, join tokens long over, sessions and
links of people that are over, grants and codes likewise, and audit entries as old as the operator says (by default
none).

A sidecar whose certificate ended over a month ago has to join again, and is another one then. One that was seen since
stays. Safe to be done twice, by several controls at a time, and to be stopped half way.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from control.identity.people.sessions import KNOWN_S
from control.store import Database
from control.store.audit import record
from control.store.tables import (
    AuditRow,
    DeviceCodeRow,
    JoinTokenRow,
    OAuthGrantRow,
    PasswordLinkRow,
    PersonSessionRow,
    PushedRequestRow,
    SecondFactorRow,
    SidecarRow,
    SignInTicketRow,
    UsedAssertionRow,
)

from .enrolment import RENEWAL_GRACE_S
from .ledger import SYSTEM

TOKEN_KEPT_S = 30 * 86_400
BEGUN_S = 86_400
"""For so long somebody may take to type in the first code of an authenticator."""
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
            "sessions": self._drop(PersonSessionRow.hash, _sessions_over(now)),
            "password_links": self._drop(PasswordLinkRow.hash, PasswordLinkRow.expires_at <= now),
            "sign_ins": self._drop(SignInTicketRow.hash, SignInTicketRow.expires_at <= now),
            "second_factors": self._drop(SecondFactorRow.person_id, _begun_only(now)),
            "grants": self._drop(OAuthGrantRow.id, OAuthGrantRow.expires_at < now),
            "device_codes": self._drop(DeviceCodeRow.hash, DeviceCodeRow.expires_at <= now),
            "pushed_requests": self._drop(PushedRequestRow.hash, PushedRequestRow.expires_at < now),
            "assertions": self._drop(UsedAssertionRow.hash, UsedAssertionRow.expires_at < now),
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


def _sessions_over(now: int) -> ColumnElement[bool]:
    """Kept for a month after: a browser that comes back is known by it (``Sessions.knew``)."""
    return or_(PersonSessionRow.expires_at < now - KNOWN_S, PersonSessionRow.last_seen < now - KNOWN_S)


def _begun_only(now: int) -> ColumnElement[bool]:
    return and_(SecondFactorRow.confirmed.is_(False), SecondFactorRow.created_at < now - BEGUN_S)
