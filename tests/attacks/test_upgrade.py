"""Ways to open a tunnel past the policy, or to hide a request in one: each ends as a plain request or a refusal."""

import pytest
import trio

from sidecar.contract.reasons import Reason

from ..proxy.stage import OK, Head, Peer, Stage, bearer, request, snapshot

H = b"Host: orders\r\n"
HIDDEN = b"GET /admin/secret HTTP/1.1\r\nHost: orders\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


def asking(protocol: bytes = b"websocket", connection: bytes = b"upgrade") -> tuple[bytes, ...]:
    """The fields of an upgrade."""
    return b"Connection: %b\r\n" % connection, b"Upgrade: %b\r\n" % protocol


NOT_OFFERED = {
    "h2c": request("/public/a", *asking(b"h2c", b"Upgrade, HTTP2-Settings"), b"HTTP2-Settings: AAMAAABkAAQAoAAA\r\n"),
    "h2c, settings not named": request("/public/a", *asking(b"h2c"), b"HTTP2-Settings: AAMAAABkAAQAoAAA\r\n"),
    "H2C": request("/public/a", *asking(b"H2C")),
    "h2c of a draft": request("/public/a", *asking(b"h2c-14")),
    "h2": request("/public/a", *asking(b"h2")),
    "HTTP/2.0": request("/public/a", *asking(b"HTTP/2.0")),
    "HTTP/1.1": request("/public/a", *asking(b"HTTP/1.1")),
    "TLS": request("/public/a", *asking(b"TLS/1.2")),
    "tls without a version": request("/public/a", *asking(b"tls")),
    "a list with h2c": request("/public/a", *asking(b"websocket, h2c")),
    "a list": request("/public/a", *asking(b"websocket, chat")),
    "a list of one and nothing": request("/public/a", *asking(b"websocket,")),
    "two fields": request("/public/a", *asking(), b"Upgrade: h2c\r\n"),
    "two equal fields": request("/public/a", *asking(), b"Upgrade: websocket\r\n"),
    "not a token": request("/public/a", *asking(b"web socket")),
    "quoted": request("/public/a", *asking(b'"websocket"')),
    "two slashes": request("/public/a", *asking(b"websocket/1/2")),
    "empty": request("/public/a", *asking(b"")),
    "beyond ASCII": request("/public/a", *asking(b"websocket\xff")),
    "not named in Connection": request("/public/a", b"Upgrade: websocket\r\n"),
    "Connection names something else": request("/public/a", *asking(connection=b"keep-alive")),
    "Connection almost names it": request("/public/a", *asking(connection=b"upgrades, x-upgrade")),
    "Connection but no Upgrade": request("/public/a", b"Connection: upgrade\r\n"),
    "another spelling": request("/public/a", b"Connection: up_grade\r\nUp_grade: websocket\r\n"),
    "POST": request("/public/a", *asking(), method="POST"),
    "OPTIONS": request("/public/a", *asking(), method="OPTIONS"),
    "a method of another case": request("/public/a", *asking(), method="get"),
    "a body with a length": request("/public/a", *asking(), b"Content-Length: 5\r\n", body=b"hello"),
    "a chunked body": request("/public/a", *asking(), b"Transfer-Encoding: chunked\r\n", body=b"0\r\n\r\n"),
    "HTTP/1.0": b"GET /public/a HTTP/1.0\r\n" + H + b"".join(asking()) + b"\r\n",
}


