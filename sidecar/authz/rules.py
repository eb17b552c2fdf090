"""Claim rules, compiled: what a rule asks of a principal's claims.

Values compare type-strictly: ``true`` is not ``1``, ``1`` is not ``"1"`` nor ``1.0``. A coercion would be a hole.
"""

from collections.abc import Mapping
from typing import Any

from sidecar.authn.claims import ABSENT, claim_at
from sidecar.contract.snapshot import ClaimPath, ClaimRule

ROLES: ClaimPath = ("roles",)
"""A rule on ``roles`` reads the claim that the issuer's map names, wherever that issuer keeps it."""


class CompiledRule:
    """One claim rule."""

    def __init__(self, rule: ClaimRule) -> None:
        self._rule = rule
        self._wanted = frozenset((type(value), value) for value in rule.values)

    def __str__(self) -> str:
        values = " ".join(repr(value) for value in self._rule.values)
        return f"claim {'.'.join(self._rule.path)} {self._rule.test} {values}".rstrip()

    def seen(self, claims: Mapping[str, Any], roles: tuple[ClaimPath, ...]) -> Any:
        """The value that the rule looks at."""
        return roles_at(claims, roles) if self._rule.path == ROLES else claim_at(claims, self._rule.path)

    def holds(self, value: Any) -> bool:
        """Is the value what the rule wants?"""
        match self._rule.test:
            case "present":
                return value is not ABSENT and value is not None
            case "all":
                return isinstance(value, list) and self._wanted <= _members(value)
            case "any":
                return not self._wanted.isdisjoint(_members(value if isinstance(value, list) else [value]))
            case "equals":
                return self._wanted == _members([value])


def roles_at(claims: Mapping[str, Any], paths: tuple[ClaimPath, ...]) -> Any:
    """All roles that stand at ``paths``, or what stands at the only one."""
    found = [value for path in paths if (value := claim_at(claims, path)) is not ABSENT]
    if len(found) < 2:
        return found[0] if found else ABSENT
    return [member for value in found for member in (value if isinstance(value, list) else [value])]


def _members(values: list[Any]) -> frozenset[tuple[type, Any]]:
    return frozenset((type(value), value) for value in values if isinstance(value, str | int))
