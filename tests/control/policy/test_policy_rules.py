"""Everything that a service may say arrives, and rules that leave others nothing are warned of."""

import pytest

from control.policy import load
from sidecar.contract.snapshot import (
    ClaimRule,
    Cors,
    Deny,
    FieldMatch,
    Forward,
    HeaderChanges,
    RateLimit,
    Redirect,
    Requirement,
    Respond,
    Route,
    Source,
)


def test_every_part_of_a_service_arrives() -> None:
    """Matchers, credentials, limits, answers, header changes, deny rules and CORS, as the contract's own values."""
    source = """
trust_domain: shop.test
issuers: {own: {builtin: true}}
services:
  web: {routes: [{path: /}]}
  orders:
    hosts: [orders.shop.test, '*.acme.test']
    deny:
      - {name: afar, path: /a, methods: [PUT], hosts: [h], headers: {X-A: {absent: true}}, query: {q: ''},
         claims: {t: 1}, callers: [web], addresses: [10.0.0.0/8, '2001:db8::1'], when: 'now > 5', shadow: true}
    routes:
      - path: /a/**
        hosts: [other.test]
        headers: {X-Version: '2', X-B: {any: [c, d]}}
        query: {Q: {prefix: e}, R: {present: true}}
        access: optional
        credentials: [bearer, {cookie: session}, {api_key: {header: X-API-Key}}]
        require: {callers: [web], when: "claims.sub == 'x'"}
        shadow: {any_scope: [s]}
        rate_limit: [{requests: 5, per: 1s}, {requests: 9, per: 1h, by: claims.tenant, burst: 2}]
        timeout: {response: 1s, idle: 2s, total: 3s}
        body_limit: 2KiB
        encoded_slash: keep
        rewrite: /v2
        request_headers: {remove: [X-Debug], set: {X-From: a b}, add: {X-Trail: c}}
        response_headers: {remove: [Server]}
      - {path: /gone, access: public, respond: {status: 410, body: gone}, rate_limit: {requests: 1, per: 1m, by: ip}}
      - {path: /old/**, access: public, redirect: {to: 'https://new.test/x', status: 302, keep_path: true}}
    cors:
      {origins: ['https://*.shop.test'], methods: [GET], headers: [X-A], expose: [X-B], credentials: true, max_age: 1h}
    forward: {request_headers: {set: {X-Env: test}}, response_headers: {add: {X-C: d}}}
"""
    policy = load(source, {}, {})
    service = policy.service("orders")
    assert service is not None
    first, gone, old = service.routes
    assert first == Route(
        "/a/**",
        access="optional",
        require=Requirement(callers=("web",), when="claims.sub == 'x'"),
        timeout_ms=1000,
        hosts=("other.test",),
        headers=(FieldMatch("x-version", "equals", ("2",)), FieldMatch("x-b", "any", ("c", "d"))),
        query=(FieldMatch("Q", "prefix", ("e",)), FieldMatch("R", "present")),
        credentials=(Source(), Source("token", "cookie", "session"), Source("api_key", "header", "x-api-key")),
        shadow=Requirement(any_scope=("s",)),
        rate_limits=(RateLimit(5, 1000, 5), RateLimit(9, 3_600_000, 2, "claim", ("tenant",))),
        idle_timeout_ms=2000,
        total_timeout_ms=3000,
        body_bytes=2048,
        encoded_slash="keep",
        rewrite="/v2",
        request_headers=HeaderChanges(("x-debug",), (("x-from", "a b"),), (("x-trail", "c"),)),
        response_headers=HeaderChanges(("server",)),
    )
    assert (gone.hosts, gone.respond) == (("orders.shop.test", "*.acme.test"), Respond(410, "gone"))
    assert gone.rate_limits == (RateLimit(1, 60_000, 1, "ip"),)
    assert old.redirect == Redirect("https://new.test/x", "302", keep_path=True)
    assert service.deny == (
        Deny(
            "afar",
            "/a",
            ("PUT",),
            ("h",),
            (FieldMatch("x-a", "absent"),),
            (FieldMatch("q", "equals", ("",)),),
            (ClaimRule(("t",), "equals", (1,)),),
            ("web",),
            ("10.0.0.0/8", "2001:db8::1/128"),
            "now > 5",
            shadow=True,
        ),
    )
    assert service.cors == Cors(("https://*.shop.test",), ("GET",), ("x-a",), ("x-b",), True, 3600)
    changes = (HeaderChanges(set=(("x-env", "test"),)), HeaderChanges(add=(("x-c", "d"),)))
    assert service.forward == Forward((), "strip", *changes)
    assert not policy.warnings


