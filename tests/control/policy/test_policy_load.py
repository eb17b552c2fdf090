"""A policy file becomes a value, or a list of sentences with lines."""

from pathlib import Path

import pytest

from control.policy import PolicyErrors, load
from sidecar.contract.snapshot import ClaimRule, Forward, Requirement, Route

EXAMPLE = Path(__file__).parents[3] / "examples" / "policy.yaml"
SERVICES = "services: {orders: {routes: [{path: /**}]}}\n"


def problems(source: str, **files: str) -> list[tuple[int, str, str]]:
    """What is wrong with ``source``."""
    with pytest.raises(PolicyErrors) as caught:
        load(source, files, {})
    return [(problem.line, problem.path, problem.message) for problem in caught.value.problems]


def route(text: str) -> str:
    """A policy whose fifth line is one route."""
    head = "trust_domain: shop.test\nissuers: {own: {builtin: true}}\nservices:\n"
    return f"{head}  orders: {{routes: [\n    {text}]}}\n"


def test_every_part_of_the_language_arrives() -> None:
    """Routes, requirements and forwarding, as the contract's own values."""
    source = """
trust_domain: shop.test
issuers: {own: {builtin: true, leeway: 10s}}
services:
  orders:
    issuers: [own]
    routes:
      - {path: /public/**, access: public}
      - path: /orders/{id}
        methods: [GET, PUT]
        issuers: [own]
        require:
          scopes: [orders:read]
          any_scope: [a, b]
          claims:
            tenant: acme
            realm_access.roles: {any: [clerk, boss]}
            groups: {all: [1]}
            email: {present: true}
            staff: true
        timeout: 1500ms
      - path: /x
        require: {claims: [{claim: ['https://shop.test/level'], equals: 3}]}
    forward: {headers: {X-Tenant: claims.tenant, X-Level: [claims, 'https://shop.test/level']}, token: keep}
"""
    policy = load(source, {}, {})
    [service] = policy.services
    assert policy.issuers[0].leeway_s == 10
    rules = (
        ClaimRule(("tenant",), "equals", ("acme",)),
        ClaimRule(("realm_access", "roles"), "any", ("clerk", "boss")),
        ClaimRule(("groups",), "all", (1,)),
        ClaimRule(("email",), "present"),
        ClaimRule(("staff",), "equals", (True,)),
    )
    assert service.routes == (
        Route("/public/**", access="public"),
        Route(
            "/orders/{id}", ("GET", "PUT"), "token", ("own",), Requirement(("orders:read",), ("a", "b"), rules), 1500
        ),
        Route("/x", require=Requirement(claims=(ClaimRule(("https://shop.test/level",), "equals", (3,)),))),
    )
    assert service.forward == Forward((("X-Tenant", ("tenant",)), ("X-Level", ("https://shop.test/level",))), "keep")
    assert service.lines == (8, 9, 22)
    assert not policy.warnings


def test_an_unknown_key_names_its_line_and_the_likely_one() -> None:
    """The sentence from the promise."""
    with pytest.raises(PolicyErrors) as caught:
        load(route("{path: /a, require: {scope: [x]}}"), {}, {})
    told = "policy.yaml:5: services.orders.routes[0].require: unknown key 'scope' — did you mean 'scopes'?"
    assert caught.value.format() == told


