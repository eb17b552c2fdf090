"""What a new policy changes, and where it lets more through."""

import pytest

from control.policy import Policy, changes, diff, load

ISSUERS = "{own: {builtin: true}}"
PARTNER = "{own: {builtin: true}, p: {issuer: x, audience: %s, jwks: {secret: {env: S}}%s}}"


def policy(routes: str, issuers: str = ISSUERS, more: str = "") -> Policy:
    """A policy for orders with these routes."""
    source = f"trust_domain: shop.test\nissuers: {issuers}\nservices:\n  orders:\n    routes: [{routes}]\n{more}"
    return load(source, {}, {})


def asks(require: str) -> Policy:
    """With one route that requires this."""
    return policy(f"{{path: '/orders/{{id}}', methods: [GET], require: {{{require}}}}}")


def test_nothing_changed_is_an_empty_diff() -> None:
    """Comments and tests are no change."""
    assert diff(asks("scopes: [a]"), asks("scopes: [a]")) == []


def test_a_changed_scope_is_told_as_promised() -> None:
    """The line from the promise, and a note only where more may pass."""
    was, now = asks("scopes: [orders:read]"), asks("scopes: [orders:read, orders:list]")
    line = "orders: route GET /orders/{id}: scopes orders:read -> orders:read orders:list"
    assert diff(was, now) == [line]
    [back] = diff(now, was)
    assert back.endswith("(allows more)")


@pytest.mark.parametrize(
    ("old", "new", "told", "more"),
    [
        ("any_scope: [a]", "any_scope: [a, b]", "any_scope a -> a b", True),
        ("any_scope: [a, b]", "any_scope: [a]", "any_scope a b -> a", False),
        ("any_scope: [a]", "scopes: []", "any_scope a -> none", True),
        ("claims: {t: x}", "scopes: []", "claims claim t = x -> none", True),
        ("scopes: []", "claims: {t: {any: [x, y]}}", "claims none -> claim t any of x y", False),
        ("claims: {t: 1}", "claims: {t: true}", "claims claim t = 1 -> claim t = true", True),
        ("claims: {t: 1}", "claims: {t: '1'}", "claims claim t = 1 -> claim t = '1'", True),
    ],
)
def test_requirements_that_change(old: str, new: str, told: str, more: bool) -> None:
    """More may pass when something is no longer asked."""
    [change] = changes(asks(old), asks(new))
    assert (change.what, change.allows_more) == (f"route GET /orders/{{id}}: {told}", more)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{path: /a}", "{path: /a, access: public}", [("route /a: any valid token -> public", True)]),
        ("{path: /a, access: public}", "{path: /a}", [("route /a: public -> any valid token", False)]),
        ("{path: /a}", "{path: /a, timeout: 5s}", [("route /a: timeout default -> 5000ms", False)]),
        ("{path: /a}", "{path: /a, issuers: [own]}", [("route /a: issuers all -> own", False)]),
        ("{path: /a, issuers: [own]}", "{path: /a}", [("route /a: issuers own -> all", True)]),
        ("{path: /a}", "{path: /a}, {path: /b}", [("route /b: added, any valid token", True)]),
        ("{path: /a}, {path: /b}", "{path: /b}", [("route /a: removed", True)]),
        (
            "{path: /a}, {path: /b}",
            "{path: /b}, {path: /a}",
            [("routes stand in another order, and the first match decides", True)],
        ),
    ],
)
def test_routes_that_change(old: str, new: str, told: list[tuple[str, bool]]) -> None:
    """Added, removed, moved, opened and closed."""
    found = changes(policy(old), policy(new))
    assert [(change.what, change.allows_more) for change in found] == told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (PARTNER % ("a", ""), PARTNER % ("[a, b]", ""), ("audience a -> a b", True)),
        (PARTNER % ("[a, b]", ""), PARTNER % ("a", ""), ("audience a b -> a", False)),
        (PARTNER % ("a", ""), PARTNER % ("a", ", leeway: 9s"), ("leeway 5s -> 9s", True)),
        (PARTNER % ("a", ""), PARTNER % ("a", ", algorithms: [HS512]"), ("algorithms HS256 -> HS512", True)),
        (PARTNER % ("a", ""), PARTNER % ("a", ", claims: {scopes: scp}"), ("claims.scopes scope -> scp", True)),
    ],
)
def test_issuers_that_change(old: str, new: str, told: tuple[str, bool]) -> None:
    """Whose tokens count, and how."""
    [change] = changes(policy("", old), policy("", new))
    assert (change.where, change.what, change.allows_more) == ("issuer p", *told)


def test_a_first_policy_and_services_that_come_and_go() -> None:
    """Everything is new against nothing; a service that goes is said to be 404."""
    with_web = policy("{path: /a}", more="  web: {routes: []}\n")
    assert diff(None, policy("{path: /a}")) == [
        "issuer own: added (built in)",
        "orders: service added, 1 route",
        "orders: route /a: added, any valid token",
    ]
    assert diff(policy("{path: /a}"), with_web) == ["web: service added, 0 routes"]
    assert diff(with_web, policy("{path: /a}")) == ["web: service removed: its sidecars will answer 404 to everything"]
    assert [change.as_json()["kind"] for change in changes(with_web, policy("{path: /a}"))] == ["removed"]


def test_forwarding_that_changes() -> None:
    """What the service is told of its caller."""
    new = policy("", more="    forward: {token: keep, headers: {X-T: claims.t}}\n")
    assert diff(policy(""), new) == [
        "orders: forward.token strip -> keep",
        "orders: forward.headers none -> X-T=claims.t",
    ]
