"""The decision: its order, its reasons, what it explains and what it never says."""

from typing import Any, Literal

import pytest

from sidecar.authz.evaluator import Decision, Evaluator, RequestFacts
from sidecar.authz.explain import explain
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import ClaimMap, ClaimRule, Requirement, Route, Scalar, Snapshot
from sidecar.contract.strict import ContractError
from tests.authn.minting import NOW, claims, issuer, jwk, mint, needs, snapshot

OTHER = issuer("EdDSA", name="other", issuer="https://other.test/")
ROUTES = (
    Route("/public/**", access="public"),
    Route("/admin/**", require=needs("admin")),
    Route(
        "/orders/{id}", ("GET",), require=needs("orders:read", claims=(ClaimRule(("tenant",), "equals", ("acme",)),))
    ),
    Route("/orders/{id}", ("PUT",), require=needs("orders:write", any_scope=("clerk", "boss"))),
    Route("/other", issuers=("other",)),
    Route("/any/**"),
)
SNAPSHOT = snapshot(issuer(), OTHER, routes=ROUTES)
GOOD = mint(claims(tenant="acme"))


def _ask(
    target: str,
    token: str | None = None,
    method: str = "GET",
    policy: Snapshot = SNAPSHOT,
    steps: list[str] | None = None,
) -> Decision:
    headers = [] if token is None else [(b"authorization", b"Bearer " + token.encode())]
    return Evaluator(policy).evaluate(RequestFacts(method, target.encode(), headers), NOW, steps)


ROWS: dict[str, tuple[str, str | None, str, Reason]] = {
    "allowed": ("/orders/7", GOOD, "GET", Reason.ALLOWED),
    "HEAD as GET": ("/orders/7", GOOD, "HEAD", Reason.ALLOWED),
    "public without a token": ("/public/x", None, "GET", Reason.ALLOWED),
    "public with a good one": ("/public/x", GOOD, "GET", Reason.ALLOWED),
    "public with a bad one": ("/public/x", "a.b.c", "GET", Reason.INVALID_TOKEN),
    "public with an expired one": ("/public/x", mint(claims(exp=NOW - 60)), "GET", Reason.TOKEN_EXPIRED),
    "no token": ("/any/x", None, "GET", Reason.MISSING_TOKEN),
    "bad token": ("/any/x", "a.b.c", "GET", Reason.INVALID_TOKEN),
    "any valid token": ("/any/x", mint(claims(scope=...)), "GET", Reason.ALLOWED),
    "another route's issuer": ("/other", GOOD, "GET", Reason.INVALID_TOKEN),
    "this route's issuer": ("/other", mint(claims(iss="https://other.test/"), "EdDSA"), "GET", Reason.ALLOWED),
    "scope lacking": ("/admin/x", GOOD, "GET", Reason.INSUFFICIENT_SCOPE),
    "the prefix itself is guarded": ("/admin", GOOD, "GET", Reason.INSUFFICIENT_SCOPE),
    "the prefix with a slash": ("/admin/", GOOD, "GET", Reason.INSUFFICIENT_SCOPE),
    "the prefix by dot segments": ("/public/../admin/x", GOOD, "GET", Reason.INSUFFICIENT_SCOPE),
    "the prefix by slashes": ("//admin//x", GOOD, "GET", Reason.INSUFFICIENT_SCOPE),
    "the prefix by escapes": ("/%61dmin/x", GOOD, "GET", Reason.INSUFFICIENT_SCOPE),
    "scope in another case": ("/admin", mint(claims(scope="Admin")), "GET", Reason.INSUFFICIENT_SCOPE),
    "a longer scope": ("/admin", mint(claims(scope="admin2")), "GET", Reason.INSUFFICIENT_SCOPE),
    "claim of another value": ("/orders/7", mint(claims(tenant="evil")), "GET", Reason.CLAIMS_REFUSED),
    "claim missing": ("/orders/7", mint(), "GET", Reason.CLAIMS_REFUSED),
    "scopes before claims": ("/orders/7", mint(claims(scope="", tenant="evil")), "GET", Reason.INSUFFICIENT_SCOPE),
    "one of the scopes": ("/orders/7", mint(claims(scope="orders:write boss")), "PUT", Reason.ALLOWED),
    "none of the scopes": ("/orders/7", mint(claims(scope="orders:write")), "PUT", Reason.INSUFFICIENT_SCOPE),
    "one, but not all": ("/orders/7", mint(claims(scope="boss")), "PUT", Reason.INSUFFICIENT_SCOPE),
    "no route, before the token": ("/nowhere", "a.b.c", "GET", Reason.NO_ROUTE),
    "no method, before the token": ("/orders/7", None, "POST", Reason.METHOD_NOT_ALLOWED),
    "bad path, before the route": ("/nowhere%2f", None, "GET", Reason.BAD_PATH),
    "asterisk": ("*", None, "OPTIONS", Reason.MALFORMED_REQUEST),
    "parameters that hide a guard": ("/admin;x/users", GOOD, "GET", Reason.BAD_PATH),
    "parameters of an encoded ';'": ("/admin%3Bx", GOOD, "GET", Reason.BAD_PATH),
    "parameters that make a segment vanish": ("/;x/admin", GOOD, "GET", Reason.BAD_PATH),
    "a guard encoded twice": ("/%2561dmin", GOOD, "GET", Reason.BAD_PATH),
    "a guard encoded three times": ("/%252561dmin", GOOD, "GET", Reason.BAD_PATH),
    "a percent sign that decides nothing": ("/orders/100%25", GOOD, "GET", Reason.ALLOWED),
    "parameters that decide nothing": ("/orders/7;v=2", GOOD, "GET", Reason.ALLOWED),
}


