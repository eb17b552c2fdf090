"""Policy -> Snapshot: whole, minimal, and the same bytes every time."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from control.policy import OwnIssuer, PolicyErrors, audience_of, carried_over, compile_snapshot, load
from sidecar.authz.evaluator import Evaluator
from sidecar.contract.snapshot import ApiKey, Revocation, Snapshot, Workload, decode, encode

SECRET = "a shared secret that is long enough for HS256"
KEY = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "own-1",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}
OWN = OwnIssuer("https://control.shop.test", (KEY,), ("ES256",))
SOURCE = """
trust_domain: shop.test
issuers:
  own: {builtin: true, leeway: 7s}
  partner: {issuer: https://issuer.test/, audience: orders, jwks: {secret: {env: PARTNER}}}
services:
  web: {issuers: [own], routes: [{path: /**}]}
  orders: {routes: [{path: /**, issuers: [partner]}], forward: {token: keep}}
"""
POLICY = load(SOURCE, {}, {})


def compiled(service: str, revocations: tuple[Revocation, ...] = (), own: OwnIssuer | None = OWN) -> Snapshot:
    """What ``service`` gets."""
    secrets = {"PARTNER": SECRET}
    return compile_snapshot(
        POLICY, service, version=3, issued_at=1_700_000_000, own=own, secrets=secrets.get, revocations=revocations
    )


def test_a_service_gets_its_own_routes_and_issuers_alone() -> None:
    """The built-in issuer's audience is the service's; web never sees the partner's secret."""
    snapshot = compiled("web")
    assert [issuer.name for issuer in snapshot.issuers] == ["own"]
    [own] = snapshot.issuers
    assert (own.issuer, own.audiences) == ("https://control.shop.test", ("https://web.shop.test",))
    assert (own.leeway_s, own.keys, own.keys_known) == (7, (KEY,), True)
    assert audience_of("shop.test", "orders") == "https://orders.shop.test"


def test_a_secret_becomes_a_key() -> None:
    """From control's environment, at this moment."""
    partner = compiled("orders").issuers[1]
    assert partner.keys == ({"kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode()},)


@pytest.mark.parametrize("service", ["web", "orders", "unheard-of"])
def test_equal_input_gives_equal_bytes_that_a_sidecar_takes(service: str) -> None:
    """Through the wire and back, and fit for the evaluator."""
    data = encode(compiled(service))
    assert data == encode(compiled(service))
    assert decode(data) == compiled(service)
    Evaluator(decode(data))


def test_a_service_that_the_policy_does_not_name_gets_no_routes() -> None:
    """And no issuers: everything is 404."""
    snapshot = compiled("unheard-of")
    assert (snapshot.routes, snapshot.issuers, snapshot.version) == ((), (), 3)


def test_revocations_are_those_of_its_issuers_in_one_order() -> None:
    """Sorted, once each, and none that could not matter."""
    one = Revocation("own", "subject", "ann", 5)
    two = Revocation("own", "jti", "x", 2**53 - 1)
    other = Revocation("partner", "issuer", "", 9)
    assert compiled("web", (one, other, two, one)).revocations == (two, one)
    assert compiled("web", (two, one)) == compiled("web", (one, two))


@pytest.mark.parametrize(
    ("value", "told"), [(None, "no variable PARTNER"), ("", "no variable PARTNER"), ("short", "at least 32 bytes")]
)
def test_a_missing_or_weak_secret_is_named_and_not_shown(value: str | None, told: str) -> None:
    """With the issuer's line."""
    with pytest.raises(PolicyErrors) as caught:
        compile_snapshot(POLICY, "orders", version=1, issued_at=0, own=OWN, secrets=lambda _: value)
    [problem] = caught.value.problems
    assert problem.line == 5
    assert told in problem.message
    assert "short" not in problem.message


def test_an_outside_issuer_that_is_control_itself_is_refused() -> None:
    """One iss, two meanings."""
    with pytest.raises(PolicyErrors, match="this is control's own issuer"):
        compiled("orders", own=replace(OWN, issuer="https://issuer.test/"))


def test_without_own_keys_the_built_in_issuer_is_unknown() -> None:
    """Its tokens are 503 and never accepted."""
    assert not compiled("web", own=None).issuers[0].keys_known


FETCHING = """
trust_domain: shop.test
issuers:
  own: {builtin: true, max_lifetime: 1h}
  far: {issuer: https://far.test/, audience: orders}
  keyed: {issuer: https://keyed.test/, audience: orders, jwks: {url: https://keyed.test/keys}}
services:
  web: {issuers: [far], routes: [{path: /**}]}
  orders:
    routes: [{path: /a, require: {callers: [web, jobs]}}, {path: /b, credentials: [bearer, api_key]}]
    deny: [{name: no-batch, callers: [batch]}]
    cors: {origins: ['*']}
"""


def rsa_jwk(bits: int, kid: str) -> dict[str, str]:
    """A public key as a provider publishes it."""
    key = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, bits).public_key(), as_dict=True)
    return {"kty": "RSA", "kid": kid, "n": key["n"], "e": key["e"]}


RSA_KEY, WEAK = rsa_jwk(2048, "far-1"), rsa_jwk(1024, "far-2")
KEYS = (
    ApiKey("k2", "22" * 32, "own", "ann", "cli", ("b", "a", "b")),
    ApiKey("k1", "11" * 32, "own", "ann"),
    ApiKey("k3", "33" * 32, "far", "eve"),
    ApiKey("k4", "44" * 32, "gone", "eve"),
)
WORKLOADS = (
    Workload("web", "own", ("web-2", "web-1")),
    Workload("jobs", "own", ("jobs-1",)),
    Workload("unnamed", "own", ("x",)),
)


def fetching(service: str = "orders", **given: Any) -> Snapshot:
    """What ``service`` gets, with what control knows beside the policy."""
    policy = load(FETCHING, {}, {})
    workloads = (*WORKLOADS, Workload("batch", "own", ("batch-1",)))
    given = {"workloads": workloads, "own": OWN, **given}
    return compile_snapshot(policy, service, version=1, issued_at=0, secrets=lambda _: None, **given)


def test_fetched_keys_are_those_of_the_issuer_or_its_key_set() -> None:
    """By the URL of the one or the other; without an entry the keys are not known, which is 503 and not 401."""
    _, far, keyed = fetching(fetched={"https://far.test/": (RSA_KEY,)}).issuers
    assert (far.keys, far.keys_known, far.algorithms, far.refreshable) == ((RSA_KEY,), True, ("RS256",), True)
    assert (keyed.keys, keyed.keys_known, keyed.refreshable) == ((), False, True)
    _, _, keyed = fetching(fetched={"https://keyed.test/keys": (RSA_KEY,)}).issuers
    assert keyed.keys_known


def test_what_a_provider_publishes_beside_good_keys_does_no_harm() -> None:
    """A weak key, one for another algorithm, a second of the same kid: passed over, and a set of those is no set."""
    published = (WEAK, RSA_KEY, dict(RSA_KEY), KEY)
    _, far, _ = fetching(fetched={"https://far.test/": published}).issuers
    assert far.keys == (RSA_KEY,)
    _, far, _ = fetching(fetched={"https://far.test/": (WEAK,)}).issuers
    assert (far.keys, far.keys_known) == ((), False)


def test_a_service_gets_the_api_keys_that_its_routes_take() -> None:
    """Of its issuers alone, in one order; none where no route asks for one."""
    snapshot = fetching(api_keys=KEYS)
    assert [key.id for key in snapshot.api_keys] == ["k1", "k2", "k3"]
    assert snapshot.api_keys[1].scopes == ("a", "b")
    assert encode(snapshot) == encode(fetching(api_keys=KEYS[::-1]))
    assert fetching("web", api_keys=KEYS).api_keys == ()
    assert {"api_keys", "callers", "deny", "cors", "credentials", "issuer_rules"} <= set(snapshot.requires)


def test_a_service_gets_the_workloads_that_its_rules_name() -> None:
    """Those of routes and deny rules; of a service without a token of its own, a name that nobody has."""
    found = {workload.name: workload.subjects for workload in fetching().workloads}
    assert found == {"web": ("web-1", "web-2"), "jobs": ("jobs-1",), "batch": ("batch-1",)}
    found = {w.name: w.subjects for w in fetching(workloads=(*WORKLOADS[1:], Workload("batch", "own", ()))).workloads}
    assert found["web"] == ()
    Evaluator(decode(encode(fetching(api_keys=KEYS))))


def test_a_caller_that_control_does_not_know_is_told_with_its_line() -> None:
    """Each of them, where it stands."""
    with pytest.raises(PolicyErrors) as caught:
        fetching(workloads=WORKLOADS)
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [(11, "services.orders.deny[0]")]
    assert "'batch' is no service here" in caught.value.problems[0].message


def test_an_api_key_that_was_removed_leaves_an_older_snapshot_too() -> None:
    """When the policy cannot be compiled just now."""
    policy, old = load(FETCHING, {}, {}), fetching(api_keys=KEYS)
    kept = carried_over(old, policy, version=2, issued_at=5, own=OWN, revocations=(), api_keys=KEYS[:1])
    assert [key.id for key in kept.api_keys] == ["k2"]
    none = carried_over(old, policy, version=2, issued_at=5, own=OWN, revocations=())
    assert "api_keys" not in none.requires
    assert decode(encode(none)) == none