def warned(routes: str, deny: str = "") -> list[str]:
    """What is warned of, by the number of the rule."""
    head = "trust_domain: shop.test\nissuers: {own: {builtin: true}}\nservices:\n  orders:\n"
    warnings = load(f"{head}    deny: [{deny}]\n    routes: [{routes}]\n", {}, {}).warnings
    return [f"{warning.path.removeprefix('services.orders.')} {warning.message}" for warning in warnings]


@pytest.mark.parametrize(
    ("first", "second", "hidden"),
    [
        ("path: /**", "path: /a, hosts: [h.test]", True),
        ("path: /**, hosts: [h.test]", "path: /a", False),
        ("path: /**, hosts: ['*.test']", "path: /a, hosts: [h.test]", True),
        ("path: /**, hosts: ['*.test']", "path: /a, hosts: [a.h.test]", False),
        ("path: /**, hosts: [h.test]", "path: /a, hosts: [h.test, i.test]", False),
        ("path: /a, headers: {X-A: {any: ['1', '2']}}", "path: /a, headers: {x-a: '1', X-B: c}", True),
        ("path: /a, headers: {X-A: '1'}", "path: /a, headers: {X-A: {any: ['1', '2']}}", False),
        ("path: /a, headers: {X-A: {prefix: v}}", "path: /a, headers: {X-A: v2}", True),
        ("path: /a, headers: {X-A: {prefix: v2}}", "path: /a, headers: {X-A: {prefix: v}}", False),
        ("path: /a, query: {q: {present: true}}", "path: /a, query: {q: {prefix: v}}", True),
        ("path: /a, query: {q: {present: true}}", "path: /a, query: {q: {absent: true}}", False),
        ("path: /a, query: {q: {absent: true}}", "path: /a, query: {q: {absent: true}}", True),
        ("path: /a, query: {q: x}", "path: /a, headers: {q: x}", False),
    ],
)
def test_hosts_and_matchers_tell_routes_apart(first: str, second: str, hidden: bool) -> None:
    """Only what an earlier route leaves nothing of is never reached."""
    assert bool(warned(f"{{{first}}}, {{{second}}}")) == hidden


@pytest.mark.parametrize(
    ("open_", "guarded", "told"),
    [
        ("path: /a/*, access: public", "path: /**", "which comes first, is public"),
        ("path: /a/*, access: optional", "path: '/{x}/b'", "asks nothing of who shows no credential"),
        ("path: /a/*, hosts: [h.test], access: public", "path: '/{x}/b', hosts: [i.test]", ""),
        ("path: /a/*, headers: {X-A: '1'}, access: public", "path: '/{x}/b', headers: {X-A: {prefix: '2'}}", ""),
        (
            "path: /a/*, headers: {X-A: '1'}, access: public",
            "path: '/{x}/b', headers: {X-A: {any: ['1']}}",
            "is public",
        ),
    ],
)
def test_an_open_route_before_a_guarded_one_is_warned_of(open_: str, guarded: str, told: str) -> None:
    """Where some request is of both, and the narrower does not come first on purpose."""
    found = warned(f"{{{open_}}}, {{{guarded}}}")
    if guarded == "path: /**":
        assert found == []
    else:
        assert [told in line for line in found] == ([True] if told else [])


@pytest.mark.parametrize(
    ("deny", "told"),
    [
        ("{name: a, path: /x/**}, {name: b, path: /x/y, claims: {t: 1}}", "deny[1] never decides: deny[0] (a)"),
        ("{name: a, path: /x, claims: {t: 1}}, {name: b, path: /x}", ""),
        ("{name: a, path: /x, shadow: true}, {name: b, path: /x}", ""),
        ("{name: a, addresses: [10.0.0.0/8]}, {name: b, addresses: [10.1.0.0/16]}", "deny[1] never decides"),
        ("{name: a, addresses: [10.1.0.0/16]}, {name: b, addresses: [10.0.0.0/8, '::/0']}", ""),
        ("{name: a, callers: [orders]}, {name: b, path: /x, callers: [orders]}", "deny[1] never decides"),
        ("{name: a, path: /r/**}", "routes[0] never reached: the deny rule a refuses all of it"),
        ("{name: a, path: /r, methods: [GET]}", ""),
        ("{name: a, path: /r, when: 'now > 1'}", ""),
    ],
)
def test_deny_rules_that_leave_nothing_are_warned_of(deny: str, told: str) -> None:
    """To a later deny rule, or to a route."""
    found = warned("{path: /r}", deny)
    assert [told in line for line in found] == ([True] if told else [])


