"""Which requests a rule is for, compared with another's: does one cover the other, do they meet?

Knows paths, methods, hosts, headers and query parameters; not who calls.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.authz.pattern import Pattern, compile_pattern
from sidecar.contract.snapshot import Deny, FieldMatch, Route


@dataclass(frozen=True, slots=True)
class Reach:
    """The requests of one rule. ``methods`` None: any."""

    pattern: Pattern
    methods: frozenset[str] | None
    hosts: tuple[str, ...]
    fields: tuple[tuple[FieldMatch, ...], tuple[FieldMatch, ...]]

    def covers(self, other: "Reach") -> bool:
        """Is every request of ``other``, whatever its method, one of these?"""
        return (
            _path_covers(self.pattern, other.pattern)
            and _hosts_cover(self.hosts, other.hosts)
            and all(_fields_cover(wide, narrow) for wide, narrow in zip(self.fields, other.fields, strict=True))
        )

    def meets(self, other: "Reach") -> bool:
        """Is there a request, whatever its method, of both?"""
        return (
            _paths_meet(self.pattern, other.pattern)
            and _hosts_meet(self.hosts, other.hosts)
            and all(_fields_meet(one, two) for one, two in zip(self.fields, other.fields, strict=True))
        )

    def offers_all(self, other: "Reach") -> bool:
        """Has it every method of ``other``?"""
        return self.methods is None or (other.methods is not None and other.methods <= self.methods)

    def shares_methods(self, other: "Reach") -> bool:
        """Is there a method of both?"""
        return self.methods is None or other.methods is None or bool(self.methods & other.methods)


def reach_of(rule: Route | Deny) -> Reach:
    """A GET rule is for HEAD too (RFC 9110 section 9.3.2), as the router has it."""
    methods = rule.methods
    offered = None if methods is None else frozenset((*methods, "HEAD") if "GET" in methods else methods)
    return Reach(compile_pattern(rule.path), offered, rule.hosts, (rule.headers, rule.query))


def _path_covers(wide: Pattern, narrow: Pattern) -> bool:
    if len(wide.segments) > len(narrow.segments):
        return False
    if not wide.rest and (narrow.rest or len(wide.segments) != len(narrow.segments)):
        return False
    return all(one is None or one == two for one, two in zip(wide.segments, narrow.segments, strict=False))


def _paths_meet(one: Pattern, two: Pattern) -> bool:
    short, long = sorted((one, two), key=lambda pattern: len(pattern.segments))
    if len(short.segments) < len(long.segments) and not short.rest:
        return False
    return all(None in pair or pair[0] == pair[1] for pair in zip(short.segments, long.segments, strict=False))


def _hosts_cover(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    return not wide or (bool(narrow) and all(any(_host_covers(one, host) for one in wide) for host in narrow))


def _hosts_meet(one: Sequence[str], two: Sequence[str]) -> bool:
    pairs = [(first, second) for first in one for second in two]
    return not one or not two or any(_host_covers(a, b) or _host_covers(b, a) for a, b in pairs)


def _host_covers(wide: str, host: str) -> bool:
    return wide == host or (wide.startswith("*.") and host.partition(".")[2] == wide[2:])


def _fields_cover(wide: Sequence[FieldMatch], narrow: Sequence[FieldMatch]) -> bool:
    known = {match.name: match for match in narrow}
    return all(match.name in known and _implied(match, known[match.name]) for match in wide)


def _implied(wanted: FieldMatch, given: FieldMatch) -> bool:
    """Whatever is as ``given``, is it as ``wanted``?"""
    match wanted.test:
        case "present":
            return given.test != "absent"
        case "absent":
            return given.test == "absent"
        case "prefix":
            return given.test in ("equals", "any", "prefix") and all(map(_begins(wanted), given.values))
        case _:
            return given.test in ("equals", "any") and set(given.values) <= set(wanted.values)


def _fields_meet(one: Sequence[FieldMatch], two: Sequence[FieldMatch]) -> bool:
    known = {match.name: match for match in two}
    return all(_compatible(match, known[match.name]) for match in one if match.name in known)


def _compatible(one: FieldMatch, two: FieldMatch) -> bool:
    if "absent" in (one.test, two.test):
        return one.test == two.test
    if "present" in (one.test, two.test):
        return True
    if one.test == "prefix":
        near = any(map(_begins(one), two.values))
        return near or (two.test == "prefix" and any(map(_begins(two), one.values)))
    return any(map(_begins(two), one.values)) if two.test == "prefix" else bool(set(one.values) & set(two.values))


def _begins(prefix: FieldMatch) -> Callable[[str], bool]:
    return lambda value: value.startswith(prefix.values)


def field_told(match: FieldMatch) -> str:
    """``x-version=2``, ``x-version=2|3``, ``x-version=v*``, ``x-version`` or ``!x-version``."""
    if match.test in ("present", "absent"):
        return f"!{match.name}" if match.test == "absent" else match.name
    return f"{match.name}={'|'.join(match.values)}{'*' if match.test == 'prefix' else ''}"
