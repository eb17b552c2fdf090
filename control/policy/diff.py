"""What a new policy changes, for people who must decide whether to push it.

Two values are compared as written (``repr``), since to Python a claim of 1 and one of True are equal. A change
that lets more through than before is marked: that is the line to read twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sidecar.contract.snapshot import ClaimRule, Issuer, Route

from .model import Policy, PolicyIssuer, ServicePolicy
from .shadow import label

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``where`` is ``orders`` or ``issuer partner``; ``allows_more``: what was refused may pass."""

    kind: Kind
    where: str
    what: str
    allows_more: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (" (allows more)" if self.allows_more else "")

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {"kind": self.kind, "where": self.where, "what": self.what, "allows_more": self.allows_more}


def diff(old: Policy | None, new: Policy) -> list[str]:
    """The changes, a line each; empty if there is none."""
    return [str(change) for change in changes(old, new)]


def changes(old: Policy | None, new: Policy) -> list[Change]:
    """The changes from ``old`` (None: there was no policy) to ``new``."""
    before = old or Policy(new.trust_domain)
    return [*_mesh(before, new), *_issuers(before, new), *_services(before, new)]


def _mesh(old: Policy, new: Policy) -> Iterator[Change]:
    if old.trust_domain != new.trust_domain:
        yield Change("changed", "trust_domain", f"{old.trust_domain} -> {new.trust_domain}")


def _issuers(old: Policy, new: Policy) -> Iterator[Change]:
    for issuer in old.issuers:
        if new.issuer(issuer.name) is None:
            yield Change("removed", f"issuer {issuer.name}", "removed")
    for issuer in new.issuers:
        known = old.issuer(issuer.name)
        if known is None:
            yield Change("added", f"issuer {issuer.name}", f"added ({_who(issuer)})", bool(old.services))
        else:
            yield from _issuer(known, issuer)


def _who(issuer: PolicyIssuer) -> str:
    if issuer.outside is None:
        return "built in"
    return f"{issuer.outside.issuer}, audience {' '.join(issuer.outside.audiences)}"


def _issuer(old: PolicyIssuer, new: PolicyIssuer) -> Iterator[Change]:
    where = f"issuer {new.name}"
    if old.leeway_s != new.leeway_s:
        yield Change("changed", where, f"leeway {old.leeway_s}s -> {new.leeway_s}s", new.leeway_s > old.leeway_s)
    if old.secret_name != new.secret_name:
        yield Change("changed", where, f"secret {old.secret_name or 'none'} -> {new.secret_name or 'none'}", True)
    if old.outside is None or new.outside is None:
        if old.builtin != new.builtin:
            yield Change("changed", where, f"{_who(old)} -> {_who(new)}", True)
        return
    yield from _outside(where, old.outside, new.outside)


def _outside(where: str, old: Issuer, new: Issuer) -> Iterator[Change]:
    if old.issuer != new.issuer:
        yield Change("changed", where, f"issuer {old.issuer} -> {new.issuer}", True)
    for word, before, after in (
        ("audience", old.audiences, new.audiences),
        ("algorithms", old.algorithms, new.algorithms),
    ):
        if before != after:
            yield Change("changed", where, f"{word} {_list(before)} -> {_list(after)}", not set(after) <= set(before))
    for word in ("subject", "scopes", "client", "roles"):
        was, now = getattr(old.claims, word), getattr(new.claims, word)
        if was != now:
            yield Change("changed", where, f"claims.{word} {'.'.join(was)} -> {'.'.join(now)}", True)
    yield from _keys(where, old, new)


def _keys(where: str, old: Issuer, new: Issuer) -> Iterator[Change]:
    before, after = ({repr(sorted(key.items())): key.get("kid", "without kid") for key in i.keys} for i in (old, new))
    gone = [kid for key, kid in before.items() if key not in after]
    come = [kid for key, kid in after.items() if key not in before]
    if gone:
        yield Change("changed", where, f"keys removed: {' '.join(gone)}")
    if come:
        yield Change("changed", where, f"keys added: {' '.join(come)}", True)


def _services(old: Policy, new: Policy) -> Iterator[Change]:
    for service in old.services:
        if new.service(service.name) is None:
            yield Change("removed", service.name, "service removed: its sidecars will answer 404 to everything")
    for service in new.services:
        known = old.service(service.name)
        if known is None:
            number = len(service.routes)
            yield Change("added", service.name, f"service added, {number} route{'' if number == 1 else 's'}")
            known = ServicePolicy(service.name, service.issuers, ())
        yield from _service(known, service)


