"""What a new policy changes, for people who must decide whether to push it.

Two values are compared as written (``repr``), since to Python a claim of 1 and one of True are equal. A change
that lets more through than before is marked: that is the line to read twice.
"""

from collections.abc import Iterator

from sidecar.contract.snapshot import Cors, Deny

from .change import Change, listed
from .issuer_diff import issuer_changes
from .model import Policy, ServicePolicy
from .route_diff import route_changes
from .told import deny_told, header_changes_told


def diff(old: Policy | None, new: Policy) -> list[str]:
    """The changes, a line each; empty if there is none."""
    return [str(change) for change in changes(old, new)]


def changes(old: Policy | None, new: Policy) -> list[Change]:
    """The changes from ``old`` (None: there was no policy) to ``new``."""
    before = old or Policy(new.trust_domain)
    return [*_mesh(before, new), *issuer_changes(before, new), *_services(before, new)]


def _mesh(old: Policy, new: Policy) -> Iterator[Change]:
    if old.trust_domain != new.trust_domain:
        yield Change("changed", "trust_domain", f"{old.trust_domain} -> {new.trust_domain}")


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
        yield Change("changed", where, f"issuers {listed(old.issuers)} -> {listed(new.issuers)}", more)
    yield from _deny(where, old.deny, new.deny)
    yield from route_changes(where, old.routes, new.routes)
    yield from _cors(where, old.cors, new.cors)
    if old.metadata != new.metadata:
        yield Change("changed", where, f"metadata {str(old.metadata).lower()} -> {str(new.metadata).lower()}")
    if old.forward.token != new.forward.token:
        yield Change("changed", where, f"forward.token {old.forward.token} -> {new.forward.token}")
    if old.forward.claims != new.forward.claims:
        before, after = (
            [f"{header}=claims.{'.'.join(path)}" for header, path in forward.claims]
            for forward in (old.forward, new.forward)
        )
        yield Change("changed", where, f"forward.headers {listed(before)} -> {listed(after)}")
    for part in ("request_headers", "response_headers"):
        was, now = header_changes_told(getattr(old.forward, part)), header_changes_told(getattr(new.forward, part))
        if was != now:
            yield Change("changed", where, f"forward.{part} {was} -> {now}")


def _deny(where: str, old: tuple[Deny, ...], new: tuple[Deny, ...]) -> Iterator[Change]:
    before, after = ({rule.name: rule for rule in rules} for rules in (old, new))
    for name, rule in before.items():
        if name not in after:
            yield Change("removed", where, f"deny {name}: removed ({deny_told(rule)})", not rule.shadow)
    for name, rule in after.items():
        known = before.get(name)
        if known is None:
            yield Change("added", where, f"deny {name}: added, {deny_told(rule)}")
        elif repr(known) != repr(rule):
            more = not known.shadow
            yield Change("changed", where, f"deny {name}: {deny_told(known)} -> {deny_told(rule)}", more)


def _cors(where: str, old: Cors | None, new: Cors | None) -> Iterator[Change]:
    if old == new:
        return
    if old is None or new is None:
        was, now = ("none" if cors is None else f"origins {listed(cors.origins)}" for cors in (old, new))
        yield Change("changed", where, f"cors {was} -> {now}", new is not None)
        return
    for word in ("origins", "methods", "headers", "expose"):
        before, after = getattr(old, word), getattr(new, word)
        if before != after:
            yield Change(
                "changed", where, f"cors.{word} {listed(before)} -> {listed(after)}", not set(after) <= set(before)
            )
    if old.credentials != new.credentials:
        told = f"cors.credentials {str(old.credentials).lower()} -> {str(new.credentials).lower()}"
        yield Change("changed", where, told, new.credentials)
    if old.max_age_s != new.max_age_s:
        yield Change("changed", where, f"cors.max_age {old.max_age_s}s -> {new.max_age_s}s")
