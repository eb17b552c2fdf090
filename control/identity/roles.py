"""What an operator's credential allows: a role, and scopes that narrow it. Pure; knows nothing of HTTP.

A role is a rung: who may do more may do all that is below. A scope is ``AREA:read`` or ``AREA:write``, and writing
includes reading. A credential without scopes may do all that its role may; one with scopes, that and no more.
"""

from collections.abc import Sequence
from enum import StrEnum

from control.errors import Invalid


class Role(StrEnum):
    """From the least to the most."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OPERATOR = "operator"


class Area(StrEnum):
    """What the API is about, part by part."""

    POLICY = "policy"
    FLEET = "fleet"
    IDENTITY = "identity"
    KEYS = "keys"
    REVOCATIONS = "revocations"
    OPERATORS = "operators"
    AUDIT = "audit"


READ, WRITE = "read", "write"
SCOPES = tuple(f"{area}:{verb}" for area in Area for verb in (READ, WRITE) if (area, verb) != (Area.AUDIT, WRITE))
"""All there are."""
_RUNGS = tuple(Role)


def suffices(role: Role, needed: Role) -> bool:
    """Whether ``role`` may do what ``needed`` may."""
    return _RUNGS.index(role) >= _RUNGS.index(needed)


def covers(scopes: Sequence[str] | None, needed: str) -> bool:
    """Whether ``scopes`` (None: no narrowing) let in what asks for ``needed``."""
    area = needed.partition(":")[0]
    return scopes is None or needed in scopes or f"{area}:{WRITE}" in scopes


def within(role: Role, scopes: Sequence[str] | None, mine: Role, my_scopes: Sequence[str] | None) -> bool:
    """Whether a credential of ``role`` and ``scopes`` can do nothing that mine cannot."""
    asked = SCOPES if scopes is None else scopes
    return suffices(mine, role) and all(covers(my_scopes, scope) for scope in asked)


def role_named(text: str) -> Role:
    """The role; Invalid."""
    try:
        return Role(text)
    except ValueError:
        raise Invalid(f"a role is one of {', '.join(Role)}") from None


def checked_scopes(scopes: Sequence[str] | None) -> list[str] | None:
    """The scopes, each once and in order; None if none are given. Invalid."""
    if scopes is None:
        return None
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise Invalid(f"scopes of an operator are some of {', '.join(SCOPES)}")
    return [scope for scope in SCOPES if scope in scopes]
