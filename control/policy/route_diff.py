"""What changes in a service's routes, and whether more may pass."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from sidecar.contract.snapshot import Redirect, Requirement, Respond, Route

from .change import Change, listed
from .shadow import label
from .told import asks_told, header_changes_told, rate_limit_told, requirement_told, rule_told, source_told

_OPENNESS = ("token", "optional", "public")

Told = Iterator[tuple[str, bool]]
"""What changed, and whether it allows more."""


def route_changes(where: str, old: Sequence[Route], new: Sequence[Route]) -> Iterator[Change]:
    """Routes that come, go, move and change."""
    before, after = _by_label(old), _by_label(new)
    for name in before.keys() - after.keys():
        # A later, laxer route may now match what this one guarded.
        guarded = before[name].access != "public"
        yield Change("removed", where, f"route {name}: removed", guarded and bool(new))
    for name, route in after.items():
        if name not in before:
            more = bool(old) or route.access == "public"
            yield Change("added", where, f"route {name}: added, {asks_told(route)}", more)
            continue
        known = before[name]
        for changed in (_asking(known, route), _limits(known, route), _outcome(known, route)):
            for told, allows_more in changed:
                yield Change("changed", where, f"route {name}: {told}", allows_more)
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield Change("changed", where, "routes stand in another order, and the first match decides", True)


def _by_label(routes: Sequence[Route]) -> dict[str, Route]:
    """Routes by what tells them apart; of two with one label, only the first ever matches."""
    found: dict[str, Route] = {}
    for route in routes:
        found.setdefault(label(route), route)
    return found


def _asking(old: Route, new: Route) -> Told:
    if old.access != new.access:
        more = _OPENNESS.index(new.access) > _OPENNESS.index(old.access)
        fewer = requirement_told(old.require) != requirement_told(new.require) and new.access != "token"
        yield f"{asks_told(old)} -> {asks_told(new)}", more or fewer
    else:
        yield from _requirement(old.require, new.require)
    if old.issuers != new.issuers:
        more = new.issuers is None or (old.issuers is not None and not set(new.issuers) <= set(old.issuers))
        yield f"issuers {listed(old.issuers or ('all',))} -> {listed(new.issuers or ('all',))}", more
    was, now = ([source_told(source) for source in route.credentials] for route in (old, new))
    if was != now:
        yield f"credentials {listed(was, ', ')} -> {listed(now, ', ')}", not set(now) <= set(was)
    before, after = (requirement_told(route.shadow or Requirement()) or "none" for route in (old, new))
    if before != after:
        yield f"shadow {before} -> {after}", False


def _requirement(old: Requirement, new: Requirement) -> Told:
    if old.scopes != new.scopes:
        yield f"scopes {listed(old.scopes)} -> {listed(new.scopes)}", not set(old.scopes) <= set(new.scopes)
    for word in ("any_scope", "callers"):
        before, after = getattr(old, word), getattr(new, word)
        if before != after:
            more = bool(before) and (not after or not set(after) <= set(before))
            yield f"{word} {listed(before)} -> {listed(after)}", more
    was, now = [rule_told(rule) for rule in old.claims], [rule_told(rule) for rule in new.claims]
    if was != now:
        yield f"claims {listed(was, '; ')} -> {listed(now, '; ')}", not set(was) <= set(now)
    if old.when != new.when:
        yield f"when {old.when or 'none'} -> {new.when or 'none'}", old.when is not None


def _limits(old: Route, new: Route) -> Told:
    was, now = ([rate_limit_told(limit) for limit in route.rate_limits] for route in (old, new))
    if was != now:
        yield f"rate_limit {listed(was, '; ')} -> {listed(now, '; ')}", not set(was) <= set(now)
    for word, member in (
        ("timeout", "timeout_ms"),
        ("timeout.idle", "idle_timeout_ms"),
        ("timeout.total", "total_timeout_ms"),
    ):
        before, after = getattr(old, member), getattr(new, member)
        if before != after:
            yield f"{word} {_unit(before, 'ms')} -> {_unit(after, 'ms')}", False
    if old.body_bytes != new.body_bytes:
        more = old.body_bytes is not None and (new.body_bytes is None or new.body_bytes > old.body_bytes)
        yield f"body_limit {_unit(old.body_bytes, 'B')} -> {_unit(new.body_bytes, 'B')}", more
    if old.encoded_slash != new.encoded_slash:
        yield f"encoded_slash {old.encoded_slash} -> {new.encoded_slash}", new.encoded_slash == "keep"


def _outcome(old: Route, new: Route) -> Told:
    was, now = _goes(old), _goes(new)
    if was != now:  # the service may be asked where it was not, or for something else
        yield f"{was} -> {now}", not (new.respond or new.redirect)
    for part in ("request_headers", "response_headers"):
        before, after = header_changes_told(getattr(old, part)), header_changes_told(getattr(new, part))
        if before != after:
            yield f"{part} {before} -> {after}", False


def _goes(route: Route) -> str:
    """Where a request of the route ends."""
    if isinstance(answer := route.respond, Respond):
        body = (
            f" {answer.body!r}" if len(answer.body) <= 60 else f" {len(answer.body)} characters, {_digest(answer.body)}"
        )
        return f"respond {answer.status}{body if answer.body else ''} ({answer.content_type})"
    if isinstance(redirect := route.redirect, Redirect):
        return f"redirect {redirect.status} {redirect.to}{'/**' if redirect.keep_path else ''}"
    return f"rewrite {route.rewrite}" if route.rewrite is not None else "the service"


def _digest(text: str) -> str:
    """So that two long texts are told apart."""
    return sha256(text.encode()).hexdigest()[:12]


def _unit(value: int | None, unit: str) -> str:
    return "default" if value is None else f"{value}{unit}"
