"""``check``: a policy's own tests, decided by the sidecars' evaluator."""

from pathlib import Path

import pytest

from control.policy import PolicyErrors, Report, check, failed_report, load
from sidecar.contract.snapshot import Workload

NOW = 1_700_000_000
HEAD = """trust_domain: shop.test
issuers:
  own: {builtin: true}
  partner:
    issuer: https://issuer.test/
    audience: orders
    jwks: {secret: {env: PARTNER}}
    claims: {subject: user.id, scopes: scp, roles: realm.roles}
services:
  orders:
    routes:
      - {path: /public/**, access: public}
      - {path: /own, issuers: [own]}
      - {path: "/orders/{id}", methods: [GET], require: {scopes: [orders:read], claims: {tenant: acme}}}
      - {path: /boss, require: {claims: {roles: {any: [boss]}}}}
      - {path: /x}
tests:
"""


def checked(*tests: str) -> Report:
    """The report on a policy with these tests; the first stands on line 18."""
    return check(load(HEAD + "".join(f"  - {{service: orders, {test}}}\n" for test in tests), {}, {}), now=NOW)


@pytest.mark.parametrize(
    "test",
    [
        "request: {path: /public/x}, expect: allow",
        "request: {path: /orders/7}, expect: deny",
        "request: {path: /orders/7}, expect: {status: 401, reason: missing_token}",
        "request: {path: /orders/7, method: PUT}, expect: {status: 405}",
        "request: {path: /nowhere}, expect: {status: 404, reason: no_route}",
        "request: {path: /orders/%2F}, expect: {reason: bad_path}",
        "request: {path: /orders/7}, token: {issuer: own, scope: orders:read, tenant: acme}, expect: allow",
        "request: {path: /orders/7}, token: {issuer: own, scope: orders:read, tenant: else}, "
        "expect: {status: 403, reason: claims_refused}",
        "request: {path: /orders/7}, token: {issuer: own, tenant: acme}, expect: {reason: insufficient_scope}",
        "request: {path: /orders/7}, token: {issuer: partner, scp: [orders:read], tenant: acme}, expect: allow",
        "request: {path: /boss}, token: {issuer: partner, realm: {roles: [boss]}}, expect: allow",
        "request: {path: /own}, token: {issuer: partner}, expect: {status: 401, reason: invalid_token}",
        "request: {path: /x}, token: {issuer: own, expired: true}, expect: {reason: token_expired}",
        "request: {path: /x}, token: {issuer: own, expires_in: -6s}, expect: {reason: token_expired}",
        "request: {path: /x}, token: {issuer: own, expires_in: -4s}, expect: allow",
        "request: {path: /x}, token: {issuer: own, aud: other}, expect: {reason: invalid_token}",
        "request: {path: /x}, token: {issuer: own, sub: null}, expect: {reason: invalid_token}",
        "request: {path: /x}, token: {issuer: partner, user: {id: ann}}, expect: allow",
        "request: {path: /x}, token: {issuer: own, cnf: {jkt: x}}, expect: {reason: unproven_token}",
        "request: {path: /public/x}, token: {issuer: own, expired: true}, expect: {status: 401}",
    ],
)
def test_a_true_expectation_passes(test: str) -> None:
    """Each outcome that a policy can tell apart."""
    report = checked(test)
    assert report.ok, report.format()


WHOLE = """trust_domain: shop.test
issuers: {own: {builtin: true}, kc: {preset: keycloak, url: 'https://kc.test', realm: shop, audience: orders}}
services:
  web: {routes: []}
  orders:
    hosts: [orders, orders.shop.test]
    deny:
      - {name: embargo, addresses: [203.0.113.0/24]}
      - {name: no-bots, headers: {User-Agent: {prefix: bot}}}
      - {name: old, query: {v: '1'}, shadow: true}
    routes:
      - {path: /internal/**, require: {callers: [web]}, issuers: [own]}
      - {path: /v, headers: {X-Version: {any: ['2', '3']}}, require: {scopes: [new]}}
      - {path: /v, headers: {X-Version: {absent: true}}}
      - {path: /mine/{id}, require: {when: "claims.sub == path.id && request.headers['x-day'] != 'sunday'"}}
      - {path: /maybe, access: optional, require: {scopes: [s]}}
      - {path: /boss, require: {claims: {roles: {any: [boss]}}}}
      - {path: /soon, shadow: {scopes: [later], when: "principal.client == 'x'"}}
      - {path: /files/**, hosts: ['*.files.test'], access: public, encoded_slash: keep}
      - {path: /slow, access: public, rate_limit: {requests: 1, per: 1h}}
tests:
""".replace("/mine/{id}", "'/mine/{id}'")


