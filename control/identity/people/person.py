"""A person as everybody else sees them. No secret is in it."""

from dataclasses import dataclass


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
