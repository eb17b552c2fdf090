"""RFC 9728 from a policy: a service that says so tells whose tokens count and which scopes it knows; no other does."""

import json

from control.policy import OwnIssuer, compile_snapshot, diff, load
from sidecar.authz.decision import RequestFacts
from sidecar.authz.evaluator import Evaluator
from sidecar.contract.snapshot import Snapshot, decode, encode

from .test_policy_compile import KEY, OWN, SECRET

PATH = "/.well-known/oauth-protected-resource"
SOURCE = """
trust_domain: shop.test
issuers:
  own: {builtin: true}
  partner: {issuer: https://issuer.test/, audience: orders, jwks: {secret: {env: PARTNER}}}
services:
  orders:
    metadata: true
    routes:
      - {path: /public/**, access: public}
      - {path: /admin/**, require: {scopes: [admin]}}
      - {path: /**, require: {any_scope: [orders:write, orders:read]}}
  stock: {routes: [{path: /**, require: {scopes: [stock:read]}}]}
"""


def compiled(service: str, own: OwnIssuer | None = OWN) -> Snapshot:
    """What ``service`` gets."""
    policy, secrets = load(SOURCE, {}, {}), {"PARTNER": SECRET}
    made = compile_snapshot(policy, service, version=1, issued_at=1_700_000_000, own=own, secrets=secrets.get)
    assert decode(encode(made)) == made
    return made


def test_a_service_tells_where_its_tokens_come_from() -> None:
    """To anyone, before its own rules; its challenges name the place."""
    made = compiled("orders")
    asked = RequestFacts("GET", PATH.encode(), (), "orders.shop.test", "192.0.2.1", "https")
    decision = Evaluator(made).evaluate(asked, 1_700_000_000)
    assert decision.allowed and decision.route is not None and decision.route.respond is not None
    assert json.loads(decision.route.respond.body) == {
        "resource": "https://orders.shop.test",
        "resource_name": "orders",
        "authorization_servers": ["https://control.shop.test", "https://issuer.test/"],
        "scopes_supported": ["admin", "orders:read", "orders:write"],
        "bearer_methods_supported": ["header"],
    }
    assert decision.route.respond.content_type == "application/json"
    assert made.resource_metadata == "https://orders.shop.test" + PATH
    assert "resource_metadata" in made.requires


def test_no_other_service_does() -> None:
    """It is off by default, and asks no more of a sidecar then."""
    made = compiled("stock")
    assert made.resource_metadata == "" and "resource_metadata" not in made.requires
    assert all(route.path != PATH for route in made.routes)


def test_an_issuer_that_is_not_known_is_not_named() -> None:
    """A check without control knows no URL of it."""
    body = compiled("orders", None).routes[0].respond
    assert body is not None and json.loads(body.body)["authorization_servers"] == ["https://issuer.test/"]
    assert KEY["kid"] not in body.body


def test_turning_it_on_is_a_change() -> None:
    """That ``diff`` tells."""
    before, after = load(SOURCE.replace("metadata: true", "metadata: false"), {}, {}), load(SOURCE, {}, {})
    assert diff(before, after) == ["orders: metadata false -> true"]