@pytest.mark.parametrize(
    "test",
    [
        "request: {path: /internal/x}, token: {caller: web}, expect: allow",
        "request: {path: /internal/x}, token: {caller: orders}, expect: {reason: caller_refused}",
        "request: {path: /internal/x}, token: {issuer: own, sub: web}, expect: {reason: caller_refused}",
        "request: {path: /v, headers: {X-Version: '3'}}, token: {issuer: own, scope: new}, expect: allow",
        "request: {path: /v, headers: {x-version: '2'}}, token: {issuer: own}, expect: {reason: insufficient_scope}",
        "request: {path: /v}, token: {issuer: own}, expect: allow",
        "request: {path: /v, headers: {X-Version: '1'}}, token: {issuer: own}, expect: {status: 404}",
        "request: {path: /v, host: orders:8000}, token: {issuer: own}, expect: allow",
        "request: {path: /v, host: ORDERS.shop.test}, token: {issuer: own}, expect: allow",
        "request: {path: /v, host: elsewhere.test}, token: {issuer: own}, expect: {reason: no_route}",
        "request: {path: /mine/7, headers: {X-Day: monday}}, token: {issuer: own, sub: '7'}, expect: allow",
        "request: {path: /mine/7, headers: {X-Day: monday}}, token: {issuer: own}, expect: {reason: condition_refused}",
        "request: {path: /mine/7}, token: {issuer: own, sub: '7'}, expect: {reason: condition_refused}",
        "request: {path: /maybe}, expect: allow",
        "request: {path: /maybe}, token: {issuer: own}, expect: {reason: insufficient_scope}",
        "request: {path: /boss}, token: {issuer: kc, roles: [boss]}, expect: allow",
        "request: {path: /boss}, token: {issuer: kc, resource_access: {orders: {roles: [boss]}}}, expect: allow",
        "request: {path: /boss}, token: {issuer: kc, resource_access: {web: {roles: [boss]}}}, expect: deny",
        "request: {path: /soon}, token: {issuer: own}, shadow: [insufficient_scope], expect: allow",
        "request: {path: /soon?v=1}, token: {issuer: own, scope: later, client_id: x}, shadow: [deny old], "
        "expect: allow",
        "request: {path: /v}, token: {issuer: own}, shadow: [], expect: allow",
        "request: {path: /maybe, address: 203.0.113.9}, expect: {status: 403, reason: denied}",
        "request: {path: /maybe, headers: {User-Agent: bot/1}}, expect: {reason: denied}",
        "request: {path: /files/a%2Fb, host: x.files.test}, expect: allow",
        "request: {path: /files/a%2Fb, host: x.y.files.test}, expect: {reason: bad_path}",
        "request: {path: /slow}, expect: allow}\n  - {service: orders, request: {path: /slow}, expect: allow",
    ],
)
def test_all_that_a_rule_may_look_at_can_be_tested(test: str) -> None:
    """Hosts, headers, queries, addresses, callers, conditions, shadow rules."""
    report = check(load(f"{WHOLE}  - {{service: orders, {test}}}\n", {}, {}), now=NOW)
    assert report.ok, report.format()


def test_a_shadow_that_was_not_expected_fails_the_test() -> None:
    """With what was recorded."""
    test = "request: {path: /soon}, token: {issuer: own}, shadow: [], expect: allow"
    report = check(load(f"{WHOLE}  - {{service: orders, {test}}}\n", {}, {}), now=NOW)
    assert not report.ok
    assert "in shadow nothing, got allow" in report.format()
    assert "insufficient_scope" in report.format()


def test_a_caller_is_a_service_or_a_workload_that_control_knows() -> None:
    """Else it is misspelt, and its rule would refuse everybody."""
    policy = load(WHOLE.replace("callers: [web]", "callers: [wbe]") + "  []\n", {}, {})
    report = check(policy, now=NOW)
    assert "'wbe' is no service here and no application (control app add) — did you mean 'web'?" in report.format()
    assert report.problems[0].line == 12
    assert check(policy, now=NOW, workloads=[Workload("wbe", "own", ("wbe-1",))]).ok
    test = "  - {service: orders, request: {path: /v}, token: {caller: wbe}, expect: allow}\n"
    assert "did you mean 'web'?" in check(load(WHOLE + test, {}, {}), now=NOW).format()


def test_a_false_expectation_says_what_happened_and_why() -> None:
    """Expected, got, and the decision's steps; the line is the test's."""
    report = checked(
        "request: {path: /public/x}, expect: allow",
        "name: ann reads, request: {path: /orders/7}, token: {issuer: own, scope: a, tenant: acme}, expect: allow",
    )
    assert not report.ok
    told = report.format()
    assert "policy.yaml:19: test failed: ann reads" in told
    assert "expected allow, got 403 insufficient_scope" in told
    assert "orders:read" in told
    assert "1 of 2 tests passed" in told
    assert report.as_json()["ok"] is False


def test_a_check_is_deterministic() -> None:
    """No clock and no chance in it."""
    test = "request: {path: /x}, token: {issuer: own}, expect: allow"
    assert checked(test) == checked(test)


def test_control_knows_whether_a_secret_is_there() -> None:
    """Offline it is taken to be; with control's environment it must be."""
    policy = load(HEAD.replace("tests:\n", ""), {}, {})
    assert check(policy, now=NOW).ok
    report = check(policy, now=NOW, secrets=lambda _: None)
    assert "no variable PARTNER" in report.format()


def test_a_policy_that_does_not_load_has_a_report_too() -> None:
    """So that ``check -o json`` has one form."""
    with pytest.raises(PolicyErrors) as caught:
        load("x: 1", {}, {}, "p.yaml")
    report = failed_report(caught.value)
    assert not report.ok
    assert report.name == "p.yaml"


def test_the_example_passes_its_own_tests() -> None:
    """What the demo pushes."""
    path = Path(__file__).parents[3] / "examples" / "policy.yaml"
    report = check(load(path.read_text(), {}, {}, "policy.yaml"), now=NOW)
    assert report.ok, report.format()
    assert len(report.tests) == 11


def test_a_test_calls_a_host_that_the_service_has() -> None:
    """Where its own name is none of them, the first."""
    source = (
        "trust_domain: shop.test\nservices:\n  orders: {hosts: ['*.api.test'], routes: [{path: /, access: public}]}\n"
    )
    policy = load(source + "tests: [{service: orders, request: {path: /}, expect: allow}]\n", {}, {})
    assert check(policy, now=NOW).ok
