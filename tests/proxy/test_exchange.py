"""One exchange: what passes, what is refused, and what becomes of the connection."""

import contextlib
import json

import pytest
import trio

from sidecar.contract.snapshot import Route
from sidecar.http1.limits import Limits

from .stage import NOW, OK, Head, Peer, Stage, bearer, request, snapshot


async def test_a_public_request_passes(stage: Stage) -> None:
    """The response comes back whole, and the connection carries the next request."""
    client = stage.client()
    for _ in range(3):
        await client.send(request())
        head, body = await client.response()
        assert (head.status, body, head.all("connection")) == (200, b"ok", [])
    assert stage.upstream_connections == 1
    assert [(r.status, r.reason, r.version, r.route) for r in stage.records] == [(200, "allowed", 3, "/public/**")] * 3
    await client.close()


REFUSALS = {
    "no token": (request("/orders/7"), 401, "missing_token", {"www-authenticate": "Bearer"}),
    "bad token": (
        request("/orders/7", b"Authorization: Bearer a.b.c\r\n"),
        401,
        "invalid_token",
        {"www-authenticate": 'Bearer error="invalid_token"'},
    ),
    "expired": (
        request("/orders/7", bearer(exp=NOW - 60)),
        401,
        "token_expired",
        {"www-authenticate": 'Bearer error="invalid_token"'},
    ),
    "scope": (
        request("/admin/x", bearer()),
        403,
        "insufficient_scope",
        {"www-authenticate": 'Bearer error="insufficient_scope", scope="admin"'},
    ),
    "no route": (request("/nowhere", bearer()), 404, "no_route", {}),
    "method": (
        request("/orders/7", bearer(), method="DELETE"),
        405,
        "method_not_allowed",
        {"allow": "GET, HEAD, POST"},
    ),
    "path": (request("/public/%2e%2e%2fadmin"), 400, "bad_path", {}),
    "several": (request("/orders/7", bearer(), bearer()), 400, "several_credentials", {}),
    "bad token on public": (request("/public/a", b"Authorization: Bearer x\r\n"), 401, "invalid_token", {}),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_is_a_problem_and_the_connection_lives_on(stage: Stage, name: str) -> None:
    """Status, word, headers; the service hears nothing; the next request is served."""
    raw, status, reason, headers = REFUSALS[name]
    client = stage.client()
    await client.send(raw)
    head, body = await client.response()
    problem = json.loads(body)
    assert (head.status, problem["reason"], problem["status"]) == (status, reason, status)
    assert (problem["type"], problem["snapshot"]) == ("about:blank", 3)
    assert problem["decision_id"] == stage.records[0].decision_id
    assert {name: head.one(name) for name in headers} == headers
    assert stage.upstream_connections == 0
    await client.send(request())
    assert (await client.response())[1] == b"ok"
    await client.close()


async def test_no_snapshot_is_503(nursery: trio.Nursery) -> None:
    """Without a policy nothing passes, and callers are told to come again."""
    stage = Stage(nursery)
    head, body = await stage.ask(request("/public/a", b"Connection: close\r\n"))
    assert (head.status, head.one("retry-after"), json.loads(body)["reason"]) == (503, "1", "no_snapshot")
    assert json.loads(body)["snapshot"] is None


async def test_a_new_snapshot_rules_the_next_request(stage: Stage) -> None:
    """The swap needs no restart and no new connection."""
    client = stage.client()
    await client.send(request())
    assert (await client.response())[0].status == 200
    stage.gate.use(snapshot(Route("/other")))
    await client.send(request())
    assert (await client.response())[0].status == 404
    await client.close()


async def test_an_exchange_keeps_the_snapshot_that_it_began_with(stage: Stage) -> None:
    """A policy that changes in the middle of an exchange does not disturb it."""
    came, go = trio.Event(), trio.Event()

    async def service(peer: Peer) -> None:
        await peer.head()
        came.set()
        await go.wait()
        await peer.send(OK)

    stage.service = service
    client = stage.client()
    await client.send(request())
    await came.wait()
    stage.gate.use(snapshot(Route("/other")))
    go.set()
    assert (await client.response())[0].status == 200
    await client.close()


async def test_head_gets_headers_without_a_body(stage: Stage) -> None:
    """HEAD: the length is told, nothing follows it, and refusals have no body either."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        await peer.head()
        await peer.send(OK)

    stage.service = service
    client = stage.client()
    await client.send(request(method="HEAD"))
    assert (await client.head()).one("content-length") == "5000"
    await client.send(request("/orders/1", method="HEAD"))
    assert (await client.head()).status == 401
    await client.send(request())
    assert (await client.response())[1] == b"ok"
    assert stage.upstream_connections == 1
    await client.close()


@pytest.mark.parametrize("status", [204, 304])
async def test_bodiless_statuses(stage: Stage, status: int) -> None:
    """204 and 304 end with their heads, whatever a 304 says of a length."""
    length = b"Content-Length: 9\r\n" if status == 304 else b""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, length))
        await peer.head()
        await peer.send(OK)

    stage.service = service
    client = stage.client()
    await client.send(request())
    head = await client.head()
    assert head.status == status
    assert head.all("transfer-encoding") == []
    await client.send(request())
    assert (await client.response())[1] == b"ok"
    await client.close()


async def test_pipelined_requests_are_answered_in_order(stage: Stage) -> None:
    """Three requests in one write, three answers in their order."""

    async def service(peer: Peer) -> None:
        while True:
            target = (await peer.head()).first.split(" ")[1].encode()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))

    stage.service = service
    client = stage.client()
    await client.send(b"".join(request(f"/public/{n}") for n in range(3)))
    assert [(await client.response())[1] for _ in range(3)] == [b"/public/0", b"/public/1", b"/public/2"]
    await client.close()


async def test_an_http_1_0_client_is_served_and_closed(stage: Stage) -> None:
    """A chunked response goes to it without framing, ended by the close; Host is the service's own."""
    heads: list[Head] = []

    async def service(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")

    stage.service = service
    head, body = await stage.ask(b"GET /public/a HTTP/1.0\r\n\r\n")
    assert (head.status, body, head.one("connection")) == (200, b"hello", "close")
    assert head.all("transfer-encoding") == []
    assert heads[0].one("host") == "service:8080"
    assert heads[0].one("via") == "1.0 sidegate"


async def test_absolute_form_is_reduced(stage: Stage) -> None:
    """A URL as the target is served if it names the same host."""
    targets: list[str] = []

    async def service(peer: Peer) -> None:
        while True:
            targets.append((await peer.head()).first)
            await peer.send(OK)

    stage.service = service
    client = stage.client()
    for target in ("http://orders/public/a?b=c", "HTTP://ORDERS/public/./x/../a"):
        await client.send(request(target))
        assert (await client.response())[0].status == 200
    assert targets == ["GET /public/a?b=c HTTP/1.1", "GET /public/a HTTP/1.1"]
    await client.close()


async def test_early_hints_pass_and_continue_does_not(stage: Stage) -> None:
    """103 reaches the client, the service's own 100 stays between it and us."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)

    stage.service = service
    client = stage.client()
    await client.send(request())
    hint = await client.head()
    assert (hint.status, hint.one("link")) == (103, "</a>")
    assert (await client.response())[1] == b"ok"
    await client.close()


async def test_too_much_in_flight_is_503_at_once(nursery: trio.Nursery) -> None:
    """The exchange over the limit is refused without waiting; the one under way ends well."""
    stage = Stage(nursery, limits=Limits(in_flight=1), snapshot=snapshot())
    came, go = trio.Event(), trio.Event()

    async def service(peer: Peer) -> None:
        await peer.head()
        came.set()
        await go.wait()
        await peer.send(OK)

    stage.service = service
    first = stage.client()
    await first.send(request())
    await came.wait()
    assert await stage.problem(request()) == (503, "overloaded")
    go.set()
    assert (await first.response())[1] == b"ok"
    await first.close()


async def test_too_many_connections_is_503(nursery: trio.Nursery, autojump_clock: object) -> None:
    """A connection over the limit is told so and closed."""
    stage = Stage(nursery, limits=Limits(connections=1), snapshot=snapshot())
    first = stage.client()
    await first.send(request())
    await first.response()
    second = stage.client()
    head, body = await second.response()
    assert (head.status, b'"overloaded"' in body) == (503, True)
    assert await second.rest() == b""
    await first.close()


async def test_too_many_upstream_connections_is_503(nursery: trio.Nursery) -> None:
    """The bound on connections to the service holds."""
    stage = Stage(nursery, limits=Limits(upstream_connections=0), snapshot=snapshot())
    assert await stage.problem(request()) == (503, "overloaded")


LARGE = {
    "uri": (request("/public/" + "a" * 9000), 414, "uri_too_long"),
    "endless uri": (b"GET /" + b"a" * 70_000, 414, "uri_too_long"),
    "head": (request("/public/a", b"A: " + b"b" * 70_000 + b"\r\n"), 431, "head_too_large"),
    "endless head": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000, 431, "head_too_large"),
    "many headers": (request("/public/a", *[b"A: b\r\n"] * 120), 431, "head_too_large"),
    "announced body": (request("/public/a", b"Content-Length: 999\r\n", method="POST"), 413, "body_too_large"),
    "chunked body": (
        request("/public/a", b"Transfer-Encoding: chunked\r\n", method="POST", body=b"3e7\r\n" + b"a" * 999),
        413,
        "body_too_large",
    ),
}


@pytest.mark.parametrize("name", LARGE)
async def test_limits_have_their_own_statuses(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """414, 431 and 413, each followed by the end of the connection."""
    raw, status, reason = LARGE[name]

    async def service(peer: Peer) -> None:
        await peer.rest()

    stage = Stage(nursery, limits=Limits(body_bytes=500), snapshot=snapshot())
    stage.service = service
    client = stage.client()
    nursery.start_soon(_send_what_is_taken, client, raw)
    head, body = await client.response()
    assert (head.status, json.loads(body)["reason"], head.one("connection")) == (status, reason, "close")
    assert await client.rest() == b""
    assert not stage.bugs


async def _send_what_is_taken(client: Peer, raw: bytes) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await client.send(raw)


async def test_the_log_has_no_query_and_no_token(stage: Stage) -> None:
    """A record says who asked for what, and holds no secret."""
    client = stage.client()
    token = bearer(client_id="web")
    await client.send(request("/orders/7?api_key=hunter2", token))
    await client.response()
    await client.close()
    (record,) = stage.records
    assert (record.method, record.path, record.status, record.route) == ("GET", "/orders/7", 200, "/orders/{id}")
    assert (record.subject, record.issuer, record.client, record.peer) == ("7", "partner", "web", "10.0.0.9")
    assert record.bytes_in > 0 < record.bytes_out
    text = repr(record)
    assert "hunter2" not in text
    assert token[22:40].decode() not in text
