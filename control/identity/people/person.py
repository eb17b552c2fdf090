"""A person as everybody else sees them. No secret is in it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.store.tables import PersonRow, SecondFactorRow


@dataclass(frozen=True, slots=True)
class Person:
    """``id`` is ours and never changes: the ``sub`` of their tokens. ``expires_at`` None: never. ``revision``: how
    often it was changed, a new password included, so that two values that are equal are of one moment."""

    id: str
    username: str
    name: str
    email: str
    active: bool
    expires_at: int | None
    created_at: int
    revision: int
    has_password: bool
    has_second_factor: bool


def person_of(session: Session, row: PersonRow) -> Person:
    """The row as a value."""
    factor = session.get(SecondFactorRow, row.id)
    return valued(row, factor is not None and factor.confirmed)


def valued(row: PersonRow, has_second_factor: bool) -> Person:
    """The same, where it is known whether they have a second factor."""
    r, has_password = row, row.password_hash is not None
    said = (r.id, r.username, r.name, r.email, r.active, r.expires_at, r.created_at, r.revision)
    return Person(*said, has_password, has_second_factor)


def is_in(row: PersonRow | None, now: float) -> bool:
    """May they sign in, and have tokens?"""
    return row is not None and row.active and (row.expires_at is None or row.expires_at > now)


def may(session: Session, subject: str, now: float) -> bool:
    """May that subject have tokens that a person stands behind?"""
    return is_in(session.scalar(select(PersonRow).where(PersonRow.id == subject)), now)