def test_all_problems_come_at_once_and_in_order() -> None:
    """Lines ascend, and nothing is told twice."""
    source = """trust_domain: Shop.Test
issuers:
  partner: {issuer: x, jwks: {inline: {keys: []}}}
services:
  Orders: {routes: []}
  web:
    routes:
      - {path: nowhere, methods: [get], timeout: 5}
tests:
  - {service: web, request: {path: "${GONE}"}, expect: alow}
"""
    found = problems(source)
    assert [line for line, _, _ in found] == sorted(line for line, _, _ in found)
    assert {line for line, _, _ in found} == {1, 3, 5, 8, 10}
    assert len(set(found)) == len(found) == 8


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{path: /a, methods: [get]}", "write GET"),
        ("{path: /a, methods: [CONNECT]}", "no tunnel"),
        ("{path: /a, methods: []}", "must not be empty"),
        ("{path: /a, methods: GET}", "must be a list, not text: write [GET]"),
        ("{path: /a, rate_limit: 100/m}", "must be a mapping, not text: write {requests: 100, per: 1m}"),
        ("{path: /a, require: {roles: [a]}}", "unknown key 'roles': roles are claims: write claims: {roles: {any"),
        ("{path: /a, require: {methods: [GET]}}", "unknown key 'methods': it stands on the route itself"),
        ("{path: /a, methods: }", "has no value"),
        ("{path: /a/**/b}", "'**' may only stand last"),
        ("{path: a}", "does not begin with '/'"),
        ("{methods: [GET]}", "path is missing"),
        ("{path: /a, access: publik}", "did you mean 'public'?"),
        ("{path: /a, access: public, require: {scopes: [x]}}", "a public route requires nothing"),
        ("{path: /a, timeout: 5}", "write a unit: 5s"),
        ("{path: /a, timeout: soon}", "no duration"),
        ("{path: /a, timeout: 0s}", "between 1ms and 24h"),
        ("{path: /a, timeout: 25h}", "between 1ms and 24h"),
        ("{path: /a, issuers: [onw]}", "did you mean 'own'?"),
        ("{path: /a, require: {scopes: [a b]}}", "more than one scope: write [a, b]"),
        ("{path: /a, require: {scopes: orders}}", "write [orders]"),
        ("{path: /a, require: {scopes: [7]}}", "write '7' in quotes"),
        ("{path: /a, require: {any_scope: []}}", "must not be empty"),
        ("{path: /a, require: {claims: {roles: [a]}}}", "any: [...]} or {all: [...]}"),
        ("{path: /a, require: {claims: {roles: {anny: [a]}}}}", "did you mean 'any'?"),
        ("{path: /a, require: {claims: {roles: {any: [a], all: [b]}}}}", "exactly one test"),
        ("{path: /a, require: {claims: {roles: {any: []}}}}", "must not be empty"),
        ("{path: /a, require: {claims: {roles: {present: false}}}}", "only present: true"),
        ("{path: /a, require: {claims: {level: 1.5}}}", "not with a fraction"),
        ("{path: /a, require: {claims: {level: 9007199254740993}}}", "beyond 2^53"),
        ("{path: /a, require: {claims: {a..b: 1}}}", "no claim path"),
        ("{path: /a, require: {claims: {'https://x.test/y': 1}}}", "a list of steps"),
        ("{path: /a, require: {claims: [{equals: 1}]}}", "each item names its claim"),
        ("{path: /a, require: {callers: []}}", "must not be empty: nobody"),
        ("{path: /a, require: {callers: [Web]}}", "no name of a service or workload"),
        ("{path: /a, require: {when: 'clams.sub == 1'}}", "there is no variable clams"),
        ("{path: /a, require: {when: 'claims.sub =='}}", "not a CEL expression"),
        ("{path: /a, require: {when: 'claims.sub == path.id'}}", "no segment named id"),
        ("{path: /a, shadow: {}}", "asks for nothing"),
        ("{path: /a, hosts: []}", "must not be empty"),
        ("{path: /a, hosts: [Shop.test]}", "write it in lower case"),
        ("{path: /a, hosts: ['shop.test:80']}", "has a port"),
        ("{path: /a, hosts: ['a.*.test']}", "the first label alone"),
        ("{path: /a, headers: {X-V: 2}}", "write '2' in quotes"),
        ("{path: /a, headers: {X-V: [a]}}", "write {any: [...]}"),
        ("{path: /a, headers: {X-V: {anny: [a]}}}", "did you mean 'any'?"),
        ("{path: /a, headers: {X-V: {present: false}}}", "only present: true"),
        ("{path: /a, headers: {X-V: {prefix: ''}}}", "must not be empty"),
        ("{path: /a, headers: {X-V: a, x-v: b}}", "stands twice"),
        ("{path: /a, headers: {Authorization: a}}", "is a credential"),
        ("{path: /a, headers: {Host: a}}", "matched by hosts"),
        ("{path: /a, headers: {X-Auth-Subject: a}}", "cannot rely on it"),
        ("{path: /a, query: {'': a}}", "no name of a query parameter"),
        ("{path: /a, credentials: []}", "must not be empty"),
        ("{path: /a, credentials: bearer}", "must be a list"),
        ("{path: /a, credentials: [baerer]}", "did you mean 'bearer'?"),
        ("{path: /a, credentials: [{cookie: 'a b'}]}", "no name for a cookie"),
        ("{path: /a, credentials: [{header: Authorization}]}", "bearer and api_key"),
        ("{path: /a, credentials: [{header: Host}]}", "not one for credentials"),
        ("{path: /a, credentials: [{api_key: {heder: X-K}}]}", "did you mean 'header'?"),
        ("{path: /a, credentials: [bearer, bearer]}", "stands twice"),
        ("{path: /a, rate_limit: {requests: 1}}", "per is missing"),
        ("{path: /a, rate_limit: {requests: 0, per: 1m}}", "whole number from 1"),
        ("{path: /a, rate_limit: {requests: 1, per: 60}}", "write a unit: 60s"),
        ("{path: /a, rate_limit: {requests: 1, per: 1m, by: subjekt}}", "did you mean 'subject'?"),
        ("{path: /a, rate_limit: {requests: 1, per: 1m, bursts: 3}}", "did you mean 'burst'?"),
        ("{path: /a, rate_limit: []}", "must not be empty"),
        ("{path: /a, timeout: {respons: 5s}}", "did you mean 'response'?"),
        ("{path: /a, timeout: {idle: 0s}}", "between 1ms and 24h"),
        ("{path: /a, body_limit: 1024}", "write a unit: 1024B"),
        ("{path: /a, body_limit: 1 MiB}", "no size"),
        ("{path: /a, encoded_slash: kep}", "did you mean 'keep'?"),
        ("{path: /a, rewrite: /b}", "there is no ** in path"),
        ("{path: /a/**, rewrite: b}", "it begins with '/'"),
        ("{path: /a/**, rewrite: /b/../c}", "write /c"),
        ("{path: /a/**, rewrite: /b/*}", "a plain path"),
        ("{path: /a/**, rewrite: /b, respond: {}}", "respond and rewrite on one route"),
        ("{path: /a, respond: {status: 100}}", "from 200 to 599"),
        ("{path: /a, respond: {status: 204, body: x}}", "has no body"),
        ("{path: /a, respond: {body: {a: 1}}}", "JSON goes in quotes"),
        ('{path: /a, respond: {content_type: "a\\nb: c"}}', "a line break"),
        ("{path: /a, redirect: {}}", "to is missing"),
        ("{path: /a, redirect: {to: //evil.test}}", "absolute URL"),
        ("{path: /a, redirect: {to: 'javascript:x'}}", "absolute URL"),
        ('{path: /a, redirect: {to: "/a\\r\\nX: y"}}', "no place to go"),
        ("{path: /a, redirect: {to: /b, status: 304}}", "must be 301, 302, 303, 307, 308"),
        ("{path: /a, redirect: {to: /b, keep_path: true}}", "there is no ** in path"),
        ("{path: /a, request_headers: {set: {Host: x}}}", "not free"),
        ("{path: /a, request_headers: {set: {Content-Length: '1'}}}", "not free"),
        ("{path: /a, request_headers: {add: {Transfer_Encoding: chunked}}}", "not free"),
        ("{path: /a, request_headers: {remove: [X-Auth-Subject]}}", "not free"),
        ('{path: /a, request_headers: {set: {X-A: "b\\r\\nX-B: c"}}}', "a line break"),
        ("{path: /a, request_headers: {set: {X-A: 7}}}", "write '7' in quotes"),
        ("{path: /a, request_headers: {set: {X-A: a, x-a: b}}}", "stands twice"),
        ("{path: /a, request_headers: {sets: {X-A: a}}}", "did you mean 'set'?"),
        ("{path: /a, response_headers: {set: {Access-Control-Allow-Origin: '*'}}}", "write cors"),
        ("{path: /a, response_headers: {remove: [Connection]}}", "not free"),
        ("{path: /a, access: public, require: {callers: [orders]}}", "a public route requires nothing"),
    ],
)
def test_a_wrong_route_is_told_on_its_line(text: str, told: str) -> None:
    """One sentence that says what to write."""
    [(line, path, message)] = problems(route(text))
    assert line == 5
    assert path.startswith("services.orders.routes[0]")
    assert told.lower() in message.lower()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("trust_domain: shop.test\n", "services is missing"),
        (SERVICES, "trust_domain is missing"),
        ("trust_domain: shop.test\nservices: {a: {routes: []}, -b: {routes: []}}", "no service name"),
        ("trust_domain: shop.test\nservices: {a: {routes: [], cors: {}}}", "origins is missing"),
        ("trust_domain: shop.test\nservices: {a: {routes: [], cors: {origins: [a.test]}}}", "no origin"),
        (
            "trust_domain: shop.test\nservices: {a: {routes: [], cors: {origins: ['https://a.test/']}}}",
            "no '/' at the end",
        ),
        (
            "trust_domain: shop.test\nservices: {a: {routes: [], cors: {origins: ['*'], credentials: true}}}",
            "the Fetch standard forbids it",
        ),
        ("trust_domain: shop.test\nservices: {a: {routes: [], deny: [{path: /}]}}", "name is missing"),
        ("trust_domain: shop.test\nservices: {a: {routes: [], deny: [{name: x}]}}", "names nothing"),
        ("trust_domain: shop.test\nservices: {a: {routes: [], deny: [{name: x, adresses: []}]}}", "'addresses'"),
        (
            "trust_domain: shop.test\nservices: {a: {routes: [], deny: [{name: x, addresses: [10.0.0.1/8]}]}}",
            "write 10.0.0.0/8",
        ),
        (
            "trust_domain: shop.test\nservices: {a: {routes: [], deny: [{name: x, path: /}, {name: x, path: /b}]}}",
            "a second rule named x",
        ),
        ("trust_domain: shop.test\nservices: {a: {routes: [{path: /, require: {callers: [a]}}]}}", "built-in issuer"),
        (
            "trust_domain: shop.test\nservices: {a: {routes: [{path: /, credentials: [api_key]}]}}",
            "API keys are issued by control",
        ),
        (
            "trust_domain: shop.test\nservices: {a: {routes: [], forward: {headers: {X-T: claims.t}, "
            "request_headers: {set: {x-t: y}}}}}",
            "nothing else may change it",
        ),
        ("trust_domain: shop.test\nservices: {a: }", "has no value"),
        ("trust_domain: shop.test\nservices: [a]", "must be a mapping, not a list"),
        ("trust_domain: shop.test\nservices: {a: {routes: [], issuers: [x]}}", "no issuer here"),
        ("trust_domain: shop.test\nservice: {}\n" + SERVICES, "did you mean 'services'?"),
        (
            "trust_domain: shop.test\nservices: {a: {routes: [], forward: {headers: {X-Auth-Subject: claims.sub}}}}",
            "not free",
        ),
        ("trust_domain: shop.test\nservices: {a: {routes: [], forward: {headers: {Host: claims.sub}}}}", "not free"),
        ("trust_domain: shop.test\nservices: {a: {routes: [], forward: {headers: {X-A: sub}}}}", "claims.NAME"),
        (
            "trust_domain: shop.test\nservices: {a: {routes: [], forward: {headers: {X-A: claims.a, x-a: claims.b}}}}",
            "twice",
        ),
        ("trust_domain: shop.test\nservices: {a: {routes: [], forward: {token: kep}}}", "did you mean 'keep'?"),
    ],
)
def test_a_wrong_policy_is_told(text: str, told: str) -> None:
    """Above and around the routes."""
    assert any(told in message for _, _, message in problems(text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{service: order, request: {path: /}, expect: allow}", "did you mean 'orders'?"),
        ("{service: orders, request: {path: /}, expect: yes please}", "no outcome"),
        ("{service: orders, request: {path: /}, expect: {status: 200, reason: no_route}}", "has status 404"),
        ("{service: orders, request: {path: /}, expect: {status: teapot}}", "HTTP status"),
        ("{service: orders, request: {path: /}, expect: {reason: no_rout}}", "did you mean 'no_route'?"),
        ("{service: orders, request: {path: /}, expect: {}}", "write allow, deny"),
        ("{service: orders, request: {path: /}, token: {issuer: x}, expect: allow}", "no issuer here"),
        ("{service: orders, request: {path: /}, token: {expired: true, expires_in: 5s}, expect: allow}", "write one"),
        ("{service: orders, request: {path: /}}", "expect is missing"),
        ("{service: orders, request: {path: /, address: here}, expect: allow}", "no IP address"),
        ("{service: orders, request: {path: /, header: {}}, expect: allow}", "did you mean 'headers'?"),
        ("{service: orders, request: {path: /}, token: {caller: a, sub: b}, expect: allow}", "leave out sub"),
    ],
)
def test_a_wrong_test_is_told(text: str, told: str) -> None:
    """A test that could not run is a problem of the file."""
    source = f"trust_domain: shop.test\nissuers: {{own: {{builtin: true}}}}\n{SERVICES}tests:\n  - {text}\n"
    assert any(told in message and line == 5 for line, _, message in problems(source))


