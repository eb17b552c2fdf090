"""First match wins, on path and method; the tree answers as a list read from the top."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.authz.pattern import compile_pattern
from sidecar.authz.router import Found, Missed, Router
from sidecar.contract.snapshot import Route
from sidecar.contract.strict import ContractError


def _number(router: Router, method: str, *segments: str) -> int | tuple[str, ...]:
    found = router.match(method, segments)
    return found.number if isinstance(found, Found) else found.allow


def test_the_first_match_wins() -> None:
    """Order decides, not how precise a pattern is."""
    router = Router([Route("/orders/*"), Route("/orders/7"), Route("/**"), Route("/")])
    assert _number(router, "GET", "orders", "7") == 0
    assert _number(router, "GET", "orders") == 2
    assert _number(router, "GET") == 2


def test_a_route_for_another_method_is_passed_over() -> None:
    """The first route whose path and method both match; else 405 with what all of the path's routes offer."""
    router = Router([Route("/a", ("GET",)), Route("/*", ("PUT", "GET")), Route("/b", ("POST",))])
    assert _number(router, "PUT", "a") == 1
    assert _number(router, "POST", "a") == ("GET", "HEAD", "PUT")
    assert _number(router, "PATCH", "b") == ("PUT", "GET", "HEAD", "POST")
    assert _number(router, "POST", "a", "b") == ()


def test_a_route_that_names_its_methods_speaks_for_its_path() -> None:
    """A method that it does not name never falls through to a catch-all; only to a route that names it."""
    router = Router([Route("/orders/*", ("GET",)), Route("/orders/**", ("DELETE",)), Route("/**")])
    assert _number(router, "GET", "orders", "7") == 0
    assert _number(router, "DELETE", "orders", "7") == 1
    assert _number(router, "PATCH", "orders", "7") == ("GET", "HEAD", "DELETE")
    assert _number(router, "PATCH", "other") == 2


def test_head_goes_where_get_goes() -> None:
    """RFC 9110 section 9.3.2; but GET does not go where only HEAD goes, and method names are case-sensitive."""
    router = Router([Route("/a", ("GET",)), Route("/b", ("HEAD",))])
    assert _number(router, "HEAD", "a") == 0
    assert _number(router, "GET", "b") == ("HEAD",)
    assert _number(router, "get", "a") == ("GET", "HEAD")


def test_captures_parameters() -> None:
    """By name, from the route that was chosen."""
    found = Router([Route("/x/{a}", ("PUT",)), Route("/{b}/{c}", ("GET",))]).match("GET", ("x", "y"))
    assert isinstance(found, Found)
    assert found.parameters == {"b": "x", "c": "y"}


def test_a_bad_path_names_its_route() -> None:
    """So that control can point at the line and a sidecar can NACK with a sentence."""
    with pytest.raises(ContractError, match=r"route 2: path '/a/\.\./b'"):
        Router([Route("/"), Route("/a/../b")])


WORDS = st.sampled_from(["a", "b", "c"])
METHODS = st.sampled_from(["GET", "HEAD", "POST"])


@st.composite
def _routes(draw: st.DrawFn) -> Route:
    parts = draw(st.lists(st.sampled_from(["a", "b", "*", "{x}"]), max_size=4))
    parts = [f"{{x{n}}}" if part == "{x}" else part for n, part in enumerate(parts)]
    rest = draw(st.sampled_from([[], ["**"]]))
    methods = draw(st.none() | st.lists(METHODS, min_size=1, max_size=2).map(tuple))
    return Route("/" + "/".join(parts + rest), methods)


def _linear(routes: list[Route], method: str, segments: tuple[str, ...]) -> Found | Missed:
    """The obvious model."""
    allow: dict[str, None] = {}
    for number, route in enumerate(routes):
        pattern = compile_pattern(route.path)
        if not pattern.matches(segments):
            continue
        if route.methods is None:
            if not allow:
                return Found(number, route, pattern.parameters(segments))
            continue
        if method in route.methods or (method == "HEAD" and "GET" in route.methods):
            return Found(number, route, pattern.parameters(segments))
        for name in route.methods:
            allow |= {"GET": None, "HEAD": None} if name == "GET" else {name: None}
    return Missed(tuple(allow))


@settings(max_examples=400, deadline=None)
@given(st.lists(_routes(), max_size=12), METHODS, st.lists(WORDS, max_size=5).map(tuple))
def test_the_tree_is_the_list(routes: list[Route], method: str, segments: tuple[str, ...]) -> None:
    """Same route, same parameters, same Allow, for any routes and any path."""
    assert Router(routes).match(method, segments) == _linear(routes, method, segments)
