"""The decision once more: slow, obviously right, and written from docs/paths.md and the contract's words alone.

A plain scan of plain lists. Nothing of ``sidecar.authz`` is used, so that a mistake is not made twice. What is not
modelled: signatures (a token is a name for claims) and CEL (a condition is a name for a function).
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from urllib.parse import unquote_plus

from sidecar.contract.route import ClaimRule, Deny, FieldMatch, RateLimit, Requirement, Route
from sidecar.contract.snapshot import Snapshot

from .model_path import RefusedError, forwarded, normalised, parameters, readings

Claims = Mapping[str, Any]
Condition = Callable[[Claims, dict[str, str], "Request"], bool | None]


@dataclass(frozen=True)
class Request:
    """A request, as text."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    host: str = ""
    address: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a caller, a service and an operator notice of a decision."""

    reason: str
    route: int | None = None
    forwarded: str = ""
    shadow: tuple[str, ...] = ()


@dataclass
class Model:
    """One policy. ``tokens``: what a credential's text stands for; None for one that is bad. ``used``: what is left in
    each bucket, and since when."""

    snapshot: Snapshot
    tokens: Mapping[str, Claims | None]
    conditions: Mapping[str, Condition]
    used: dict[Any, tuple[Fraction, int]] = field(default_factory=dict)

    def decide(self, request: Request, now: int) -> Outcome:
        try:
            path, segments, query = normalised(
                request.target, any(r.encoded_slash == "keep" for r in self.snapshot.routes)
            )
            fields = self._fields(request, query)
            number = self._reading(request, segments, fields)
        except RefusedError as refused:
            return Outcome(str(refused))
        route = self.snapshot.routes[number]
        try:
            claims, in_query = self._who(route, request, query)
            shadow = self._authorise(number, claims, request, segments, fields, now)
        except RefusedError as refused:
            return Outcome(str(refused), number)
        return Outcome("allowed", number, forwarded(route, path, query, in_query), tuple(shadow))

    # -- which rules are for it

    def _fields(self, request: Request, query: str) -> dict[tuple[str, str], str]:
        looked_at = {("header", m.name) for rule in self._all() for m in rule.headers}
        looked_at |= {("query", m.name) for rule in self._all() for m in rule.query}
        given = [("header", name.replace("_", "-"), value) for name, value in request.headers]
        spelt = [("header", name, value) for name, value in request.headers]
        given += [
            ("query", unquote_plus(n), unquote_plus(v)) for n, _, v in (p.partition("=") for p in query.split("&"))
        ]
        other = [
            ("query", unquote_plus(n), unquote_plus(v))
            for n, _, v in (p.partition("=") for p in re.split("[&;]", query))
        ]
        found: dict[tuple[str, str], str] = {}
        for kind, name in looked_at:
            values = [value for k, n, value in given if (k, n) == (kind, name)]
            exact = [value for k, n, value in (spelt if kind == "header" else other) if (k, n) == (kind, name)]
            if len(values) > 1 or values != exact:
                raise RefusedError("malformed_request")
            if values:
                found[kind, name] = values[0]
        return found

    def _all(self) -> list[Route | Deny]:
        return [*self.snapshot.routes, *self.snapshot.deny]

    def _reading(self, request: Request, segments: list[str], fields: dict[tuple[str, str], str]) -> int:
        chosen = self._route(request, segments, fields)
        denies = self._denies(segments)
        if any("/" in segment for segment in segments):
            if not isinstance(chosen, int) or self.snapshot.routes[chosen].encoded_slash != "keep":
                raise RefusedError("bad_path")
            if self._denies([part for part in "/".join(segments).split("/") if part]) != denies:
                raise RefusedError("bad_path")
        texts = [self.snapshot.deny[n].when for n in denies]
        if isinstance(chosen, int):
            texts += [
                self.snapshot.routes[chosen].require.when,
                (self.snapshot.routes[chosen].shadow or Requirement()).when,
            ]
        path_counts = any("path" in (text or "") for text in texts)
        for other in readings(segments):
            again = self._route(request, other, fields)
            differs = (again if isinstance(again, int) else None) != (chosen if isinstance(chosen, int) else None)
            if differs or self._denies(other) != denies or (path_counts and other != segments):
                raise RefusedError("bad_path")
        if not isinstance(chosen, int):
            raise RefusedError(chosen)
        return chosen

    def _route(self, request: Request, segments: list[str], fields: dict[tuple[str, str], str]) -> int | str:
        reached = False
        for number, route in enumerate(self.snapshot.routes):
            if parameters(route.path, segments) is None or not hosts_hold(route.hosts, request.host):
                continue
            if not matches_hold(route.headers, route.query, fields):
                continue
            if route.methods is None and not reached:
                return number
            if route.methods is not None and method_holds(route.methods, request.method):
                return number
            reached = True
        return "method_not_allowed" if reached else "no_route"

    def _denies(self, segments: list[str]) -> list[int]:
        return [n for n, deny in enumerate(self.snapshot.deny) if parameters(deny.path, segments) is not None]

    # -- who calls, and may he

    def _who(self, route: Route, request: Request, query: str) -> tuple[Claims | None, str | None]:
        places = {source.place: source.name for source in route.credentials}
        found = [value.partition(" ")[2] for name, value in request.headers if name == "authorization"]
        stood_in_query = []
        if "query" in places:
            pairs = [part.partition("=") for part in query.split("&")]
            stood_in_query = [unquote_plus(v) for n, _, v in pairs if unquote_plus(n) == places["query"]]
        if len(found) + len(stood_in_query) > 1:
            raise RefusedError("several_credentials")
        for text in found + stood_in_query:
            claims = self.tokens[text]
            if claims is None:
                raise RefusedError("invalid_token")
            return claims, places["query"] if stood_in_query else None
        if route.access == "token":
            raise RefusedError("missing_token")
        return None, None

    def _authorise(
        self,
        number: int,
        claims: Claims | None,
        request: Request,
        segments: list[str],
        fields: dict[tuple[str, str], str],
        now: int,
    ) -> list[str]:
        route = self.snapshot.routes[number]
        shadow = []
        for deny in self.snapshot.deny:
            if self._denied(deny, claims, request, segments, fields):
                if not deny.shadow:
                    raise RefusedError("denied")
                shadow.append(f"deny {deny.name}: denied")
        names = parameters(route.path, segments) or {}
        if (
            claims is not None
            and route.access != "public"
            and (lack := self._lack(route.require, claims, names, request))
        ):
            raise RefusedError(lack)
        self._spend(route, claims, request, now)
        if route.shadow is not None:
            lack = "missing_token" if claims is None else self._lack(route.shadow, claims, names, request)
            shadow += [f"route {number + 1}: {lack}"] if lack else []
        return shadow

    def _denied(
        self,
        deny: Deny,
        claims: Claims | None,
        request: Request,
        segments: list[str],
        fields: dict[tuple[str, str], str],
    ) -> bool:
        names = parameters(deny.path, segments)
        if names is None or not (deny.methods is None or method_holds(deny.methods, request.method)):
            return False
        if host_of(request.host) and not hosts_hold(deny.hosts, request.host):
            return False
        if not matches_hold(deny.headers, deny.query, fields) or not all(
            claim_holds(r, claims or {}) for r in deny.claims
        ):
            return False
        if deny.callers and not self._workloads(claims or {}) & set(deny.callers):
            return False
        if deny.addresses and request.address:
            address = ipaddress.ip_address(request.address.removeprefix("::ffff:"))
            if not any(address in ipaddress.ip_network(network) for network in deny.addresses):
                return False
        return deny.when is None or self._verdict(deny.when, claims or {}, names, request) is not False

    def _lack(self, asked: Requirement, claims: Claims, names: dict[str, str], request: Request) -> str | None:
        scopes = claims.get("scope", "").split()
        if any(scope not in scopes for scope in asked.scopes):
            return "insufficient_scope"
        if asked.any_scope and not any(scope in scopes for scope in asked.any_scope):
            return "insufficient_scope"
        if not all(claim_holds(rule, claims) for rule in asked.claims):
            return "claims_refused"
        if asked.callers and not self._workloads(claims) & set(asked.callers):
            return "caller_refused"
        if asked.when is not None and self._verdict(asked.when, claims, names, request) is not True:
            return "condition_refused"
        return None

    def _verdict(self, when: str, claims: Claims, names: dict[str, str], request: Request) -> bool | None:
        try:
            return self.conditions[when](claims, names, request)
        except (KeyError, TypeError):
            return None

    def _workloads(self, claims: Claims) -> set[str]:
        subject, client = claims.get("sub"), claims.get("client_id")
        return {w.name for w in self.snapshot.workloads if subject in w.subjects and client == subject}

    def _spend(self, route: Route, claims: Claims | None, request: Request, now: int) -> None:
        buckets = []
        for limit in route.rate_limits:
            key = (route, limit, whose(limit, claims, request))
            left, then = self.used.get(key, (Fraction(limit.burst), now))
            left = min(Fraction(limit.burst), left + Fraction((now - then) * 1000 * limit.requests, limit.per_ms))
            buckets.append((key, left))
        if any(left < 1 for _, left in buckets):
            raise RefusedError("rate_limited")
        for key, left in buckets:
            self.used[key] = (left - 1, now)


def whose(limit: RateLimit, claims: Claims | None, request: Request) -> object:
    if limit.by == "route":
        return None
    if claims is None or limit.by == "ip":
        return "ip", request.address.removeprefix("::ffff:")
    if limit.by == "claim":
        return repr(claims.get(limit.claim[0], ...))
    return claims["client_id"] if limit.by == "client" and "client_id" in claims else ("subject", claims["sub"])


def host_of(authority: str) -> str:
    return re.sub(r":\d*$", "", authority).removesuffix(".").lower()


def hosts_hold(hosts: tuple[str, ...], authority: str) -> bool:
    name = host_of(authority)
    anything = "[^.]+"
    return not hosts or any(re.fullmatch(re.escape(host).replace(r"\*", anything), name) for host in hosts)


def method_holds(methods: tuple[str, ...], method: str) -> bool:
    return method in methods or (method == "HEAD" and "GET" in methods)


def matches_hold(
    headers: tuple[FieldMatch, ...], query: tuple[FieldMatch, ...], fields: dict[tuple[str, str], str]
) -> bool:
    wanted = [(m, fields.get(("header", m.name))) for m in headers] + [
        (m, fields.get(("query", m.name))) for m in query
    ]
    for match, value in wanted:
        if match.test == "absent":
            held = value is None
        elif value is None:
            held = False
        elif match.test == "present":
            held = True
        elif match.test == "prefix":
            held = any(value.startswith(prefix) for prefix in match.values)
        else:
            held = value in match.values
        if not held:
            return False
    return True


def claim_holds(rule: ClaimRule, claims: Claims) -> bool:
    value = claims.get(rule.path[0])
    same = [
        [type(v) is type(w) and v == w for w in (value if isinstance(value, list) else [value])] for v in rule.values
    ]
    if rule.test == "present":
        return value is not None
    if rule.test == "equals":
        return not isinstance(value, list) and same[0][0]
    if rule.test == "any":
        return any(any(row) for row in same)
    return isinstance(value, list) and all(any(row) for row in same)
