"""The list of everything that changed what sidecars enforce, and the policies that it refers to.

One number for the whole mesh. It only grows, a row is never altered, and going back is going forward to an old
policy. The caller holds the writing transaction, so that no two changes can get one number.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.errors import NotFound, Stale
from control.store.tables import PolicyRow, VersionRow

POLICY_IN_FORCE = select(VersionRow.policy_id).order_by(VersionRow.version.desc()).limit(1)
"""One row, once there is a version."""
Kind = Literal["push", "rollback", "keys", "revocation", "inputs", "restore", "canary", "promote", "abort"]


@dataclass(frozen=True, slots=True)
class Version:
    """One change. ``policy_id`` is None while no policy has been pushed."""

    version: int
    kind: Kind
    policy_id: str | None
    note: str
    actor: str
    created_at: int


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A policy as it was pushed. ``version`` is the one that it was asked for by."""

    id: str
    version: int
    source: str
    files: Mapping[str, str]
    env: Mapping[str, str] = field(repr=False)
    author: str
    created_at: int


def newest(session: Session) -> Version | None:
    """The version in force, or None before the first change."""
    row = session.scalar(select(VersionRow).order_by(VersionRow.version.desc()).limit(1))
    return None if row is None else _value(row)


def insist(last: Version | None, expected: int | None) -> None:
    """Stale unless ``expected`` (0: none; None: any) is the newest version."""
    newest_one = last.version if last else 0
    if expected is not None and expected != newest_one:
        raise Stale(f"version {expected} is not the newest one, {newest_one} is: look at it again")


def history(session: Session, limit: int, before: int | None = None) -> list[Version]:
    """The newest ``limit`` versions (older than ``before``), newest first."""
    query = select(VersionRow).order_by(VersionRow.version.desc()).limit(limit)
    if before is not None:
        query = query.where(VersionRow.version < min(before, 2**62))
    return [_value(row) for row in session.scalars(query)]


def append(
    session: Session, kind: Kind, policy_id: str | None, actor: str, now: float, note: str = "", step: int = 1
) -> Version:
    """The next version, ``step`` beyond the newest."""
    last = newest(session)
    row = VersionRow(
        version=step if last is None else last.version + step,
        kind=kind,
        policy_id=policy_id,
        note=note,
        actor=actor,
        created_at=int(now),
    )
    session.add(row)
    session.flush()
    return _value(row)


def annotate(session: Session, version: Version, note: str) -> Version:
    """``version`` with more to its note."""
    whole = "; ".join(part for part in (version.note, note) if part)
    session.get_one(VersionRow, version.version).note = whole
    return replace(version, note=whole)


def add_policy(
    session: Session, source: str, files: Mapping[str, str], env: Mapping[str, str], author: str, now: float
) -> str:
    """Keep a policy verbatim; its id."""
    row = PolicyRow(
        id=str(uuid.uuid4()), source=source, files=dict(files), env=dict(env), author=author, created_at=int(now)
    )
    session.add(row)
    session.flush()
    return row.id


def policy_at(session: Session, version: int | None) -> StoredPolicy:
    """The policy of ``version``, or of the newest one; NotFound."""
    found = newest(session) if version is None else _at(session, version)
    if found is None or found.policy_id is None:
        which = "yet" if version is None else f"at version {version}"
        raise NotFound(f"there is no policy {which}")
    return policy_row(session, found.policy_id, found.version)


def policy_row(session: Session, policy_id: str, version: int) -> StoredPolicy:
    """The policy of that id, asked for by ``version``."""
    row = session.get_one(PolicyRow, policy_id)
    return StoredPolicy(row.id, version, row.source, row.files, row.env, row.author, row.created_at)


def _at(session: Session, version: int) -> Version | None:
    # Beyond what the column can hold there is nothing, and drivers raise rather than find nothing.
    row = session.get(VersionRow, version) if 0 < version < 2**63 else None
    return None if row is None else _value(row)


def _value(row: VersionRow) -> Version:
    kind: Kind = row.kind  # type: ignore[assignment]  # only append() writes it
    return Version(row.version, kind, row.policy_id, row.note, row.actor, row.created_at)
