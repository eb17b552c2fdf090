"""Rules that refuse before a route allows. All of what a rule names must hold; what cannot be told counts as holding.

So a caller whose address, host or condition cannot be judged is refused and never let through. Whoever did not say who
he is has no claims and is no workload: rules on those are not for him.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from sidecar.authn.rejection import shown
from sidecar.contract.snapshot import Deny
from sidecar.contract.strict import ContractError

from .asking import Asking
from .callers import Workloads
from .condition import Condition
from .expression import Hidden
from .fields import CompiledMatches
from .host import compile_host, host_holds
from .pattern import compile_pattern
from .router import offered
from .rules import CompiledRule
from .tree import PathTree

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def read_address(text: str) -> Address | None:
    """The address, an IPv4 one also where it came as an IPv6 one (RFC 4291 section 2.5.5.2); None if it is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def read_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The network, as the addresses in it are read; ValueError."""
    network = ipaddress.ip_network(text)
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    return (
        network if mapped is None or network.prefixlen < 96 else ipaddress.ip_network((mapped, network.prefixlen - 96))
    )


class _Rule:
    """One rule, compiled. ValueError with a sentence."""

    def __init__(self, deny: Deny, workloads: Workloads, hidden: Hidden) -> None:
        self.deny, self._workloads = deny, workloads
        self.pattern = compile_pattern(deny.path)
        self._methods = None if deny.methods is None else frozenset(offered(deny.methods))
        self._hosts = frozenset(compile_host(host) for host in deny.hosts)
        self._matches = CompiledMatches(deny.headers, deny.query)
        self._claims = tuple(CompiledRule(rule) for rule in deny.claims)
        self._networks = tuple(read_network(network) for network in deny.addresses)
        self.condition = Condition(deny.when, self.pattern, hidden) if deny.when is not None else None

    def miss(self, asking: Asking) -> str | None:
        """What does not hold, or None: the rule is for this request. The path has matched."""
        # Some services read methods without case: what is refused is refused in any.
        if self._methods is not None and asking.request.method.upper() not in self._methods:
            return f"method {shown(asking.request.method)}"
        if self._hosts and (host := asking.host) and not host_holds(host, self._hosts):
            return f"host {shown(host)}"
        if (miss := self._matches.miss(asking.fields)) is not None:
            return miss
        for rule in self._claims:
            if not rule.holds(value := rule.seen(asking.claims, asking.role_paths)):
                return f"{rule}: saw {shown(value)}"
        if self.deny.callers and self._workloads.named(asking.principal).isdisjoint(self.deny.callers):
            return "the caller is none of its workloads"
        address = read_address(asking.request.address) if self._networks else None
        if address is not None and not any(address in network for network in self._networks):
            return f"address {address}"
        return self._condition_miss(asking)

    def _condition_miss(self, asking: Asking) -> str | None:
        if self.condition is None:
            return None
        verdict = self.condition.verdict(asking.variables(self.pattern.parameters(asking.target.segments)))
        return f"{shown(self.condition.text)}: {verdict.detail}" if verdict.holds is False else None


@dataclass(frozen=True, slots=True)
class Denial:
    """``denied``: the name of the rule that refuses, or None. ``shadow``: the names of those that only would."""

    denied: str | None = None
    shadow: tuple[str, ...] = ()


class DenyList:
    """A service's deny rules, compiled. ContractError names the one that does not compile."""

    def __init__(self, rules: Iterable[Deny], workloads: Workloads, hidden: Hidden) -> None:
        self._rules: list[_Rule] = []
        self._tree = PathTree()
        for number, deny in enumerate(rules):
            try:
                rule = _Rule(deny, workloads, hidden)
            except ValueError as error:
                raise ContractError("bad_deny", f"deny rule {deny.name}: {error}") from error
            self._rules.append(rule)
            self._tree.plant(number, rule.pattern)
        self.reads_host = any(rule.deny.hosts for rule in self._rules)

    def conditions(self) -> list[Condition]:
        """The conditions of all rules."""
        return [rule.condition for rule in self._rules if rule.condition is not None]

    def on_path(self, segments: tuple[str, ...]) -> list[int]:
        """The rules for this path, whatever else they name."""
        return sorted(self._tree.numbers(segments)) if self._rules else []

    def reads_path(self, numbers: Iterable[int]) -> bool:
        """Does a condition among these rules look at the path?"""
        conditions = (self._rules[number].condition for number in numbers)
        return any(condition is not None and condition.reads.reads_path for condition in conditions)

    def judge(self, numbers: Iterable[int], asking: Asking, steps: list[str] | None = None) -> Denial:
        """Does one of these rules refuse?"""
        shadow: list[str] = []
        for number in numbers:
            rule = self._rules[number]
            miss = rule.miss(asking)
            if steps is not None:
                mode = ", which is only recorded" if rule.deny.shadow else ""
                steps.append(f"deny {rule.deny.name}{mode}: {'holds' if miss is None else 'is not for it, ' + miss}")
            if miss is None and not rule.deny.shadow:
                return Denial(rule.deny.name, tuple(shadow))
            if miss is None:
                shadow.append(rule.deny.name)
        return Denial(None, tuple(shadow))
