"""The CORS protocol: preflights and what responses say (Fetch standard, section 3.3)."""

import pytest

from sidecar.authz.cors import CompiledCors
from sidecar.authz.evaluator import Evaluator
from sidecar.contract.snapshot import Cors, FieldMatch, Route
from tests.authn.minting import NOW, needs, snapshot

from .asking import facts

APP = "https://app.shop.test"
ROUTES = (
    Route("/orders/{id}", ("GET", "PUT"), require=needs("orders:read"), headers=(FieldMatch("x-v", "present"),)),
    Route("/any/**"),
    Route("/v", ("GET",), headers=(FieldMatch("x-v", "present"),)),
    Route("/v"),
    Route("/there", ("DELETE",), hosts=("a.test",)),
)


def _cors(**changes: object) -> CompiledCors:
    cors = Evaluator(snapshot(routes=ROUTES, cors=Cors(**{"origins": (APP,), **changes}))).cors  # type: ignore[arg-type]
    assert cors is not None
    return cors


def _preflight(cors: CompiledCors, target: str = "/orders/7", **headers: str) -> dict[bytes, bytes] | None:
    usual = {"origin": APP, "access-control-request-method": "PUT"}
    given = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
    fields = cors.preflight(facts(target, "OPTIONS", headers={n: v for n, v in given.items() if v}, host="a.test"), NOW)
    return None if fields is None else dict(fields)


def test_a_preflight_is_told_what_the_path_offers() -> None:
    """Without a token, and without the headers that the routes want: a browser does not send them."""
    assert _preflight(_cors(credentials=True)) == {
        b"vary": b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        b"access-control-allow-origin": APP.encode(),
        b"access-control-allow-credentials": b"true",
        b"access-control-allow-methods": b"GET, HEAD, PUT",
        b"access-control-allow-headers": b"authorization, content-type",
        b"access-control-max-age": b"600",
    }


def test_methods_and_headers() -> None:
    """Named ones stand; any is the one that was asked for; ``*`` for headers names those that were asked for."""

    def told(name: str, cors: CompiledCors, target: str = "/orders/7", **headers: str) -> bytes | None:
        return (_preflight(cors, target, **headers) or {}).get(f"access-control-allow-{name}".encode())

    assert told("methods", _cors(methods=("PATCH",))) == b"PATCH"
    assert told("methods", _cors(), "/any/x", access_control_request_method="BREW") == b"BREW"
    assert told("methods", _cors(), "/any/x", access_control_request_method="a b") is None
    assert told("methods", _cors(), "/there") == b"DELETE"
    assert told("methods", _cors(), "/v") == b"PUT"  # a route for requests with a header does not speak for all
    asked = {"access_control_request_headers": "x-a, Authorization,b\x00d"}
    assert told("headers", _cors(headers=("*",)), **asked) == b"x-a, Authorization"
    assert told("headers", _cors(headers=("x-a",)), **asked) == b"x-a"
    assert told("headers", _cors(headers=())) is None


def test_what_is_no_preflight_goes_on() -> None:
    """Another method, no or two origins, no method asked for, a path that no route has, a path with two readings."""
    cors = _cors()
    assert (
        cors.preflight(facts("/any", "GET", headers={"origin": APP, "access-control-request-method": "GET"}), 0) is None
    )
    assert _preflight(cors, origin="") is None
    assert _preflight(cors, access_control_request_method="") is None
    assert _preflight(cors, "/nowhere") is None
    assert _preflight(cors, "/any%2f") is None
    twice = facts("/any", "OPTIONS", headers={"origin": APP, "access-control-request-method": "GET"})
    doubled = type(twice)("OPTIONS", b"/any", (*twice.headers, *twice.headers))
    assert cors.preflight(doubled, NOW) is None
    assert Evaluator(snapshot()).cors is None


ORIGINS = [
    (("https://app.shop.test",), "https://app.shop.test", True),
    (("https://app.shop.test",), "https://app.shop.test.evil.test", False),
    (("https://app.shop.test",), "https://appxshop.test", False),
    (("https://app.shop.test",), "http://app.shop.test", False),
    (("https://app.shop.test",), "https://app.shop.test:8443", False),
    (("https://app.shop.test",), "null", False),
    (("https://*.shop.test",), "https://a.shop.test", True),
    (("https://*.shop.test",), "https://shop.test", False),
    (("https://*.shop.test",), "https://a.b.shop.test", False),
    (("https://*.shop.test",), "https://evil.test/.shop.test", False),
    (("https://*.shop.test",), "https://a.shop.test\n", False),
    (("https://*.shop.test:8443",), "https://a.shop.test:8443", True),
    (("*",), "https://anything.test", True),
]


@pytest.mark.parametrize(("origins", "origin", "allowed"), ORIGINS)
def test_origins(origins: tuple[str, ...], origin: str, allowed: bool) -> None:
    """Exact, or any one label; one that may not read an answer is told nothing, and caches keep the two apart."""
    cors = _cors(origins=origins, expose=("x-total",))
    fields = dict(cors.response_headers(origin.encode()))
    assert (b"access-control-allow-origin" in fields) is allowed
    assert (b"access-control-expose-headers" in fields) is allowed
    assert (b"vary" in fields) is (origins != ("*",))
    preflight = _preflight(cors, origin=origin)
    assert preflight is not None
    assert (b"access-control-allow-methods" in preflight) is allowed


def test_without_an_origin_there_is_nothing_but_vary() -> None:
    """The same response may be kept for one with an origin."""
    assert _cors().response_headers(None) == [(b"vary", b"Origin")]
    assert _cors(origins=("*",)).response_headers(None) == []
    assert _cors(origins=("*",)).response_headers(b"https://a.test") == [(b"access-control-allow-origin", b"*")]