ADMIN = "require: {scopes: [admin]}"


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        (
            f"{{path: /a/**, headers: {{X-V: '2'}}, {ADMIN}}}, {{path: /**}}",
            "routes[0] asked of who writes certain",
        ),
        (
            f"{{path: /a/**, query: {{q: x}}, {ADMIN}}}, {{path: /a/**}}",
            "routes[0] asked of who writes certain",
        ),
        (f"{{path: /a/**, hosts: [h.test], {ADMIN}}}, {{path: /**}}", "routes[0] asked of some hosts alone"),
        (f"{{path: /a/*, {ADMIN}}}, {{path: /**}}", "routes[0] '*' is one segment: for what is below /a/*, routes[1]"),
        (f"{{path: /a/*, {ADMIN}}}, {{path: /**, respond: {{status: 404}}}}", ""),
        (f"{{path: /a/*, {ADMIN}}}, {{path: /a/**, {ADMIN}}}, {{path: /**}}", ""),
        (f"{{path: '/a/{{id}}', {ADMIN}}}, {{path: /**}}", ""),
        (f"{{path: /a/**, headers: {{X-V: '2'}}, {ADMIN}}}, {{path: /a/**, {ADMIN}}}, {{path: /**}}", ""),
        (f"{{path: /a/**, headers: {{X-V: '2'}}, {ADMIN}}}, {{path: /b/**}}", ""),
        ("{path: /a/**, headers: {X-V: '2'}}, {path: /**}", ""),
        (
            f"{{path: /a/**, headers: {{X-Debug: {{present: true}}}}, access: public}}, {{path: /a/**, {ADMIN}}}",
            "routes[0] is public, and only what a caller writes tells it from routes[1] (/a/**)",
        ),
        ("{path: /a, hosts: [open.test], access: optional}, {path: /a}", "routes[0] asks nothing of who shows no"),
        ("{path: /a/open, access: public}, {path: /a/**}", ""),
        ("{path: /a, require: {}}", "routes[0].require asks for nothing"),
        ("{path: /a, require: {scopes: []}}", "routes[0].require asks for nothing"),
        ("{path: /a, require: {when: 'true'}}", "routes[0].require.when looks at nothing of the request"),
    ],
)
def test_what_a_caller_gets_around_is_warned_of(routes: str, told: str) -> None:
    """By another host, a header or a parameter of his own choice, by one segment more; or because nothing is asked."""
    found = warned(routes)
    assert [told in line for line in found] == ([True] if told else []), found


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/orders/:id", "':id' is text here, and no parameter: write {id}"),
        ("/orders/<int:id>", "'<int:id>' is text here, and no parameter: write {id}"),
        ("/orders/[0-9]+", "'[0-9]+' is text here, and no regular expression"),
        ("/orders/(a|b)", "'(a|b)' is text here, and no regular expression"),
        ("/orders/x$", "'x$' is text here, and no regular expression"),
        ("/Orders(7)/$metadata", ""),
        ("/a:b/c++/~x/@me", ""),
    ],
)
def test_a_path_in_other_words_is_warned_of(path: str, told: str) -> None:
    """As Express, Flask or a gateway with regular expressions would have it; honest text is not."""
    found = warned(f"{{path: '{path}', require: {{scopes: [x]}}}}")
    assert [f"routes[0].path {told}" in line for line in found] == ([True] if told else [])
    denied = warned("{path: /a}", f"{{name: d, path: '{path}'}}")
    assert [f"deny[0].path {told}" in line for line in denied] == ([True] if told else [])


def test_an_origin_that_is_everybodys_is_warned_of() -> None:
    """https://*.com is any site; https://*.shop.test is not."""
    origins = "    cors: {origins: ['https://*.com', 'https://*.shop.test']}\n"
    head = "trust_domain: shop.test\nservices:\n  orders:\n    routes: [{path: /a, access: public}]\n"
    [warning] = load(head + origins, {}, {}).warnings
    assert (warning.path, "any site may read" in warning.message) == ("services.orders.cors.origins[0]", True)
