"""The evaluator decides as the model does: any policy, any request, one after the other.

Policies and requests are drawn by chance from a seed, so that hundreds of them fit into a second; a seed that fails is
kept by hypothesis and fails again.
"""

import random
from typing import Any, Literal, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.authz.evaluator import Evaluator, RequestFacts
from sidecar.contract.route import ClaimRule, Deny, FieldMatch, RateLimit, Requirement, Route, Source
from sidecar.contract.snapshot import Snapshot, Workload, decode, encode, with_requirements
from tests.authn.minting import NOW, claims, mint, snapshot

from .model import Condition, Model, Outcome, Request

CLAIMS: list[dict[str, Any]] = [
    claims(sub="7", scope="read", tenant="acme"),
    claims(sub="web", client_id="web", scope="read write", tenant="evil", roles=["boss", 1]),
    claims(sub="8", client_id="app", scope="", tenant=True, roles="boss"),
    claims(sub="7", client_id="app", scope="write", tenant=1, roles=[True]),
]
TOKENS: dict[str, dict[str, Any] | None] = {**{mint(body): body for body in CLAIMS}, "a.b.c": None}
CONDITIONS: dict[str, Condition] = {
    "claims.sub == path.id": lambda who, names, _: bool(who["sub"] == names["id"]),
    "claims.sub != path.id": lambda who, names, _: bool(who["sub"] != names["id"]),
    "claims.tenant == 'evil'": lambda who, _, __: bool(who["tenant"] == "evil"),
    "request.method == 'GET'": lambda _, __, request: request.method == "GET",
    "claims.roles": lambda _, __, ___: None,  # no boolean, or not there
    "claims.scope == ''": lambda who, _, __: bool(who["scope"] == ""),
    "principal.subject == '7'": lambda who, _, __: who.get("sub") == "7",
}
TEXTS = list(TOKENS)

T = TypeVar("T")
QUERY_TOKEN = Source("token", "query", "t")
ACCESSES: list[Literal["token", "optional", "public"]] = ["token", "optional", "public"]
SLASHES: list[Literal["refuse", "keep"]] = ["refuse", "keep"]
METHODS: list[tuple[str, ...] | None] = [None, None, ("GET",), ("PUT", "GET"), ("HEAD",), ("POST",)]
HOSTS = [("a.test",), ("b.test", "*.a.test"), ("*.test",)]
MATCHERS: list[tuple[Any, ...]] = [
    ("equals", ("1",)),
    ("any", ("1", "2")),
    ("prefix", ("1", "v")),
    ("present",),
    ("absent",),
]
RULES = [
    ClaimRule(("tenant",), "equals", ("acme",)),
    ClaimRule(("tenant",), "any", (1, "evil")),
    ClaimRule(("tenant",), "equals", (True,)),
    ClaimRule(("roles",), "any", ("boss",)),
    ClaimRule(("roles",), "all", (1, "boss")),
    ClaimRule(("roles",), "present"),
]
LIMITS = [
    RateLimit(1, 3000, 1, "route"),
    RateLimit(2, 3000, 2, "subject"),
    RateLimit(1, 1000, 2, "ip"),
    RateLimit(1, 7000, 1, "client"),
    RateLimit(1, 9000, 2, "claim", ("tenant",)),
]
PLAIN = ["a", "b", "admin", "7"]
ODD = [
    "",
    ".",
    "..",
    "%61",
    "a;x",
    "7;y",
    "admin;z",
    ";",
    "%2561dmin",
    "%61dmin",
    "%2e%2e",
    "..;",
    "%2525",
    "a%2Fb",
    "7%2f7",
]
ODD += ["admin%2Fa", "..%2Fa", "%252f", "%5c", "%", "\\", "%00", "%C3%A9", "%ff", "a%3Bx", "#", "\xe9", "%25252561"]
QUERIES = ["", "", "", "", "", "?", "?q=1", "?q=%31&x=+", "?q=v", "?q=2&q=1", "?a=1;q=2", "?q=v;a=1", "?%71=1&y=%zz"]
FIELDS = [(), (), (), (("x-v", "1"),), (("x-v", "2"),), (("x-v", "v"),), (("x_v", "1"),), (("x-v", "1"), ("x-v", "1"))]
ADDRESSES = ["", "10.1.2.3", "192.0.2.1", "::ffff:10.1.2.3", "2001:db8::1"]


