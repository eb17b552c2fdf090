"""Policy -> Snapshot: whole, minimal, and the same bytes every time."""

import base64
from dataclasses import replace

import pytest

from control.policy import OwnIssuer, PolicyErrors, audience_of, compile_snapshot, load
from sidecar.authz.evaluator import Evaluator
from sidecar.contract.snapshot import Revocation, Snapshot, decode, encode

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
