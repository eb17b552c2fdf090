"""Callers, optional access, shadow rules, and what a refusal says beside its reason."""

import pytest

from sidecar.authz.evaluator import Evaluator
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import ClaimRule, Requirement, Route, Workload
from tests.authn.minting import NOW, issuer, mint, needs, snapshot

from .asking import ask, bearer, facts

CALLERS = Requirement(callers=("web", "jobs"))
WORKLOADS = (Workload("web", "partner", ("web-1", "web-2")), Workload("jobs", "other", ("jobs",)))
OTHER = issuer("EdDSA", name="other", issuer="https://other.test/")
PROVEN = {
    "its own token": ({"sub": "web-1", "client_id": "web-1"}, True),
    "by azp": ({"sub": "web-2", "azp": "web-2"}, True),
    "a user of that name": ({"sub": "web-1", "azp": "app"}, False),
    "no client": ({"sub": "web-1"}, False),
    "a user by that client": ({"sub": "7", "client_id": "web-1"}, False),
    "another workload": ({"sub": "x", "client_id": "x"}, False),
    "a name of another issuer": ({"sub": "jobs", "client_id": "jobs"}, False),
    "the workload's name": ({"sub": "web", "client_id": "web"}, False),
}


@pytest.mark.parametrize(("claims", "holds"), PROVEN.values(), ids=PROVEN.keys())
def test_callers_are_known_by_their_own_tokens(claims: dict[str, str], holds: bool) -> None:
    """Issuer and subject match, and the subject is the client."""
    policy = snapshot(issuer(), OTHER, routes=(Route("/", require=CALLERS),), workloads=WORKLOADS)
    decision = ask(policy, token=bearer(**claims))
    assert decision.reason is (Reason.ALLOWED if holds else Reason.CALLER_REFUSED)
    if not holds:
        assert decision.detail == "wanted one of web jobs, is no workload"


def test_the_order_of_refusals() -> None:
    """Scopes, claims, callers, condition."""
    asked = Requirement(("s",), (), (ClaimRule(("t",), "present"),), ("web",), "claims.t == 'a'")
    policy = snapshot(routes=(Route("/", require=asked),), workloads=WORKLOADS[:1])
    web = {"sub": "web-1", "azp": "web-1"}
    steps: list[str] = []
    assert ask(policy, token=bearer()).reason is Reason.INSUFFICIENT_SCOPE
    assert ask(policy, token=bearer(scope="s")).reason is Reason.CLAIMS_REFUSED
    assert ask(policy, token=bearer(scope="s", t="b")).reason is Reason.CALLER_REFUSED
    assert ask(policy, token=bearer(scope="s", t="b", **web)).reason is Reason.CONDITION_REFUSED
    assert ask(policy, token=bearer(scope="s", t="a", **web), steps=steps).reason is Reason.ALLOWED
    assert [step.partition(":")[0] for step in steps] == ["route 1", "token", "scopes", "claims", "callers", "when"]
    assert "callers: needs one of web: is web" in steps


def test_optional_asks_only_those_who_show_a_credential() -> None:
    """None passes; a bad one is 401; a good one must be good enough."""
    route = Route("/", access="optional", require=needs("admin"))
    assert ask(route).principal is None
    assert ask(route).reason is Reason.ALLOWED
    assert ask(route, token="a.b.c").reason is Reason.INVALID_TOKEN
    assert ask(route, token=bearer()).reason is Reason.INSUFFICIENT_SCOPE
    assert ask(route, token=bearer(scope="admin")).principal is not None


def test_a_shadow_rule_is_recorded_and_refuses_nothing() -> None:
    """What it would have said, for requests that pass; nothing where it would have let them through."""
    steps: list[str] = []
    route = Route("/", access="optional", shadow=needs("admin"))
    assert ask(route, token=bearer(), steps=steps).shadow == ("route 1: insufficient_scope",)
    assert steps[-1] == "shadow: would be refused, insufficient_scope: lacks admin; has 'orders:read'"
    assert ask(route).shadow == ("route 1: missing_token",)
    assert ask(route, token=bearer(scope="admin"), steps=steps).shadow == ()
    assert steps[-1] == "shadow: would be allowed"
    assert ask(route, token="a.b.c").shadow == ()
    assert ask(Route("/", access="public", shadow=needs()), token=bearer()).shadow == ()


def test_a_new_snapshot_or_revocation_costs_no_limit_or_cache() -> None:
    """``with_revocations`` keeps routes and says the new version."""
    first = Evaluator(snapshot(routes=(Route("/"),)))
    second = first.with_revocations(snapshot(routes=(Route("/"),), version=2))
    assert second.snapshot.version == 2
    assert first.snapshot.version == 1
    assert second.evaluate(facts(token=mint()), NOW).allowed


def test_an_unknown_key_is_worth_asking_about() -> None:
    """Where control can fetch the issuer's keys again, the decision names it."""
    policy = snapshot(issuer(refreshable=True), routes=(Route("/"),))
    token = mint(head={"alg": "ES256", "kid": "k2"})
    assert ask(policy, token=token).refresh == "partner"
    assert ask(policy, token="a.b.c").refresh is None
