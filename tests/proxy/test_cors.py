"""Browsers: preflights, and what every response tells of who may read it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio

from sidecar.contract.snapshot import Cors, Redirect, Requirement, Respond, Route, Snapshot

from .stage import Head, Peer, Stage, bearer, request, snapshot

APP = "https://app.shop.test"
ROUTES = (
    Route("/public/**", access="public"),
    Route("/orders/{id}", methods=("GET", "PUT"), require=Requirement(scopes=("admin",))),
    Route("/hello", access="public", respond=Respond(body="x")),
    Route("/old", access="public", redirect=Redirect("/new")),
)


def policy(**cors: Any) -> Snapshot:
    """The usual routes, called from the shop's own pages."""
    return replace(snapshot(*ROUTES), cors=Cors(**{"origins": (APP,), **cors}))


def origin(text: str = APP) -> bytes:
    """An Origin line."""
    return f"Origin: {text}\r\n".encode()


def preflight(target: str, text: str = APP, method: str = "PUT", *more: bytes) -> bytes:
    """What a browser asks before it sends anything else."""
    line = f"Access-Control-Request-Method: {method}\r\n".encode()
    return request(target, origin(text), line, *more, method="OPTIONS")


Asks = Callable[..., Any]


@pytest.fixture
def ask(nursery: trio.Nursery) -> Asks:
    """One request under a policy: the head of the response, and the stage."""

    async def asked(raw: bytes, under: Snapshot | None = None) -> tuple[Head, Stage]:
        stage = Stage(nursery, snapshot=under or policy())
        client = stage.client()
        await client.send(raw)
        head = await client.head()
        await client.close()
        assert not stage.bugs
        return head, stage

    return asked


async def test_a_preflight_is_answered_before_anybody_is_asked_who_he_is(ask: Asks) -> None:
    """204 without a token, with the methods of the path, and the service hears nothing."""
    head, stage = await ask(preflight("/orders/7"))
    assert (head.status, head.all("content-length")) == (204, [])
    assert head.one("access-control-allow-origin") == APP
    assert head.one("access-control-allow-methods") == "GET, HEAD, PUT"
    assert head.one("access-control-allow-headers") == "authorization, content-type"
    assert head.one("access-control-max-age") == "600"
    assert "Origin" in head.one("vary")
    assert (stage.upstream_connections, stage.records[0].status, stage.records[0].reason) == (0, 204, "allowed")


async def test_the_connection_lives_on_after_a_preflight(stage: Stage) -> None:
    """A browser sends the request itself on the same one."""
    stage.gate.use(policy())
    client = stage.client()
    await client.send(preflight("/public/a"))
    assert (await client.head()).status == 204
    await client.send(request("/public/a", origin()))
    head, body = await client.response()
    assert (head.status, head.one("access-control-allow-origin"), body) == (200, APP, b"ok")
    await client.close()


async def test_a_preflight_on_an_unknown_path_is_404(ask: Asks) -> None:
    """There is nothing to allow there; who asks from the right page may read that."""
    head, _ = await ask(preflight("/nowhere"))
    assert (head.status, head.one("access-control-allow-origin")) == (404, APP)
    assert head.all("access-control-allow-methods") == []


async def test_options_without_the_question_is_no_preflight(ask: Asks) -> None:
    """It is a request like any other."""
    assert (await ask(request("/orders/7", origin(), method="OPTIONS")))[0].status == 405
    assert (await ask(request("/public/a", origin(), method="OPTIONS")))[0].status == 200


LOOK_ALIKES = [
    *("null", "https://app.shop.test.evil.test", "https://evil-app.shop.test", "https://xapp.shop.test"),
    *("http://app.shop.test", "https://app.shop.test:443", "https://app.shop.test:8443", "https://APP.shop.test"),
    *("HTTPS://app.shop.test", "https://app.shop.test/", "https://app.shop.test.", "https://app_shop.test", ""),
    *("https://app.shop.test, https://app.shop.test", "https://app.shop.test https://evil.test", "*", "app.shop.test"),
    *("https://user@app.shop.test", "https://app.shop.test#", "https://app.shop.test%00.evil.test", "file://"),
]


@pytest.mark.parametrize("text", LOOK_ALIKES)
async def test_a_look_alike_may_read_nothing(ask: Asks, text: str) -> None:
    """Neither the preflight nor the response names it; the request itself is nobody else's affair."""
    for raw, status in ((preflight("/orders/7", text), 204), (request("/public/a", origin(text)), 200)):
        head, _ = await ask(raw)
        assert head.status == status
        assert [name for name, _ in head.fields if name.startswith("access-control-")] == []
        assert "Origin" in head.one("vary")


