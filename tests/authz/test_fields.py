"""Hosts, headers and query parameters: for which requests a route is, and which have two readings."""

import pytest

from sidecar.authz.evaluator import Evaluator, RequestFacts
from sidecar.authz.host import compile_host, normalise_host
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import FieldMatch, Route, Source
from sidecar.contract.strict import ContractError
from tests.authn.minting import snapshot

from .asking import ask

HOSTS = {
    "orders.shop.test": "orders.shop.test",
    "Orders.SHOP.test:8000": "orders.shop.test",
    "orders.shop.test.": "orders.shop.test",
    "orders.shop.test.:80": "orders.shop.test",
    "orders:": "orders",
    "my_host": "my_host",
    "192.0.2.1:80": "192.0.2.1",
    "[::1]:80": "[::1]",
    "[2001:DB8::1]": "[2001:db8::1]",
    "": "",
    ".": "",
    "a..b": "",
    ".a": "",
    "a:b:c": "",
    "a:80x": "",
    "user@a": "",
    "a/b": "",
    "a b": "",
    "a\x00": "",
    "a.test\n": "",
    "\u212aelvin.test": "",
    "*.shop.test": "",
}


@pytest.mark.parametrize(("authority", "host"), HOSTS.items(), ids=[ascii(name) for name in HOSTS])
def test_a_host_has_one_spelling(authority: str, host: str) -> None:
    """What is no host is none, and no rule that names hosts is for it."""
    assert normalise_host(authority) == host


@pytest.mark.parametrize(
    "text", ["", "*", "a.*.test", "*.*.test", "*a.test", "a.test:80", "*.", "*.[::1]", "a b", "http://a"]
)
def test_a_host_that_no_request_names_is_refused(text: str) -> None:
    """It would guard nothing."""
    with pytest.raises(ValueError, match="host"):
        compile_host(text)


def test_the_first_route_for_the_host() -> None:
    """Order decides, not how precise a host is; any host where none is named; one label for ``*``."""
    routes = (
        Route("/a", hosts=("a.acme.test", "b.acme.test"), access="public"),
        Route("/**", hosts=("*.ACME.test.",), access="public"),
        Route("/a", hosts=("c.acme.test",), access="public"),
        Route("/b", access="public"),
    )
    policy = snapshot(routes=routes)

    def number(target: str, host: str) -> int | Reason:
        decision = ask(policy, target, host=host)
        return routes.index(decision.route) if decision.route else decision.reason

    assert number("/a", "A.acme.test:80") == 0
    assert number("/a", "c.acme.test") == 1
    assert number("/b", "a.acme.test") == 1
    assert number("/b", "x.a.acme.test") == 3
    assert number("/b", "acme.test") == 3
    assert number("/b", "") == 3
    assert number("/a", "acme.test") is Reason.NO_ROUTE


MATCHES = [
    (FieldMatch("x-v", "equals", ("2",)), {"2": True, "20": False, "": False}),
    (FieldMatch("x-v", "any", ("1", "2")), {"2": True, "1, 2": False}),
    (FieldMatch("x-v", "prefix", ("v", "w")), {"v2": True, "wv": True, "xv": False}),
    (FieldMatch("x-v", "present"), {"": True, "anything": True}),
    (FieldMatch("x-v", "absent"), {"": False, "anything": False}),
    (FieldMatch("X-V", "equals", ("é",)), {"é": False}),
]


@pytest.mark.parametrize(("match", "values"), MATCHES)
def test_matchers(match: FieldMatch, values: dict[str, bool]) -> None:
    """Of headers (their names in any case) and of query parameters (escapes decoded)."""
    for value, holds in values.items():
        header = snapshot(routes=(Route("/", access="public", headers=(match,)),))
        assert ask(header, headers={"x-v": value}).allowed is holds
        query = snapshot(routes=(Route("/", access="public", query=(FieldMatch("x-v", match.test, match.values),)),))
        assert ask(query, f"/?x-v={value}" if value.isascii() else "/?x-v=e").allowed is holds
    nothing = match.test == "absent"
    assert ask(Route("/", access="public", headers=(match,))).allowed is nothing
    assert ask(Route("/", access="public", query=(match,))).allowed is nothing


def test_matchers_hold_before_a_route_speaks_for_its_path() -> None:
    """A route for another version says nothing about this one's methods."""
    two = (FieldMatch("x-v", "equals", ("2",)),)
    policy = snapshot(routes=(Route("/a", ("GET",), headers=two, access="public"), Route("/**", access="public")))
    assert ask(policy, "/a", method="PUT").allowed
    refused = ask(policy, "/a", method="PUT", headers={"x-v": "2"})
    assert refused.reason is Reason.METHOD_NOT_ALLOWED
    assert refused.allow_methods == ("GET", "HEAD")


TWICE = {
    "header": ("/", (("x-v", "2"), ("x-v", "2"))),
    "header in another spelling": ("/", (("x_v", "2"),)),
    "parameter": ("/?q=1&q=1", ()),
    "parameter, escaped": ("/?q=1&%71=2", ()),
    "parameter behind ';'": ("/?a=1;q=2", ()),
    "parameter before ';'": ("/?q=2;a=1", ()),
}


@pytest.mark.parametrize(("target", "headers"), TWICE.values(), ids=TWICE.keys())
def test_a_name_twice_that_a_rule_looks_at_is_refused(target: str, headers: tuple[tuple[str, str], ...]) -> None:
    """Even on a path whose own route does not look; names that no rule looks at may stand as often as they like."""
    looks = Route("/x", headers=(FieldMatch("x-v", "present"),), query=(FieldMatch("q", "present"),))
    pairs = tuple((name.encode(), value.encode()) for name, value in headers)
    request = RequestFacts("GET", target.encode(), pairs)
    elsewhere = Route("/**", access="public")
    assert Evaluator(snapshot(routes=(looks, elsewhere))).evaluate(request, 0).reason is Reason.MALFORMED_REQUEST
    assert Evaluator(snapshot(routes=(elsewhere,))).evaluate(request, 0).allowed


def test_explains_why_a_route_was_passed_over() -> None:
    """Which matcher, what it wanted and what it saw."""
    steps: list[str] = []
    routes = (Route("/a", headers=(FieldMatch("x-v", "any", ("1", "2")),)), Route("/**", access="public"))
    ask(snapshot(routes=routes), "/a", steps, headers={"x-v": "3"})
    assert steps[0] == "route 1: any method /a passed over, header x-v any '1' '2': saw '3'"


def test_a_bad_host_names_its_route() -> None:
    """NACK with a sentence."""
    with pytest.raises(ContractError, match=r"route 2: host '\*'"):
        Evaluator(snapshot(routes=(Route("/"), Route("/a", hosts=("*",)))))


@pytest.mark.parametrize("name", ["authorization", "Cookie", "x-key"])
def test_no_value_of_a_credential_is_compared(name: str) -> None:
    """It would be told in steps; whether one is there may be asked, and the steps do not show it."""
    key = Source("api_key", "header", "x-key")
    compared = Route("/", headers=(FieldMatch(name, "prefix", ("a",)),), credentials=(key,))
    with pytest.raises(ContractError, match="may hold a credential"):
        Evaluator(snapshot(routes=(compared,)))
    steps: list[str] = []
    absent = Route("/", headers=(FieldMatch(name, "absent"),), credentials=(key,))
    ask(absent, steps=steps, headers={name.lower(): "hunter2"})
    assert not any("hunter2" in step for step in steps)
