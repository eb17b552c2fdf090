"""Rules that refuse before a route allows; what cannot be told counts as holding."""

import pytest

from sidecar.authz.evaluator import Evaluator
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import ClaimRule, Deny, FieldMatch, Route, Snapshot, Workload
from sidecar.contract.strict import ContractError
from tests.authn.minting import NOW, snapshot

from .asking import ask, bearer, facts

EVIL = ClaimRule(("tenant",), "equals", ("evil",))
WEB = (Workload("web", "partner", ("web",)),)


def _policy(*deny: Deny, access: str = "public") -> Snapshot:
    return snapshot(routes=(Route("/**", access=access),), deny=deny, workloads=WEB)  # type: ignore[arg-type]  # a word


ROWS = {
    "path": (Deny("x", "/admin/**"), {"target": "/admin/x"}, {"target": "/other"}),
    "method": (Deny("x", methods=("GET",)), {"method": "HEAD"}, {"method": "PUT"}),
    "host": (Deny("x", hosts=("*.evil.test",)), {"host": "A.evil.test:80"}, {"host": "a.b.evil.test"}),
    "no host": (Deny("x", hosts=("evil.test",)), {"host": ""}, {"host": "good.test"}),
    "header": (
        Deny("x", headers=(FieldMatch("x-a", "prefix", ("v",)),)),
        {"headers": {"x-a": "v1"}},
        {"headers": {"x-a": "1"}},
    ),
    "query": (Deny("x", query=(FieldMatch("debug", "present"),)), {"target": "/?debug"}, {"target": "/?d=debug"}),
    "claim": (Deny("x", claims=(EVIL,)), {"token": bearer(tenant="evil")}, {"token": bearer(tenant="acme")}),
    "claim of nobody": (Deny("x", claims=(EVIL,)), {"token": bearer(tenant="evil")}, {}),
    "caller": (
        Deny("x", callers=("web",)),
        {"token": bearer(sub="web", client_id="web")},
        {"token": bearer(sub="web", client_id="app")},
    ),
    "caller is nobody": (Deny("x", callers=("web",)), {"token": bearer(sub="web", azp="web")}, {}),
    "address": (Deny("x", addresses=("10.0.0.0/8",)), {"address": "10.1.2.3"}, {"address": "11.1.2.3"}),
    "address as IPv6": (Deny("x", addresses=("10.0.0.0/8",)), {"address": "::ffff:10.1.2.3"}, {"address": "::1"}),
    "IPv6": (Deny("x", addresses=("2001:db8::/32",)), {"address": "2001:db8::1"}, {"address": "2001:db9::1"}),
    "no address": (Deny("x", addresses=("10.0.0.0/8",)), {"address": ""}, {"address": "11.0.0.1"}),
    "condition": (Deny("x", when="request.method == 'PUT'"), {"method": "PUT"}, {}),
    "condition that cannot be told": (Deny("x", when="claims.tenant == 'evil'"), {}, {"token": bearer(tenant="a")}),
    "condition on the path": (Deny("x", "/o/{id}", when="path.id == '7'"), {"target": "/o/7"}, {"target": "/o/8"}),
    "all of it": (
        Deny("x", "/a/**", ("PUT",), ("a.test",)),
        {"target": "/a", "method": "PUT", "host": "a.test"},
        {"target": "/a", "method": "GET", "host": "a.test"},
    ),
}


@pytest.mark.parametrize(("rule", "denied", "allowed"), ROWS.values(), ids=ROWS.keys())
def test_denies(rule: Deny, denied: dict[str, str], allowed: dict[str, str]) -> None:
    """One rule, a request that it is for, and one that it is not for; and a public route is no way around it."""
    refused = ask(_policy(rule), **denied)  # type: ignore[arg-type]  # a row's words
    assert (refused.reason, refused.detail) == (Reason.DENIED, "deny rule x")
    assert ask(_policy(rule), **allowed).reason is Reason.ALLOWED  # type: ignore[arg-type]  # a row's words


def test_a_rule_in_shadow_is_recorded_and_refuses_nothing() -> None:
    """The name of each that would have refused; explain tells them apart."""
    steps: list[str] = []
    rules = (Deny("one", shadow=True), Deny("two", "/x", shadow=True), Deny("three", shadow=True))
    decision = ask(_policy(*rules), steps=steps)
    assert decision.allowed
    assert decision.shadow == ("deny one: denied", "deny three: denied")
    assert "deny one, which is only recorded: holds" in steps


def test_comes_after_the_token_and_before_what_the_route_asks() -> None:
    """Nobody learns of a deny rule without a token; whoever it is for learns nothing of scopes."""
    policy = snapshot(routes=(Route("/**"),), deny=(Deny("all"),))
    assert ask(policy).reason is Reason.MISSING_TOKEN
    assert ask(policy, token="a.b.c").reason is Reason.INVALID_TOKEN
    assert ask(policy, token=bearer()).reason is Reason.DENIED


@pytest.mark.parametrize("target", ["/admin;x/y", "/%2561dmin/y", "/;x/admin"])
def test_no_second_reading_slips_past(target: str) -> None:
    """A path that another server would bring under a deny rule is refused, though one route is for both readings."""
    assert ask(_policy(Deny("x", "/admin/**")), target).reason is Reason.BAD_PATH


def test_no_parameter_slips_past_a_condition_on_the_path() -> None:
    """``/o/7;x`` is ``/o/7`` to some servers, and a condition would not see it."""
    policy = _policy(Deny("x", "/o/{id}", when="path.id == '7'"))
    assert ask(policy, "/o/7;x").reason is Reason.BAD_PATH
    assert ask(policy, "/p/7;x").reason is Reason.ALLOWED


def test_a_kept_slash_is_no_way_around() -> None:
    """A slash that a route keeps as text still counts as a slash for deny rules."""
    kept = Route("/files/{name}", access="public", encoded_slash="keep")
    assert ask(kept, "/files/a%2Fb").allowed
    policy = snapshot(routes=(kept,), deny=(Deny("x", "/files/a/**"),))
    assert ask(policy, "/files/a%2Fb").reason is Reason.BAD_PATH
    assert ask(policy, "/files/b%2Fa").allowed


@pytest.mark.parametrize(
    "rule",
    [
        Deny("x", "/a/../b"),
        Deny("x", hosts=("a.*.test",)),
        Deny("x", addresses=("10.0.0.1/8",)),
        Deny("x", when="nope == 1"),
    ],
)
def test_refuses_what_it_cannot_enforce(rule: Deny) -> None:
    """NACK with the rule's name, never half a policy."""
    with pytest.raises(ContractError, match="deny rule x"):
        Evaluator(_policy(rule))


def test_explains_what_did_not_hold() -> None:
    """Which rule, which check, which value."""
    steps: list[str] = []
    policy = _policy(Deny("net", addresses=("10.0.0.0/8",)), Deny("tenant", claims=(EVIL,)))
    Evaluator(policy).evaluate(facts(token=bearer(tenant="a"), address="11.0.0.1"), NOW, steps)
    assert "deny net: is not for it, address 11.0.0.1" in steps
    assert "deny tenant: is not for it, claim tenant equals 'evil': saw 'a'" in steps