class Drawn:
    """Policies and requests, drawn by chance."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._one_of = self._chance.choice
        self._fields = self._rarely(True, False, one_in=3)  # else every rule for a request with fields would be rare

    def _rarely(self, this: T, otherwise: T, one_in: int = 5) -> T:
        return this if self._chance.randrange(one_in) == 0 else otherwise

    def policy(self) -> Snapshot:
        routes = [self._route() for _ in range(self._chance.randrange(1, 6))]
        routes += [self._route("/**")] * self._chance.randrange(2)
        deny = tuple(self._deny(name) for name in ("x", "y")[: self._chance.randrange(3)])
        unique = {(route.path, route.methods, route.hosts, route.headers, route.query): route for route in routes}
        return snapshot(routes=tuple(unique.values()), deny=deny, workloads=(Workload("web", "partner", ("web",)),))

    def _path(self) -> str:
        parts = [self._one_of([*PLAIN, "*"]) for _ in range(self._chance.randrange(3))]
        parts.insert(0, "{id}") if self._chance.randrange(3) == 0 else parts.append("{id}")
        return "/" + "/".join([*self._rarely(parts[:-1], parts, one_in=2), *self._one_of([[], ["**"]])])

    def _matches(self, name: str) -> tuple[FieldMatch, ...]:
        return self._rarely((FieldMatch(name, *self._one_of(MATCHERS)),), (), one_in=3) if self._fields else ()

    def _when(self, path: str) -> str | None:
        texts = [text for text in CONDITIONS if "{id}" in path or "path.id" not in text]
        return self._rarely(self._one_of(texts), None, one_in=3)

    def _requirement(self, path: str) -> Requirement:
        return Requirement(
            self._rarely(self._one_of([("read",), ("read", "write")]), ()),
            self._rarely(("write", "admin"), ()),
            self._rarely((self._one_of(RULES), self._one_of(RULES)), ()),
            self._rarely(("web",), ()),
            self._when(path),
        )

    def _route(self, path: str | None = None) -> Route:
        path = path or self._path()
        access = self._one_of(ACCESSES)
        return Route(
            path,
            self._one_of(METHODS),
            access=access,
            require=Requirement() if access == "public" else self._requirement(path),
            hosts=self._rarely(self._one_of(HOSTS), ()),
            headers=self._matches("x-v"),
            query=self._matches("q"),
            credentials=self._one_of([(Source(),), (Source(), QUERY_TOKEN)]),
            shadow=self._rarely(self._requirement(path), None),
            rate_limits=self._rarely(tuple(self._chance.sample(LIMITS, 2)), ()),
            encoded_slash=self._one_of(SLASHES),
            rewrite=self._one_of([None, "/", "/v2", "/v2/"]) if path.endswith("**") else None,
        )

    def _deny(self, name: str) -> Deny:
        path = self._one_of(["/**", self._path(), "/admin/**", "/a/**", "/{id}"])
        return Deny(
            name,
            path,
            self._one_of(METHODS),
            self._rarely(self._one_of(HOSTS), ()),
            self._matches("x-v"),
            self._matches("q"),
            self._rarely((self._one_of(RULES),), ()),
            self._rarely(("web",), ()),
            self._rarely(("10.0.0.0/8", "2001:db8::/32"), ()),
            self._when(path),
            self._one_of([True, False]),
        )

    def request(self) -> Request:
        query = self._one_of(QUERIES)
        headers: list[tuple[str, str]] = list(self._one_of(FIELDS))
        if self._rarely(True, False):
            query += f"{'&' if query else '?'}{self._one_of(['t', '%74'])}={self._one_of(TEXTS)}"
        elif self._rarely(False, True):
            headers.append(("authorization", f"Bearer {self._one_of(TEXTS)}"))
        segments = [
            self._rarely(self._one_of(ODD), self._one_of(PLAIN), one_in=6) for _ in range(self._chance.randrange(4))
        ]
        return Request(
            self._one_of(["GET", "GET", "HEAD", "PUT", "POST"]),
            "/" + "/".join(segments) + query,
            tuple(headers),
            self._one_of(["", "a.test", "A.test.:80", "b.test", "x.a.test", "other"]),
            self._one_of(ADDRESSES),
        )


def _decide(evaluator: Evaluator, request: Request, now: int) -> Outcome:
    headers = [(name.encode(), value.encode()) for name, value in request.headers]
    target = request.target.encode("latin-1")
    steps: list[str] = []
    facts = RequestFacts(request.method, target, headers, request.host, request.address)
    decision = evaluator.evaluate(facts, now, steps)
    assert steps
    assert all(line.isprintable() for line in steps)
    routes = evaluator.snapshot.routes
    number = None if decision.route is None else next(n for n, route in enumerate(routes) if route is decision.route)
    return Outcome(str(decision.reason), number, decision.forwarded.decode(), decision.shadow)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_the_evaluator_is_the_model(seed: int) -> None:
    """The same reason, route, forwarded target and shadow; time passes, and snapshots come in between."""
    drawn = Drawn(seed)
    policy = drawn.policy()
    model, evaluator = Model(policy, TOKENS, CONDITIONS), Evaluator(policy)
    for number in range(30):
        request, now = drawn.request(), NOW + number // 3
        assert _decide(evaluator, request, now) == model.decide(request, now), (policy.routes, policy.deny, request)
        if number == 15:
            evaluator = Evaluator(policy, evaluator)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_a_policy_says_the_same_after_a_journey(seed: int) -> None:
    """What control encodes is what a sidecar enforces."""
    sent = with_requirements(Drawn(seed).policy())
    assert decode(encode(sent)) == sent