def test_a_test_with_two_possible_issuers_says_which() -> None:
    """Nothing is guessed where it would decide the outcome."""
    test = "{service: orders, request: {path: /}, token: {}, expect: allow}"
    source = f"trust_domain: shop.test\n{SERVICES}tests: [{test}]"
    assert "say whose token it is" in problems(source)[0][2]


def test_routes_that_hide_one_another_are_warned_of() -> None:
    """Unreachable, hidden by a public one, and partly public; a narrower route before a wider one is the idiom."""
    source = """trust_domain: shop.test
issuers: {own: {builtin: true}}
services:
  orders:
    routes:
      - {path: "/a/{x}", methods: [GET]}
      - {path: /a/b, methods: [HEAD]}
      - {path: /a/b, methods: [POST]}
      - {path: /p/*, access: public}
      - {path: "/{any}/b", require: {scopes: [x]}}
      - {path: /p/q, require: {scopes: [x]}}
      - {path: /**, access: public}
      - {path: /admin/**}
"""
    assert [(warning.line, warning.message.split(" (")[0]) for warning in load(source, {}, {}).warnings] == [
        (7, "never reached: routes[0]"),
        (10, "what also matches routes[3]"),
        (11, "never reached: routes[3]"),
        (13, "never reached: routes[6]"),
    ]


