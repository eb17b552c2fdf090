"""CEL conditions: what may be said, what it means, and that nothing a caller sends gets past one."""

import re
from typing import Any

import pytest

from sidecar.authz.condition import MAX_MEMBERS, Condition
from sidecar.authz.evaluator import Evaluator
from sidecar.authz.expression import MAX_CHARS, Hidden
from sidecar.authz.pattern import compile_pattern
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import ClaimMap, FieldMatch, Requirement, Route, Source
from sidecar.contract.strict import ContractError
from tests.authn.minting import issuer, snapshot

from .asking import ask, bearer

PATTERN = compile_pattern("/orders/{id}")

REFUSED = {
    "nope == 1": "there is no variable nope",
    "now() > 1": "there is no function now",
    "claims.sub.reverse() == 'x'": "there is no method reverse",
    "request == 1": "request has",
    "request.body == ''": "no body",
    "principal.token == ''": "no token",
    "path.other == '7'": "no segment named other",
    "path == '7'": "written out",
    "path[claims.sub] == '7'": "written out",
    "request.headers[claims.sub] == '7'": "written out",
    "request.headers.exists(n, n == 'x')": "written out",
    "request.headers == request.query": "written out",
    "request.headers['X-A'] == '1'": "lower case",
    "request.headers.authorization == ''": "may hold a credential",
    "'cookie' in request.headers": "may hold a credential",
    "request.headers['x-key'] == ''": "may hold a credential",
    "has(request.query.token)": "may hold a credential",
    "claims.sub.matches(claims.pattern)": "written out",
    "claims.sub.matches('[')": "not a regular expression",
    "claims.a.exists(x, claims.a.exists(y, x == y))": "inside of another macro",
    "claims.a.exists(claims, claims == 1)": "a name of its own",
    "claims.a.exists(x, x.matches('^a'))": "matches() inside of a macro",
    "claims.a.map(x, [x, x]).size() == 1": "a list of its own inside of a macro",
    "claims.a.map(x, claims).size() == 1": "claims inside of a macro",
    "claims.a.exists(x, x + 'a' == 'aa')": "'+' inside of a macro",
    "(claims.a + claims.a).exists(x, x == 1)": "of what '+' puts together",
    r"claims.sub.matches(r'^\w{64}$')": "too large",
    " && ".join([r"claims.sub.matches('^\\w{4}$')"] * 3): "too large",
    "claims.a.exists(x, x == 1) && x == 1": "there is no variable x",
    " && ".join(["claims.a.all(x, x == 1)"] * 9): "more than 8 macros",
    "(" * 33 + "true" + ")" * 33: "nested deeper",
    "{'a': 1}.a == 1": "is not offered",
    "true) || (true": "not a CEL expression",
    "claims.sub = 'x'": "is not offered",
    "": "not a CEL expression",
    "'" + "x" * MAX_CHARS + "' == ''": "characters",
    "claims.sub == 'é' ; true": "is not offered",
}


@pytest.mark.parametrize(("text", "sentence"), REFUSED.items(), ids=[text[:40] for text in REFUSED])
def test_refuses_with_a_sentence(text: str, sentence: str) -> None:
    """When a policy is compiled, and not when a request comes."""
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Condition(text, PATTERN, Hidden(frozenset({"x-key"}), frozenset({"token"})))


def _decided(when: str, target: str = "/orders/7", **more: Any) -> Reason:
    token = more.pop("token", bearer(tenant="acme", groups=["a", "b"], n=3, nothing=None, roles=["boss"]))
    policy = snapshot(issuer(claims=ClaimMap()), routes=(Route("/orders/{id}", require=Requirement(when=when)),))
    return ask(policy, target, token=token, **more).reason


HOLDS = {
    "claims.sub == path.id": True,
    "path['id'] == '8'": False,
    "'id' in path": True,
    "claims.groups.exists(g, g == 'b') && size(claims.groups) == 2": True,
    "claims.groups.all(g, g in ['a', 'b', 'c'])": True,
    "claims.n > 2 && claims.n < 4": True,
    "claims.n == '3'": False,
    "claims.nothing == null": True,
    "has(claims.nope)": False,
    "!has(claims.nope)": True,
    "claims.nope == 'x'": False,
    "claims.nope != 'x'": False,
    "!(claims.nope == 'x')": False,
    "claims.tenant == 'acme' || claims.nope == 'x'": True,
    "claims.tenant": False,
    "claims.n": False,
    "null": False,
    "1 / (claims.n - 3) == 1": False,
    "claims.n + 9223372036854775807 > 0": False,
    "claims.tenant.matches('^ac')": True,
    "claims.tenant.startsWith('ac') && claims.tenant.endsWith('me') && claims.tenant.contains('cm')": True,
    "request.method == 'GET' && request.path == '/orders/7' && request.scheme == 'http'": True,
    "request.host == 'orders.shop.test'": True,
    "request.headers['x-a'] == 'one' && request.query.q == 'two words'": True,
    "'x-b' in request.headers": False,
    "principal.subject == '7' && principal.issuer == 'partner' && 'orders:read' in principal.scopes": True,
    "principal.client == ''": True,
    "'boss' in principal.roles": True,
    "source.address == '192.0.2.1'": True,
    "now == 1800000000": True,
    "true // && false": True,
}