WILD = [
    ("https://a.shop.test", True),
    ("https://a.b.shop.test", False),
    ("https://.shop.test", False),
    ("https://shop.test", False),
    ("https://evil.test/.shop.test", False),
    ("https://evil.test#.shop.test", False),
    ("https://a.shop.test.evil.test", False),
    ("http://a.shop.test", False),
    ("https://a@b.shop.test", False),
]


@pytest.mark.parametrize(("text", "allowed"), WILD)
async def test_a_wildcard_is_one_label(ask: Asks, text: str, allowed: bool) -> None:
    """And nothing that could end a host."""
    head, _ = await ask(request("/public/a", origin(text)), policy(origins=("https://*.shop.test",)))
    assert head.all("access-control-allow-origin") == ([text] if allowed else [])


async def test_two_origins_are_nobodys(ask: Asks) -> None:
    """Which of them a reader takes is anybody's guess."""
    head, _ = await ask(request("/public/a", origin(), origin("https://evil.test")))
    assert head.all("access-control-allow-origin") == []


REFUSALS = [
    (request("/orders/7", origin()), 401),
    (request("/orders/7", origin(), bearer()), 403),
    (request("/orders/7", origin(), method="DELETE"), 405),
    (request("/nowhere", origin()), 404),
    (request("/public/%2e%2e%2fx", origin()), 400),
]


@pytest.mark.parametrize(("raw", "status"), REFUSALS)
async def test_a_page_may_read_why_it_was_refused(ask: Asks, raw: bytes, status: int) -> None:
    """Every refusal carries the fields, else a browser tells its page nothing but 'network error'."""
    head, _ = await ask(raw, policy(credentials=True, expose=("x-request-id",)))
    assert (head.status, head.one("access-control-allow-origin")) == (status, APP)
    assert head.one("access-control-allow-credentials") == "true"
    assert head.one("access-control-expose-headers") == "x-request-id"


async def test_trouble_with_the_service_may_be_read_as_well(nursery: trio.Nursery) -> None:
    """502, 413 of a chunked body, and a gate that is shut."""
    stage = Stage(nursery, snapshot=replace(policy(), routes=(Route("/**", access="public", body_bytes=2),)))

    async def nowhere() -> trio.abc.Stream:
        raise OSError

    stage.connect = nowhere
    head, _ = await stage.ask(request("/public/a", origin(), b"Connection: close\r\n"))
    assert (head.status, head.one("access-control-allow-origin")) == (502, APP)
    raw = request("/public/a", origin(), b"Content-Length: 3\r\n", method="POST", body=b"abc")
    head, _ = await stage.ask(raw.replace(b"Host", b"Connection: close\r\nHost"))
    assert (head.status, head.one("access-control-allow-origin")) == (413, APP)


async def test_answers_made_here_carry_the_fields(ask: Asks) -> None:
    """A fixed response and a redirect are responses as well."""
    for path in ("/hello", "/old"):
        head, _ = await ask(request(path, origin()))
        assert head.one("access-control-allow-origin") == APP


async def test_the_policy_speaks_and_the_service_does_not(nursery: trio.Nursery) -> None:
    """A service that allows everybody is overruled; what it says of caching adds up."""
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\n"
    said += b"Access-Control-Allow-Credentials: true\r\nAccess-Control-Expose-Headers: *\r\n\r\nok"

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(said)

    for text, expected in ((APP, [APP]), ("https://evil.test", [])):
        stage = Stage(nursery, snapshot=policy())
        stage.service = service
        head, _ = await stage.ask(request("/public/a", origin(text), b"Connection: close\r\n"))
        assert head.all("access-control-allow-origin") == expected
        assert head.all("access-control-allow-credentials") == []
        assert head.all("vary") == ["Accept", "Origin"]


async def test_without_cors_the_service_speaks_for_itself(nursery: trio.Nursery) -> None:
    """Preflights are its affair as well."""
    said = b"HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\n\r\n"

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(said)

    stage = Stage(nursery, snapshot=snapshot(*ROUTES))
    stage.service = service
    head, _ = await stage.ask(preflight("/public/a", APP, "PUT", b"Connection: close\r\n"))
    assert (head.status, head.one("access-control-allow-origin"), stage.upstream_connections) == (204, "*", 1)


async def test_without_an_origin_a_cache_is_told_that_there_could_be_one(ask: Asks) -> None:
    """Else it would give one page's response to another."""
    head, _ = await ask(request("/public/a"))
    assert (head.one("vary"), head.all("access-control-allow-origin")) == ("Origin", [])


async def test_a_preflights_words_are_not_thrown_back(ask: Asks) -> None:
    """With ``*`` for the headers, what was asked for is allowed, as far as it is names of headers."""
    asked = b'Access-Control-Request-Headers: x-a, x b, "x"\r\n'
    head, _ = await ask(preflight("/public/a", APP, "GE(T", asked), policy(headers=("*",)))
    assert head.one("access-control-allow-headers") == "x-a"
    assert head.all("access-control-allow-methods") == []
