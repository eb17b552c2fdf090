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
        ("callers: [orders]", "scopes: []", "callers orders -> none", True),
        ("scopes: []", "callers: [orders]", "callers none -> orders", False),
        ("when: 'now > 1'", "when: 'now > 2'", "when now > 1 -> now > 2", True),
        ("scopes: []", "when: 'now > 2'", "when none -> now > 2", False),
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
        ("{path: /a}", "{path: /a, access: optional}", [("route /a: any valid token -> optional", True)]),
        ("{path: /a, access: public}", "{path: /a, access: optional}", [("route /a: public -> optional", False)]),
        (
            "{path: /a}",
            "{path: /a, hosts: [h.test]}",
            [("route /a: removed", True), ("route h.test /a: added, any valid token", True)],
        ),
        (
            "{path: /a, headers: {X-A: '1'}, query: {q: {absent: true}}}",
            "{path: /a, headers: {X-A: {prefix: v}}, query: {q: {absent: true}}}",
            [
                ("route /a x-a=1 ?!q: removed", True),
                ("route /a x-a=v* ?!q: added, any valid token", True),
            ],
        ),
        (
            "{path: /a}",
            "{path: /a, credentials: [bearer, {cookie: s}]}",
            [("route /a: credentials bearer -> bearer, cookie s", True)],
        ),
        (
            "{path: /a, credentials: [bearer, {api_key: {header: X-K}}]}",
            "{path: /a}",
            [("route /a: credentials bearer, api_key header x-k -> bearer", False)],
        ),
        ("{path: /a}", "{path: /a, shadow: {scopes: [s]}}", [("route /a: shadow none -> scopes s", False)]),
        (
            "{path: /a, rate_limit: {requests: 5, per: 1s}}",
            "{path: /a, rate_limit: {requests: 5, per: 1s, by: claims.t, burst: 9}}",
            [("route /a: rate_limit 5 per 1000ms by subject -> 5 per 1000ms by claims.t, burst 9", True)],
        ),
        (
            "{path: /a}",
            "{path: /a, rate_limit: {requests: 5, per: 1s}}",
            [("route /a: rate_limit none -> 5 per 1000ms by subject", False)],
        ),
        (
            "{path: /a, timeout: {idle: 1s}}",
            "{path: /a, timeout: {total: 1s}}",
            [
                ("route /a: timeout.idle 1000ms -> default", False),
                ("route /a: timeout.total default -> 1000ms", False),
            ],
        ),
        (
            "{path: /a, body_limit: 1KiB}",
            "{path: /a, body_limit: 2KiB}",
            [("route /a: body_limit 1024B -> 2048B", True)],
        ),
        ("{path: /a}", "{path: /a, body_limit: 2KiB}", [("route /a: body_limit default -> 2048B", False)]),
        ("{path: /a}", "{path: /a, encoded_slash: keep}", [("route /a: encoded_slash refuse -> keep", True)]),
        ("{path: /a/**}", "{path: /a/**, rewrite: /b}", [("route /a/**: the service -> rewrite /b", True)]),
        (
            "{path: /a/**, redirect: {to: /b, keep_path: true}}",
            "{path: /a/**, respond: {body: hi}}",
            [("route /a/**: redirect 308 /b/** -> respond 200 'hi' (text/plain; charset=utf-8)", False)],
        ),
        (
            "{path: /a, respond: {}}",
            "{path: /a}",
            [("route /a: respond 200 (text/plain; charset=utf-8) -> the service", True)],
        ),
        (
            "{path: /a, request_headers: {set: {X-A: b}}}",
            "{path: /a, response_headers: {remove: [Server], add: {X-C: d}}}",
            [
                ("route /a: request_headers set x-a=b -> none", False),
                ("route /a: response_headers none -> remove server; add x-c=d", False),
            ],
        ),
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
        (PARTNER % ("a", ""), PARTNER % ("a", ", token_type: at+jwt"), ("token_type any -> at+jwt", False)),
        (PARTNER % ("a", ", max_lifetime: 1h"), PARTNER % ("a", ""), ("max_lifetime 3600s -> any", True)),
        (PARTNER % ("a", ""), PARTNER % ("a", ", require_claims: [a.b]"), ("require_claims none -> a.b", False)),
        (PARTNER % ("a", ""), PARTNER % ("a", ", aliases: [z]"), ("aliases none -> z", True)),
        (
            PARTNER % ("a", ""),
            PARTNER % ("a", ", claims: {audience: client_id}"),
            ("claims.audience aud -> client_id", True),
        ),
        (
            PARTNER % ("a", ", claims: {scopes: {any_of: [scope, permissions]}}"),
            PARTNER % ("a", ""),
            ("claims.scopes scope or permissions -> scope", True),
        ),
        (
            "{p: {preset: okta, domain: a.test, audience: x}}",
            "{p: {preset: okta, domain: a.test, audience: x, jwks: {url: 'https://b.test/k'}}}",
            ("keys from https://a.test/oauth2/default/v1/keys -> https://b.test/k", True),
        ),
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


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "deny: [{name: d, path: /x}]", [("deny d: added, /x", False)]),
        (
            "deny: [{name: d, addresses: [10.0.0.0/8], claims: {t: 1}, when: 'now > 1', shadow: true}]",
            "",
            [("deny d: removed (/**, addresses 10.0.0.0/8, claim t = 1, when now > 1 (shadow))", False)],
        ),
        ("deny: [{name: d, path: /x}]", "", [("deny d: removed (/x)", True)]),
        (
            "deny: [{name: d, path: /x}]",
            "deny: [{name: d, path: /x, methods: [PUT], headers: {X-A: b}}]",
            [("deny d: /x -> PUT /x, header x-a=b", True)],
        ),
        ("", "cors: {origins: ['https://a.test']}", [("cors none -> origins https://a.test", True)]),
        (
            "cors: {origins: ['https://a.test'], max_age: 1m}",
            "cors: {origins: ['https://b.test'], credentials: true}",
            [
                ("cors.origins https://a.test -> https://b.test", True),
                ("cors.credentials false -> true", True),
                ("cors.max_age 60s -> 600s", False),
            ],
        ),
        (
            "",
            "forward: {request_headers: {set: {X-A: b}}}",
            [("forward.request_headers none -> set x-a=b", False)],
        ),
    ],
)
def test_what_stands_around_routes_changes(old: str, new: str, told: list[tuple[str, bool]]) -> None:
    """Deny rules, CORS, header changes for all routes."""
    found = changes(policy("", more=f"    {old}\n"), policy("", more=f"    {new}\n"))
    assert [(change.what, change.allows_more) for change in found] == told
