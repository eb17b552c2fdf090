"""Scopes and claim rules, compiled: what a route asks of a principal, as functions of its scopes and claims.

Values compare type-strictly: ``true`` is not ``1``, ``1`` is not ``"1"`` nor ``1.0``. A coercion would be a hole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.authn.claims import ABSENT, claim_at
from sidecar.authn.rejection import shown
from sidecar.contract.snapshot import ClaimPath, ClaimRule, Requirement

ROLES: ClaimPath = ("roles",)
"""A rule on ``roles`` reads the claim that the issuer's map names, wherever that issuer keeps it."""


@dataclass(frozen=True, slots=True)
class Lack:
    """What a principal lacks: ``detail`` says it precisely; ``scope`` is what a challenge names, if scopes lack."""

    detail: str
    scope: str = ""


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


class CompiledRequirement:
    """All that a route asks of a principal."""

    def __init__(self, requirement: Requirement) -> None:
        self._all, self._any = frozenset(requirement.scopes), frozenset(requirement.any_scope)
        self._named = requirement
        self._rules = tuple(CompiledRule(rule) for rule in requirement.claims)

    def scopes_lack(self, scopes: frozenset[str], steps: list[str] | None = None) -> Lack | None:
        """Which scopes are missing, or None (RFC 6750 section 3.1, insufficient_scope)."""
        named = self._named
        missing = [scope for scope in named.scopes if scope not in scopes]
        none_of = bool(self._any) and self._any.isdisjoint(scopes)
        if steps is not None and named.scopes:
            steps.append(f"scopes: needs {' '.join(named.scopes)}: {_verdict(missing)}")
        if steps is not None and named.any_scope:
            steps.append(f"scopes: needs one of {' '.join(named.any_scope)}: {'has none' if none_of else 'has it'}")
        if not missing and not none_of:
            return None
        needed = dict.fromkeys((*named.scopes, *(named.any_scope if none_of else ())))
        lacks = f"lacks {' '.join(missing)}" if missing else f"has none of {' '.join(named.any_scope)}"
        return Lack(f"{lacks}; has {shown(' '.join(sorted(scopes)))}", " ".join(needed))

    def claims_lack(
        self, claims: Mapping[str, Any], roles: tuple[ClaimPath, ...], steps: list[str] | None = None
    ) -> Lack | None:
        """The first claim rule that does not hold, or None."""
        for number, rule in enumerate(self._rules):
            value = rule.seen(claims, roles)
            held = rule.holds(value)
            if steps is not None:
                steps.append(f"claims: {rule}: saw {shown(value)}, {'holds' if held else 'does not hold'}")
            if not held:
                return Lack(f"rule {number + 1}: wanted {rule}, saw {shown(value)}")
        return None


def _verdict(missing: list[str]) -> str:
    return f"lacks {' '.join(missing)}" if missing else "has them"
