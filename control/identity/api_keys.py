"""API keys: ``sgk_<id>_<secret>``, shown once, of which the SHA-256 is kept.

For callers that can do no more than send one text. A key stands for a subject, and for an application if it names one;
it counts until it expires or is removed. All of it works in the caller's transaction, in which the version is made that
tells the sidecars.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from control.errors import Conflict, Invalid, NotFound
from control.store.tables import ApiKeyRow

from .applications import MAX_NAME, checked_scopes

PREFIX = "sgk_"
MAX_SUBJECT = 200
MAX_KEYS = 10_000
"""Each is part of every snapshot of a service that takes API keys."""


@dataclass(frozen=True, slots=True)
class ApiKeyInfo:
    """A key without its secret. ``client_id``: of the application that it belongs to, or "". ``expires_at`` 0:
    never."""

    id: str
    name: str
    subject: str
    client_id: str
    scopes: list[str]
    expires_at: int
    created_at: int


class ApiKeyChanges(TypedDict, total=False):
    """What ``update`` can change; what is absent stays."""

    name: str
    scopes: Sequence[str]
    expires_at: int


def create(
    session: Session,
    subject: str,
    now: float,
    *,
    name: str | None = None,
    client_id: str = "",
    scopes: Sequence[str] = (),
    expires_at: int = 0,
) -> tuple[ApiKeyInfo, str]:
    """A new key and its text, which is shown this once; Conflict if the name is taken."""
    if session.query(ApiKeyRow).count() >= MAX_KEYS:
        raise Conflict(f"there are {MAX_KEYS} keys already: remove those that nobody uses")
    key_id = secrets.token_hex(6)
    text = f"{PREFIX}{key_id}_{secrets.token_hex(32)}"
    row = ApiKeyRow(
        id=key_id,
        name=_free_name(session, key_id if name is None else name),
        secret_hash=hashlib.sha256(text.encode()).hexdigest(),
        subject=_subject(subject),
        client_id=client_id,
        scopes=checked_scopes(scopes),
        expires_at=_expiry(expires_at, now),
        created_at=int(now),
    )
    session.add(row)
    session.flush()
    return _info(row), text


def all_keys(session: Session) -> list[ApiKeyInfo]:
    """Every key, by name."""
    return [_info(row) for row in session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.name))]


def find(session: Session, key: str) -> ApiKeyInfo:
    """The one of that name or id; NotFound."""
    return _info(_find(session, key))


def update(session: Session, key: str, changes: ApiKeyChanges, now: float) -> ApiKeyInfo:
    """Change what is named in ``changes``."""
    row = _find(session, key)
    if "name" in changes and changes["name"] != row.name:
        row.name = _free_name(session, changes["name"])
    if "scopes" in changes:
        row.scopes = checked_scopes(changes["scopes"])
    if "expires_at" in changes:
        row.expires_at = _expiry(changes["expires_at"], now)
    session.flush()
    return _info(row)


def remove(session: Session, key: str) -> ApiKeyInfo:
    """It counts no more."""
    row = _find(session, key)
    session.delete(row)
    session.flush()
    return _info(row)


def hashes(session: Session) -> list[tuple[ApiKeyInfo, str]]:
    """Every key with the hash that proves it, by id."""
    return [(_info(row), row.secret_hash) for row in session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.id))]


def _find(session: Session, key: str) -> ApiKeyRow:
    if not key.isprintable():  # nor, then, storable
        raise NotFound("there is no such key")
    row = session.scalar(select(ApiKeyRow).where(or_(ApiKeyRow.name == key, ApiKeyRow.id == key)))
    if row is None:
        raise NotFound("there is no such key" if key.startswith(PREFIX) else f"there is no key {key[:MAX_NAME]!r}")
    return row


def _free_name(session: Session, name: str) -> str:
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or name != name.strip() or name.startswith(PREFIX):
        raise Invalid(f"a key's name is 1 to {MAX_NAME} printable characters, and never a key itself")
    if session.scalar(select(ApiKeyRow).where(or_(ApiKeyRow.name == name, ApiKeyRow.id == name))) is not None:
        raise Conflict(f"the name {name!r} is taken")
    return name


def _subject(subject: str) -> str:
    if not 1 <= len(subject) <= MAX_SUBJECT or not subject.isprintable() or subject != subject.strip():
        raise Invalid(f"a subject is 1 to {MAX_SUBJECT} printable characters")
    return subject


def _expiry(expires_at: int, now: float) -> int:
    if expires_at and expires_at <= now:
        raise Invalid("a key cannot have expired already")
    return expires_at


def _info(row: ApiKeyRow) -> ApiKeyInfo:
    return ApiKeyInfo(row.id, row.name, row.subject, row.client_id, row.scopes, row.expires_at, row.created_at)