@pytest.mark.parametrize(("target", "token", "method", "reason"), ROWS.values(), ids=ROWS.keys())
def test_decides(target: str, token: str | None, method: str, reason: Reason) -> None:
    """One row, one reason; whatever is said for operators, the token is not in it."""
    steps: list[str] = []
    decision = _ask(target, token, method, steps=steps)
    assert decision.reason is reason, decision.detail
    assert decision.allowed is (reason is Reason.ALLOWED)
    assert steps
    said = "\n".join([decision.detail, *steps])
    assert token is None or not any(len(part) > 3 and part in said for part in token.split("."))


def test_a_decision_carries_what_the_proxy_needs() -> None:
    """Route, target, principal, parameters; Allow and scope where they belong."""
    allowed = _ask("/orders/a%20b/?q=1", GOOD)
    assert allowed.route is ROUTES[2]
    assert allowed.target is not None
    assert allowed.target.forward() == b"/orders/a%20b/?q=1"
    assert allowed.principal is not None
    assert allowed.principal.subject == "7"
    assert allowed.parameters == {"id": "a b"}
    assert _ask("/orders/7", method="POST").allow_methods == ("GET", "HEAD", "PUT")
    assert _ask("/orders/7", mint(claims(scope="")), "PUT").scope == "orders:write clerk boss"
    assert _ask("/orders/7", mint(claims(scope="boss")), "PUT").scope == "orders:write"
    assert _ask("/public/x").principal is None
    assert _ask("/public/x", GOOD).principal is not None
    assert _ask("/orders/7", "a.b.c").principal is None


def test_two_credentials_are_refused_even_where_none_is_needed() -> None:
    """On a public route as on any other."""
    twice = [(b"authorization", b"Bearer " + GOOD.encode())] * 2
    for target in (b"/public/x", b"/any"):
        decision = Evaluator(SNAPSHOT).evaluate(RequestFacts("GET", target, twice), NOW)
        assert decision.reason is Reason.SEVERAL_CREDENTIALS