@pytest.mark.parametrize(("when", "holds"), HOLDS.items())
def test_means(when: str, holds: bool) -> None:
    """What is false, is no boolean or cannot be told refuses."""
    reason = _decided(
        when,
        "/orders/7?q=two+words",
        headers={"x-a": "one"},
        host="Orders.Shop.test.:8000",
        address="192.0.2.1",
    )
    assert reason is (Reason.ALLOWED if holds else Reason.CONDITION_REFUSED)


@pytest.mark.parametrize(
    "value", [2**63, -(2**70), 1e308, {"": {}}, [[]], "\ud800", "x" * 9000, [2] * 600, {"a": None}]
)
def test_no_claim_is_an_exception(value: Any) -> None:
    """Whatever an issuer signs, a condition has a verdict."""
    for when in ("claims.v == 'x'", "claims.v.exists(x, x == 1)", "claims.v + 1 == 2", "!claims.v", "claims.v[0] == 1"):
        verdict = Condition(when, PATTERN, Hidden()).verdict({"claims": {"v": value}})
        assert verdict.holds is not True
        assert verdict.detail.isprintable()


def test_a_macro_walks_through_no_more_than_it_may() -> None:
    """However deep the long list lies."""
    condition = Condition("claims.a.exists(x, x == 1)", PATTERN, Hidden())
    assert condition.verdict({"claims": {"a": [1] * MAX_MEMBERS}}).holds is True
    assert condition.verdict({"claims": {"a": [1] * (MAX_MEMBERS + 1)}}).holds is None
    assert condition.verdict({"claims": {"a": [1], "b": [{"c": [0] * (MAX_MEMBERS + 1)}]}}).holds is None


def test_a_name_that_a_condition_reads_has_one_value() -> None:
    """Else a request has two readings, whatever the condition would say."""
    when = "!('x-debug' in request.headers) && !has(request.query.debug)"
    assert _decided(when) is Reason.ALLOWED
    assert _decided(when, "/orders/7?debug=1&debug=2") is Reason.MALFORMED_REQUEST
    assert _decided(when, "/orders/7?%64ebug=1&debug=2") is Reason.MALFORMED_REQUEST
    assert _decided(when, "/orders/7?a=1;debug=2") is Reason.MALFORMED_REQUEST
    assert _decided(when, headers={"x-debug": "1", "x_debug": "2"}) is Reason.MALFORMED_REQUEST
    assert _decided(when, "/orders/7?a=1&a=2", headers={"accept": "*/*"}) is Reason.ALLOWED


def test_the_path_has_one_reading_for_a_condition() -> None:
    """``path.id`` of ``/orders/7;x`` is ``7`` to some servers."""
    assert _decided("path.id != '7'", "/orders/7;x") is Reason.BAD_PATH
    assert _decided("path.id != '7'", "/orders/%2537") is Reason.BAD_PATH
    assert _decided("claims.sub == '7'", "/orders/7;x") is Reason.ALLOWED


def test_a_policy_with_a_bad_condition_is_refused() -> None:
    """With the number of its route; a place where some route looks for a credential is not to be read."""
    key = Source("api_key", "header", "x-key")
    for route in (
        Route("/", require=Requirement(when="nope")),
        Route("/", shadow=Requirement(when="nope")),
        Route("/", credentials=(key,), require=Requirement(when="request.headers['x-key'] == ''")),
    ):
        with pytest.raises(ContractError, match="route 2:"):
            Evaluator(snapshot(routes=(Route("/a", headers=(FieldMatch("x", "present"),)), route)))


def test_explains_itself() -> None:
    """The condition and what became of it; a claim's value cannot forge a line."""
    steps: list[str] = []
    route = Route("/", require=Requirement(when="claims.tenant == 'acme'"))
    decision = ask(route, token=bearer(), steps=steps)
    assert decision.detail == "\"claims.tenant == 'acme'\": KeyError: \"'tenant'\""
    assert f"when: {decision.detail}" in steps