def test_methods_that_escape_a_guard_are_warned_of() -> None:
    """DELETE /a/7 would pass with any token at all; a scope of its own ends the warning, and a catch-all is none."""
    guarded = '{path: "/a/{id}", methods: [GET], require: {scopes: [read]}}'
    [warning] = load(route(f"{guarded}, {{path: /**, methods: [DELETE]}}"), {}, {}).warnings
    assert warning.message == "asked of GET alone: for other methods, routes[1] (DELETE /**) takes any valid token"
    for closed in ("", ", {path: /**}", ", {path: /b/**}"):
        assert not load(route(guarded + closed), {}, {}).warnings
    put = ", {path: /a/*, methods: [PUT], require: {scopes: [write]}}"
    assert not load(route(guarded + put), {}, {}).warnings


def test_a_route_behind_one_that_speaks_for_its_paths_is_warned_of() -> None:
    """A catch-all that names its methods leaves nothing to a later route that names none."""
    [warning] = load(route("{path: /**, methods: [OPTIONS], access: public}, {path: /a}"), {}, {}).warnings
    assert warning.message.startswith("never reached: routes[0] (OPTIONS /**) speaks for all of its paths")


def test_a_guarded_route_without_an_issuer_is_warned_of() -> None:
    """Nobody could pass it."""
    [warning] = load(f"trust_domain: shop.test\n{SERVICES}", {}, {}).warnings
    assert "nobody can pass" in warning.message


def test_the_example_is_sound_and_equal_to_itself() -> None:
    """Loading is deterministic, and the file that the demo pushes has no warning."""
    source = EXAMPLE.read_text()
    policy = load(source, {}, {})
    assert policy == load(source, {}, {})
    assert not policy.warnings
    assert policy.service_names == ("web", "orders")