def test_unknown_keys_are_503_even_where_no_token_is_needed() -> None:
    """A token that cannot be judged is not a good one."""
    policy = snapshot(issuer(keys=(), keys_known=False), routes=ROUTES[:1])
    assert _ask("/public/x", GOOD, policy=policy).reason is Reason.KEYS_UNAVAILABLE
    assert _ask("/public/x", policy=policy).reason is Reason.ALLOWED


Test = Literal["equals", "any", "all", "present"]
RULES: list[tuple[Test, tuple[Scalar, ...], Any, bool]] = [
    ("equals", ("acme",), "acme", True),
    ("equals", ("acme",), "ACME", False),
    ("equals", ("acme",), ["acme"], False),
    ("equals", ("acme",), ..., False),
    ("equals", ("acme",), None, False),
    ("equals", (1,), 1, True),
    ("equals", (1,), True, False),
    ("equals", (1,), "1", False),
    ("equals", (1,), 1.0, False),
    ("equals", (True,), True, True),
    ("equals", (True,), 1, False),
    ("equals", (True,), "true", False),
    ("equals", (False,), 0, False),
    ("equals", (False,), None, False),
    ("equals", ("None",), None, False),
    ("any", ("clerk", "boss"), "boss", True),
    ("any", ("clerk", "boss"), ["x", "boss"], True),
    ("any", ("clerk", "boss"), "clerk boss", False),
    ("any", ("clerk", "boss"), [], False),
    ("any", ("clerk", "boss"), [["boss"]], False),
    ("any", ("clerk", "boss"), {"boss": True}, False),
    ("any", (1,), [True, 1.0, "1"], False),
    ("any", (1,), [True, 1], True),
    ("all", ("a", "b"), ["b", "c", "a"], True),
    ("all", ("a", "b"), ["a"], False),
    ("all", ("a",), "a", False),
    ("all", (1, True), [1], False),
    ("all", (1, True), [1, True], True),
    ("present", (), "", True),
    ("present", (), False, True),
    ("present", (), [], True),
    ("present", (), None, False),
    ("present", (), ..., False),
]


@pytest.mark.parametrize(("test", "values", "seen", "holds"), RULES)
def test_claim_rules_are_type_strict(test: Test, values: tuple[Scalar, ...], seen: Any, holds: bool) -> None:
    """No value passes for another of a different type."""
    policy = snapshot(routes=(Route("/", require=Requirement(claims=(ClaimRule(("x", "y"), test, values),))),))
    decision = _ask("/", mint(claims(x=... if seen is ... else {"y": seen})), policy=policy)
    assert decision.reason is (Reason.ALLOWED if holds else Reason.CLAIMS_REFUSED)


def test_rules_that_python_takes_for_equal_stay_apart() -> None:
    """A route that wants 1 and one that wants True are two rules, though 1 == True."""
    routes = tuple(
        Route(path, require=Requirement(claims=(ClaimRule(("x",), "equals", (value,)),)))
        for path, value in (("/one", 1), ("/true", True))
    )
    policy = snapshot(routes=routes)
    assert _ask("/one", mint(claims(x=1)), policy=policy).allowed
    assert not _ask("/true", mint(claims(x=1)), policy=policy).allowed
    assert _ask("/true", mint(claims(x=True)), policy=policy).allowed


def test_roles_are_where_the_issuer_keeps_them() -> None:
    """A rule on ``roles`` follows the issuer's map, so that one route serves issuers of different habits."""
    keycloak = issuer(claims=ClaimMap(roles=(("realm_access", "roles"),)))
    rule = ClaimRule(("roles",), "any", ("boss",))
    policy = snapshot(keycloak, OTHER, routes=(Route("/", require=Requirement(claims=(rule,))),))
    nested, flat = {"realm_access": {"roles": ["boss"]}}, {"roles": ["boss"]}
    assert _ask("/", mint(claims(**nested)), policy=policy).allowed
    assert not _ask("/", mint(claims(**flat)), policy=policy).allowed
    assert _ask("/", mint(claims(iss="https://other.test/", **flat), "EdDSA"), policy=policy).allowed