@pytest.mark.parametrize(("answer", "status"), [(OK, 200), (SWITCH, 502)])
@pytest.mark.parametrize("name", NOT_OFFERED)
async def test_an_upgrade_that_does_not_count_is_a_plain_request(
    nursery: trio.Nursery, autojump_clock: object, name: str, answer: bytes, status: int
) -> None:
    """The service sees nothing of it; should it say 101 all the same, that is 502 and no tunnel."""
    heads: list[Head] = []
    heard: list[bytes] = []

    async def service(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(answer)
        heard.append(await peer.rest())

    stage = Stage(nursery, snapshot=snapshot())
    stage.service = service
    client = stage.client()
    await client.send(NOT_OFFERED[name] + HIDDEN)
    assert (await client.head()).status == status
    await client.close()
    await trio.testing.wait_all_tasks_blocked()
    await stage.proxy.pool.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert not {"upgrade", "connection", "http2-settings"} & {field for field, _ in heads[0].fields}
    assert len(heard) == 1
    assert b"secret" not in heard[0]
    assert (stage.proxy.load.tunnels, stage.bugs) == (0, [])


BAD_SWITCHES = {
    "another protocol": b"Connection: upgrade\r\nUpgrade: chat\r\n",
    "h2c": b"Connection: upgrade\r\nUpgrade: h2c\r\n",
    "a list": b"Connection: upgrade\r\nUpgrade: websocket, h2c\r\n",
    "two": b"Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n",
    "none": b"Connection: upgrade\r\n",
    "another version": b"Connection: upgrade\r\nUpgrade: websocket/2\r\n",
    "not in Connection": b"Upgrade: websocket\r\n",
    "a length": b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n",
    "chunked": b"Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n",
    "both": b"Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BAD_SWITCHES)
async def test_a_101_that_is_not_what_was_asked_for(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """502; not a byte that the client sent behind its request reaches the service."""
    heard: list[bytes] = []

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 101 Switching Protocols\r\n" + BAD_SWITCHES[name] + b"\r\nevil")
        heard.append(await peer.rest())

    stage = Stage(nursery, snapshot=snapshot())
    stage.service = service
    client = stage.client()
    await client.send(request("/public/a", *asking(), b"Connection: close\r\n") + HIDDEN)
    head, body = await client.response()
    assert (head.status, b'"upstream_broke"' in body) == (502, True)
    assert await client.rest() == b""
    await client.close()
    await trio.testing.wait_all_tasks_blocked()
    assert heard == [b""]
    assert (stage.proxy.pool.open, stage.proxy.load.tunnels, stage.bugs) == (0, 0, [])


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 400 Bad Request\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_refused_handshake_opens_no_way(nursery: trio.Nursery, answer: bytes) -> None:
    """The known one: a version that the service refuses, and a request for what is not allowed right behind it, from
    a client that hopes for a proxy that tunnels without looking at the answer."""
    heads: list[Head] = []

    async def service(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(answer)
        heads.append(await peer.head())

    stage = Stage(nursery, snapshot=snapshot())
    stage.service = service
    client = stage.client()
    version = b"Sec-WebSocket-Version: 1337\r\n"
    await client.send(request("/public/a", *asking(), version) + HIDDEN)
    head, _ = await client.response()
    assert (head.status, head.all("upgrade")) == (int(answer[9:12]), [])
    head, body = await client.response()
    assert (head.status, b'"missing_token"' in body) == (401, True)
    await client.close()
    assert [head.first for head in heads] == ["GET /public/a HTTP/1.1"]


@pytest.mark.parametrize("target", ["/mine/ws", "/admin/ws", "/public/%2e%2e%2fmine"])
async def test_what_follows_a_refused_upgrade_is_judged(nursery: trio.Nursery, target: str) -> None:
    """A refused upgrade leaves an HTTP connection behind, in which every request is one."""
    stage = Stage(nursery, snapshot=snapshot())
    client = stage.client()
    await client.send(request(target, *asking()) + HIDDEN + request("/admin/x", bearer()))
    statuses = [(await client.response())[0].status for _ in range(3)]
    assert statuses[1:] == [401, 403]
    assert stage.upstream_connections == 0
    await client.close()


async def test_the_service_cannot_switch_by_an_interim(nursery: trio.Nursery, autojump_clock: object) -> None:
    """101 after 103, to a client that asked for nothing."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n" + SWITCH)

    stage = Stage(nursery, snapshot=snapshot())
    stage.service = service
    client = stage.client()
    await client.send(request())
    hint = await client.head()
    assert (hint.status, hint.all("upgrade"), hint.all("connection")) == (103, [], [])
    assert (await client.response())[0].status == 502
    await client.close()


async def test_identity_is_ours_in_an_upgrade_too(nursery: trio.Nursery) -> None:
    """Forged identity is removed, a second Connection field included, and the token does not go on."""
    heads: list[Head] = []

    async def service(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(SWITCH)
        await peer.rest()

    stage = Stage(nursery, snapshot=snapshot())
    stage.service = service
    client = stage.client()
    forged = b"X-Auth-Subject: boss\r\nx_auth_scope: admin\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
    await client.send(request("/mine/ws", *asking(), forged, bearer()))
    assert (await client.head()).status == 101
    sent = heads[0]
    assert (sent.one("x-auth-subject"), sent.one("connection"), sent.one("upgrade")) == ("7", "Upgrade", "websocket")
    assert not {"x_auth_scope", "x-hop", "authorization"} & {field for field, _ in sent.fields}
    await client.close()


async def test_a_token_that_ends_while_the_service_hesitates(nursery: trio.Nursery) -> None:
    """Allowed when asked, no longer when the 101 comes: a refusal, and not a byte is carried."""
    heard: list[bytes] = []
    go = trio.Event()

    async def service(peer: Peer) -> None:
        await peer.head()
        await go.wait()
        await peer.send(SWITCH)
        heard.append(await peer.rest())

    stage = Stage(nursery, snapshot=snapshot())
    stage.service = service
    client = stage.client()
    await client.send(request("/mine/ws", *asking(), bearer()) + HIDDEN)
    await trio.testing.wait_all_tasks_blocked()
    stage.gate.closed_for = Reason.STALE_SNAPSHOT
    go.set()
    for _ in range(2):
        head, body = await client.response()
        assert (head.status, b'"stale_snapshot"' in body) == (503, True)
    await trio.testing.wait_all_tasks_blocked()
    assert heard == [b""]
    assert [record.reason for record in stage.records] == ["stale_snapshot"] * 2
    await client.close()
