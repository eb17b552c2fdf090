"""What a route asks of who calls: scopes, claims, callers, condition. In this order, and so is a refusal chosen."""

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.authn.rejection import shown
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Requirement

from .asking import Asking
from .callers import Workloads
from .condition import Condition
from .expression import Hidden
from .pattern import Pattern
from .rules import CompiledRule


@dataclass(frozen=True, slots=True)
class Lack:
    """Why not: ``detail`` says it precisely; ``scope`` is what a challenge names, if scopes lack."""

    reason: Reason
    detail: str
    scope: str = ""


class CompiledRequirement:
    """ValueError with a sentence if its condition does not compile."""

    def __init__(self, requirement: Requirement, pattern: Pattern, workloads: Workloads, hidden: Hidden) -> None:
        self._named = requirement
        self._any = frozenset(requirement.any_scope)
        self._callers = frozenset(requirement.callers)
        self._rules = tuple(CompiledRule(rule) for rule in requirement.claims)
        self._workloads = workloads
        self.condition = Condition(requirement.when, pattern, hidden) if requirement.when is not None else None

    def lack(self, asking: Asking, parameters: Mapping[str, str], steps: list[str] | None = None) -> Lack | None:
        """What is lacking first, or None. The caller said who he is."""
        return (
            self._scopes_lack(asking, steps)
            or self._claims_lack(asking, steps)
            or self._caller_lack(asking, steps)
            or self._condition_lack(asking, parameters, steps)
        )

    def _scopes_lack(self, asking: Asking, steps: list[str] | None) -> Lack | None:
        """RFC 6750 section 3.1, insufficient_scope."""
        named, scopes = self._named, asking.principal.scopes if asking.principal else frozenset[str]()
        missing = [scope for scope in named.scopes if scope not in scopes]
        none_of = bool(self._any) and self._any.isdisjoint(scopes)
        if steps is not None and named.scopes:
            verdict = f"lacks {' '.join(missing)}" if missing else "has them"
            steps.append(f"scopes: needs {' '.join(named.scopes)}: {verdict}")
        if steps is not None and named.any_scope:
            steps.append(f"scopes: needs one of {' '.join(named.any_scope)}: {'has none' if none_of else 'has it'}")
        if not missing and not none_of:
            return None
        needed = dict.fromkeys((*named.scopes, *(named.any_scope if none_of else ())))
        lacks = f"lacks {' '.join(missing)}" if missing else f"has none of {' '.join(named.any_scope)}"
        detail = f"{lacks}; has {shown(' '.join(sorted(scopes)))}"
        return Lack(Reason.INSUFFICIENT_SCOPE, detail, " ".join(needed))

    def _claims_lack(self, asking: Asking, steps: list[str] | None) -> Lack | None:
        for number, rule in enumerate(self._rules):
            value = rule.seen(asking.claims, asking.role_paths)
            held = rule.holds(value)
            if steps is not None:
                steps.append(f"claims: {rule}: saw {shown(value)}, {'holds' if held else 'does not hold'}")
            if not held:
                return Lack(Reason.CLAIMS_REFUSED, f"rule {number + 1}: wanted {rule}, saw {shown(value)}")
        return None

    def _caller_lack(self, asking: Asking, steps: list[str] | None) -> Lack | None:
        if not self._callers:
            return None
        named = self._workloads.named(asking.principal)
        held = not self._callers.isdisjoint(named)
        who = " ".join(sorted(named)) or "no workload"
        if steps is not None:
            steps.append(f"callers: needs one of {' '.join(self._named.callers)}: is {who}")
        if held:
            return None
        return Lack(Reason.CALLER_REFUSED, f"wanted one of {' '.join(self._named.callers)}, is {who}")

    def _condition_lack(self, asking: Asking, parameters: Mapping[str, str], steps: list[str] | None) -> Lack | None:
        if self.condition is None:
            return None
        verdict = self.condition.verdict(asking.variables(parameters))
        if steps is not None:
            steps.append(f"when: {shown(self.condition.text)}: {verdict.detail}")
        if verdict.holds is True:
            return None
        return Lack(Reason.CONDITION_REFUSED, f"{shown(self.condition.text)}: {verdict.detail}")