def _service(old: ServicePolicy, new: ServicePolicy) -> Iterator[Change]:
    where = new.name
    if old.issuers != new.issuers:
        more = not set(new.issuers) <= set(old.issuers)
        yield Change("changed", where, f"issuers {_list(old.issuers)} -> {_list(new.issuers)}", more)
    yield from _routes(where, old.routes, new.routes)
    if old.forward.token != new.forward.token:
        yield Change("changed", where, f"forward.token {old.forward.token} -> {new.forward.token}")
    if old.forward.claims != new.forward.claims:
        before, after = (
            [f"{header}=claims.{'.'.join(path)}" for header, path in forward.claims]
            for forward in (old.forward, new.forward)
        )
        yield Change("changed", where, f"forward.headers {_list(before)} -> {_list(after)}")


def _routes(where: str, old: Sequence[Route], new: Sequence[Route]) -> Iterator[Change]:
    before, after = _by_label(old), _by_label(new)
    for name in before.keys() - after.keys():
        # A later, laxer route may now match what this one guarded.
        guarded = before[name].access != "public"
        yield Change("removed", where, f"route {name}: removed", guarded and bool(new))
    for name, route in after.items():
        if name not in before:
            yield Change("added", where, f"route {name}: added, {_asks(route)}", bool(old) or route.access == "public")
        else:
            yield from _route(where, name, before[name], route)
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield Change("changed", where, "routes stand in another order, and the first match decides", True)


def _by_label(routes: Sequence[Route]) -> dict[str, Route]:
    """Routes by what tells them apart; of two with one label, only the first ever matches."""
    found: dict[str, Route] = {}
    for route in routes:
        found.setdefault(label(route), route)
    return found


def _asks(route: Route) -> str:
    if route.access == "public":
        return "public"
    require = route.require
    asks = [f"scopes {' '.join(require.scopes)}"] if require.scopes else []
    asks += [f"any scope of {' '.join(require.any_scope)}"] if require.any_scope else []
    asks += [_rule(rule) for rule in require.claims]
    return ", ".join(asks) or "any valid token"


def _rule(rule: ClaimRule) -> str:
    path = ".".join(rule.path)
    if rule.test == "present":
        return f"claim {path} present"
    values = " ".join(_scalar(value) for value in rule.values)
    return f"claim {path} = {values}" if rule.test == "equals" else f"claim {path} {rule.test} of {values}"


def _scalar(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value) if _looks_typed(value) else str(value)


def _looks_typed(value: str | int) -> bool:
    return isinstance(value, str) and (value.lstrip("-").isdigit() or value in ("true", "false", ""))


def _route(where: str, name: str, old: Route, new: Route) -> Iterator[Change]:
    def changed(what: str, allows_more: bool) -> Change:
        return Change("changed", where, f"route {name}: {what}", allows_more)

    if old.access != new.access:
        yield changed(f"{_asks(old)} -> {_asks(new)}", new.access == "public")
        return
    a, b = old.require, new.require
    if a.scopes != b.scopes:
        yield changed(f"scopes {_list(a.scopes)} -> {_list(b.scopes)}", not set(a.scopes) <= set(b.scopes))
    if a.any_scope != b.any_scope:
        more = bool(a.any_scope) and (not b.any_scope or not set(b.any_scope) <= set(a.any_scope))
        yield changed(f"any_scope {_list(a.any_scope)} -> {_list(b.any_scope)}", more)
    was, now = [_rule(rule) for rule in a.claims], [_rule(rule) for rule in b.claims]
    if was != now:
        yield changed(f"claims {'; '.join(was) or 'none'} -> {'; '.join(now) or 'none'}", not set(was) <= set(now))
    if old.issuers != new.issuers:
        more = new.issuers is None or (old.issuers is not None and not set(new.issuers) <= set(old.issuers))
        yield changed(f"issuers {_list(old.issuers or ('all',))} -> {_list(new.issuers or ('all',))}", more)
    if old.timeout_ms != new.timeout_ms:
        yield changed(f"timeout {_ms(old.timeout_ms)} -> {_ms(new.timeout_ms)}", False)


def _ms(timeout_ms: int | None) -> str:
    return "default" if timeout_ms is None else f"{timeout_ms}ms"


def _list(words: Sequence[str]) -> str:
    return " ".join(words) or "none"