def test_details_are_precise() -> None:
    """Rule, claim, wanted, seen: enough to mend a policy or a token; a foreign value cannot forge a line."""
    assert _ask("/orders/7", mint(claims(tenant="evil\nallowed"))).detail == (
        "rule 1: wanted claim tenant equals 'acme', saw 'evil\\nallowed'"
    )
    assert _ask("/admin", GOOD).detail == "lacks admin; has 'orders:read'"
    assert "'https://other" in _ask("/any", mint(claims(iss="https://other.example/"))).detail
    assert len(_ask("/any", mint(claims(iss="x" * 5000))).detail) < 200


def test_explains_itself() -> None:
    """What an operator reads."""
    request = RequestFacts("GET", b"/orders/7", [(b"authorization", b"Bearer " + GOOD.encode())])
    assert explain(Evaluator(SNAPSHOT), request, NOW) == [
        "route 3: GET /orders/{id} matched '/orders/7'",
        "token: issuer partner, subject '7', expires in 300 s",
        "scopes: needs orders:read: has them",
        "claims: claim tenant equals 'acme': saw 'acme', holds",
        "decision: allowed (subject '7' of issuer partner), by snapshot version 1",
    ]
    assert explain(Evaluator(SNAPSHOT), RequestFacts("POST", b"/orders/7"), NOW) == [
        "route: 'POST' '/orders/7': no route for this method, which allows GET, HEAD, PUT",
        "decision: refused, method_not_allowed ('POST' '/orders/7': no route for this method), by snapshot version 1",
    ]


@pytest.mark.parametrize(
    ("method", "path", "name", "given", "reason"),
    [
        ("GET", "/orders/7", "partner", {"sub": "7", "scope": "orders:read", "tenant": "acme"}, Reason.ALLOWED),
        ("GET", "/orders/7", "partner", {"sub": "7", "scope": "orders:read"}, Reason.CLAIMS_REFUSED),
        ("GET", "/orders/7", "partner", {"scope": "orders:read"}, Reason.INVALID_TOKEN),
        ("GET", "/any", "partner", {"sub": "7", "exp": NOW - 60}, Reason.TOKEN_EXPIRED),
        ("GET", "/any", "partner", {"sub": "7", "aud": "else"}, Reason.INVALID_TOKEN),
        ("GET", "/any", "nobody", {"sub": "7"}, Reason.INVALID_TOKEN),
        ("GET", "/other", "partner", {"sub": "7"}, Reason.INVALID_TOKEN),
        ("GET", "/any", "partner", None, Reason.MISSING_TOKEN),
        ("GET", "/public/x", "partner", None, Reason.ALLOWED),
        ("PATCH", "/orders/7", "partner", None, Reason.METHOD_NOT_ALLOWED),
        ("GET", "/nö", "partner", None, Reason.BAD_PATH),
    ],
)
def test_a_policy_test_needs_no_signature(
    method: str, path: str, name: str, given: dict[str, Any] | None, reason: Reason
) -> None:
    """``evaluate_claims`` is the same decision, from claims; iss, aud and exp are filled in."""
    request = RequestFacts(method, path.encode())
    decision = Evaluator(SNAPSHOT).evaluate_claims(request, name, given, NOW)
    assert decision.reason is reason, decision.detail


def test_refuses_what_it_cannot_enforce() -> None:
    """A public route that requires something, a path that cannot match, a weak key: NACK, never half a policy."""
    for policy in (
        snapshot(routes=(Route("/x", access="public", require=needs("a")),)),
        snapshot(routes=(Route("/a/../b"),)),
        snapshot(issuer("RSA1024", algorithms=("RS256",), keys=(jwk("RSA1024"),))),
    ):
        with pytest.raises(ContractError):
            Evaluator(policy)


def test_an_empty_policy_offers_nothing() -> None:
    """No routes: 404, whatever the token."""
    assert _ask("/", GOOD, policy=snapshot(routes=())).reason is Reason.NO_ROUTE
