"""What flows while it is made: events, long polls, answers before the end of a question, and several questions."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from sidecar.contract.snapshot import Revocation
from sidecar.http1.limits import Timeouts
from sidecar.proxy.proxy import Proxy
from sidecar.proxy.upstream import upstream

from ..authn.minting import NOW
from .stage import OK, Head, Peer, Stage, bearer, request, snapshot

T = Timeouts()
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(number: int) -> bytes:
    """One event in one chunk."""
    text = b"data: %d\n\n" % number
    return b"%x\r\n%b\r\n" % (len(text), text)


class Talking:
    """A service that sends an event each time that the test says so."""

    def __init__(self) -> None:
        self.say, self.said = trio.open_memory_channel[int](0)
        self.ended = trio.Event()

    async def __call__(self, peer: Peer) -> None:
        await peer.head()
        await peer.send(EVENTS)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._notice, peer, nursery.cancel_scope)
                async for number in self.said:
                    await peer.send(event(number))
        finally:
            self.ended.set()

    async def _notice(self, peer: Peer, scope: trio.CancelScope) -> None:
        await peer.rest()
        scope.cancel()


@pytest.fixture
def talking(stage: Stage) -> Talking:
    """The stage's service for these tests."""
    stage.service = service = Talking()
    return service


async def listening(stage: Stage, *lines: bytes, target: str = "/public/a") -> Peer:
    """A client of an event stream that has begun."""
    client = stage.client()
    await client.send(request(target, *lines))
    head = await client.head()
    assert (head.status, head.one("transfer-encoding")) == (200, "chunked")
    return client


async def recorded(stage: Stage) -> list[tuple[int, str, bool]]:
    """What was logged when everything has come to rest: status, reason, was it whole."""
    await trio.testing.wait_all_tasks_blocked()
    return [(record.status, record.reason, record.complete) for record in stage.records]


async def test_each_event_is_seen_before_the_next_is_sent(stage: Stage, talking: Talking) -> None:
    """The head too: nothing waits for more."""
    client = await listening(stage)
    for number in range(5):
        await talking.say.send(number)
        assert await client.exactly(len(event(number))) == event(number)
    await client.close()
    await talking.ended.wait()


async def test_a_silent_event_stream_lasts_as_long_as_a_tunnel(
    stage: Stage, talking: Talking, autojump_clock: object
) -> None:
    """response_idle_s is for other responses."""
    client = await listening(stage)
    await trio.sleep(T.tunnel_idle_s - 1)
    await talking.say.send(1)
    await client.until(b"data: 1")
    began = trio.current_time()
    assert not (await client.rest()).endswith(b"0\r\n\r\n")
    assert trio.current_time() - began == pytest.approx(T.tunnel_idle_s)
    assert await recorded(stage) == [(200, "upstream_timeout", False)]


async def test_a_listener_that_leaves_is_noticed_at_once(
    stage: Stage, talking: Talking, autojump_clock: object
) -> None:
    """Although nothing is being sent to it."""
    client = await listening(stage)
    await trio.sleep(100)
    await client.close()
    began = trio.current_time()
    await talking.ended.wait()
    assert trio.current_time() == began
    assert await recorded(stage) == [(200, "allowed", False)]


async def test_an_event_stream_ends_with_its_token(stage: Stage, talking: Talking, autojump_clock: object) -> None:
    """At exp and leeway, without a last chunk."""
    client = await listening(stage, bearer(exp=NOW + 30), target="/mine/events")
    await trio.sleep(34)
    stage.now = NOW + 35
    assert await client.rest() == b""
    assert trio.current_time() == pytest.approx(35)
    await talking.ended.wait()
    assert await recorded(stage) == [(200, "token_expired", False)]


async def test_an_event_stream_ends_with_a_revocation(stage: Stage, talking: Talking) -> None:
    """As soon as the snapshot that has it is in force."""
    client = await listening(stage, bearer(), target="/mine/events")
    stage.gate.use(snapshot())
    await talking.say.send(1)
    await client.until(b"data: 1\n\n\r\n")
    revoked = Revocation(issuer="partner", by="jti", value="t1", before=2**53 - 1)
    stage.gate.use(replace(snapshot(), revocations=(revoked,)))
    assert await client.rest() == b""
    await talking.ended.wait()
    assert await recorded(stage) == [(200, "token_revoked", False)]


async def test_another_response_is_left_alone(stage: Stage, autojump_clock: object) -> None:
    """A download that began with a good token ends well, whatever comes into force meanwhile."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await trio.sleep(30)
        await peer.send(b"k")

    stage.service = service
    client = stage.client()
    await client.send(request("/mine/x", bearer(exp=NOW + 10)))
    await client.head()
    stage.gate.use(replace(snapshot(), issuers=()))
    stage.now = NOW + 100
    assert await client.exactly(2) == b"ok"
    assert await recorded(stage) == [(200, "allowed", True)]
    await client.close()


async def test_a_long_poll_is_answered_when_there_is_something(stage: Stage, autojump_clock: object) -> None:
    """Just under response_head_s, with the connection good for the next one."""

    async def service(peer: Peer) -> None:
        while True:
            await peer.head()
            await trio.sleep(T.response_head_s - 1)
            await peer.send(OK)

    stage.service = service
    client = stage.client()
    for _ in range(2):
        await client.send(request())
        assert (await client.response())[1] == b"ok"
    assert trio.current_time() == pytest.approx(2 * (T.response_head_s - 1))
    assert stage.upstream_connections == 1
    await client.close()


# 100-continue (RFC 9110 section 10.1.1)

EXPECTING = (b"Expect: 100-continue\r\n", b"Content-Length: 5\r\n")


def posting(*lines: bytes, target: str = "/public/a") -> bytes:
    """A request that holds its body of five bytes back."""
    return request(target, *EXPECTING, *lines, method="POST")


async def test_the_services_100_is_what_the_client_gets(stage: Stage, autojump_clock: object) -> None:
    """The expectation goes on, and the body is asked for by who will read it, when it wants it."""
    heads: list[Head] = []

    async def service(peer: Peer) -> None:
        heads.append(await peer.head())
        await trio.sleep(T.continue_s / 2)
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await peer.exactly(5) == b"hello"
        await peer.send(OK)
        await peer.rest()

    stage.service = service
    client = stage.client()
    await client.send(posting())
    assert (await client.head()).status == 100
    assert trio.current_time() == pytest.approx(T.continue_s / 2)
    await client.send(b"hello")
    assert (await client.response())[1] == b"ok"
    assert heads[0].one("expect") == "100-continue"
    await trio.testing.wait_all_tasks_blocked()
    assert stage.proxy.pool.idle == 1
    await client.close()


async def test_a_service_that_knows_no_100_is_stood_in_for(stage: Stage, autojump_clock: object) -> None:
    """After continue_s the body is asked for; a 100 that comes later is not passed on as a second one."""

    async def service(peer: Peer) -> None:
        await peer.head()
        assert await peer.exactly(5) == b"hello"
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
        await peer.rest()

    stage.service = service
    client = stage.client()
    await client.send(posting())
    assert (await client.head()).status == 100
    assert trio.current_time() == pytest.approx(T.continue_s)
    await client.send(b"hello")
    assert (await client.response())[0].status == 200
    await client.close()


@pytest.mark.parametrize("status", [200, 401, 413, 417])
async def test_a_final_answer_instead_of_a_100(stage: Stage, status: int, autojump_clock: object) -> None:
    """The client sends no body: it was never asked to. Both connections end, since the request never will."""
    heard: list[bytes] = []

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 %d Now\r\nContent-Length: 2\r\n\r\nno" % status)
        heard.append(await peer.rest())

    stage.service = service
    client = stage.client()
    await client.send(posting())
    head, body = await client.response()
    assert (head.status, head.one("connection"), body) == (status, "close", b"no")
    assert await client.rest() == b""
    await trio.testing.wait_all_tasks_blocked()
    assert (heard, stage.proxy.pool.open) == ([b""], 0)


async def test_a_hint_may_come_before_the_100(stage: Stage, autojump_clock: object) -> None:
    """Each 1xx in its order."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        assert await peer.exactly(5) == b"hello"
        await peer.send(b"HTTP/1.1 102 Processing\r\n\r\n" + OK)

    stage.service = service
    client = stage.client()
    await client.send(posting())
    assert [(await client.head()).status for _ in range(2)] == [103, 100]
    await client.send(b"hello")
    assert (await client.head()).status == 102
    assert (await client.response())[0].status == 200
    await client.close()


async def test_a_client_that_does_not_wait_is_not_asked(stage: Stage) -> None:
    """Its body is on its way already; the next request on the connection is served."""

    async def service(peer: Peer) -> None:
        for _ in range(2):
            await peer.head()
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert await peer.exactly(5) == b"hello"
            await peer.send(OK)

    stage.service = service
    client = stage.client()
    for _ in range(2):
        await client.send(posting() + b"hello")
        assert (await client.response())[0].status == 200
    await client.close()


async def test_a_client_that_was_asked_and_sends_nothing(stage: Stage, autojump_clock: object) -> None:
    """408 after body_idle_s."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await peer.rest()

    stage.service = service
    client = stage.client()
    await client.send(posting())
    assert (await client.head()).status == 100
    head, body = await client.response()
    assert (head.status, json.loads(body)["reason"]) == (408, "request_timeout")
    assert trio.current_time() == pytest.approx(T.body_idle_s)
    await client.rest()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /public/a HTTP/1.1\r\nHost: orders\r\nExpect: 100-continue\r\n\r\n", 200),
        (b"POST /public/a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", 200),
        (b"GET /mine/a HTTP/1.1\r\nHost: orders\r\nExpect: 100-Continue\r\n\r\n", 401),
    ],
)
async def test_an_expectation_that_means_nothing(stage: Stage, raw: bytes, status: int) -> None:
    """Without a body, or in HTTP/1.0, it is not passed on, and no 100 comes."""
    heads: list[Head] = []

    async def service(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(OK)
        await peer.rest()

    stage.service = service
    client = stage.client()
    await client.send(raw)
    assert (await client.head()).status == status
    assert [head.all("expect") for head in heads] == ([[]] if status == 200 else [])
    await client.close()


async def test_a_refused_expectation_says_nothing_to_the_service(stage: Stage, autojump_clock: object) -> None:
    """No 100, no connection; and what the client then sends all the same is no request."""
    client = stage.client()
    await client.send(posting(target="/mine/x"))
    head, _ = await client.response()
    assert (head.status, head.one("connection")) == (401, "close")
    await client.send(b"GET /public/a HTTP/1.1\r\nHost: orders\r\n\r\n")
    assert await client.rest() == b""
    assert stage.upstream_connections == 0


# pipelining, old clients, early answers


async def test_a_refusal_in_the_middle_of_a_pipeline(stage: Stage) -> None:
    """Each request is judged by itself and answered in its turn; a small body is passed over."""
    raw = (
        request("/public/1")
        + request("/mine/2", b"Content-Length: 3\r\n", method="POST", body=b"abc")
        + request("/admin/3", bearer())
        + request("/nowhere")
        + request("/mine/4", bearer())
        + request("/public/5")
        + request("/public/%2e%2e%2f6")
        + request("/public/7")
    )
    client = stage.client()
    await client.send(raw)
    statuses = []
    for _ in range(8):
        head, _body = await client.response()
        statuses.append(head.status)
    assert statuses == [200, 401, 403, 404, 200, 200, 400, 200]
    assert stage.upstream_connections == 1
    await client.close()


async def test_a_malformed_request_ends_a_pipeline(stage: Stage, autojump_clock: object) -> None:
    """What was asked before it is answered; what stands behind it is never looked at."""
    client = stage.client()
    await client.send(request("/public/1") + b"GET /public/2\r\n\r\n" + request("/public/3"))
    assert (await client.response())[0].status == 200
    head, _ = await client.response()
    assert (head.status, head.one("connection")) == (400, "close")
    assert await client.rest() == b""
    await client.close()
    assert await recorded(stage) == [(200, "allowed", True), (400, "malformed_request", True)]


OLD = {
    "a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "until close": (b"HTTP/1.0 200 OK\r\n\r\nok", b"ok"),
    "an interim response first": (b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, b"ok"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", b""),
}


@pytest.mark.parametrize("name", OLD)
async def test_what_an_http_1_0_client_gets(stage: Stage, name: str) -> None:
    """No chunks, no 1xx, and a connection that closes though it asked to keep it."""
    answer, expected = OLD[name]

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer)

    stage.service = service
    head, body = await stage.ask(b"GET /public/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (head.status // 100 in (2, 3), head.one("connection"), body) == (True, "close", expected)
    assert head.all("transfer-encoding") == []


async def test_a_service_of_http_1_0_is_answered_for_in_chunks(stage: Stage) -> None:
    """Its end is the end of its connection; the client's connection lives on."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nok")

    stage.service = service
    client = stage.client()
    for _ in range(2):
        await client.send(request())
        assert (await client.head()).one("transfer-encoding") == "chunked"
        assert await client.until(b"0\r\n\r\n") == b"2\r\nok\r\n0\r\n\r\n"
    assert stage.upstream_connections == 2
    await client.close()


async def test_an_early_answer_stops_a_chunked_upload(stage: Stage, autojump_clock: object) -> None:
    """The whole answer comes through although the upload goes on, and then both connections end."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            await trio.sleep(1)
            await peer.send(b"2\r\nno\r\n")
        await peer.send(b"0\r\n\r\n")
        await peer.rest()

    stage.service = service
    client = stage.client()
    await client.send(request("/public/a", b"Transfer-Encoding: chunked\r\n", method="POST"))
    for _ in range(10):
        await client.send(b"10000\r\n" + bytes(65536) + b"\r\n")
    assert (await client.head()).one("connection") == "close"
    assert await client.rest() == b"2\r\nno\r\n" * 3 + b"0\r\n\r\n"
    await client.close()
    assert await recorded(stage) == [(403, "allowed", True)]
    assert stage.proxy.pool.open == 0


async def test_a_tunnel_and_events_over_real_sockets(stage: Stage, nursery: trio.Nursery, tmp_path: Path) -> None:
    """TCP in front, a unix socket behind: bytes both ways, half a close, and events as they come."""

    async def service(stream: trio.SocketStream) -> None:
        peer = Peer(stream)
        head = await peer.head()
        if head.all("upgrade"):
            await peer.send(b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
            await peer.send((await peer.rest()).upper())
        else:
            await peer.send(EVENTS)
            for number in range(3):
                await peer.send(event(number))
                await told.receive()
            await peer.send(b"0\r\n\r\n")
        await stream.aclose()

    tell, told = trio.open_memory_channel[None](0)
    unix = trio.socket.socket(trio.socket.AF_UNIX)
    await unix.bind(str(tmp_path / "s"))
    unix.listen()
    nursery.start_soon(trio.serve_listeners, service, [trio.SocketListener(unix)])
    proxy = Proxy(stage.gate, upstream(f"unix:{tmp_path}/s"), clock=lambda: stage.now)
    front = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    nursery.start_soon(proxy.serve, [front])
    port = front.socket.getsockname()[1]
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    client = Peer(stream)
    await client.send(request("/public/a", b"Connection: upgrade\r\nUpgrade: echo\r\n"))
    assert (await client.head()).status == 101
    await client.send(b"hello" * 100_000)
    await stream.send_eof()
    assert await client.rest() == b"HELLO" * 100_000
    await client.close()
    client = Peer(await trio.open_tcp_stream("127.0.0.1", port))
    await client.send(request())
    await client.head()
    for number in range(3):
        assert await client.exactly(len(event(number))) == event(number)
        await tell.send(None)
    assert await client.until(b"0\r\n\r\n") == b"0\r\n\r\n"
    await client.close()
    await proxy.pool.aclose()
    nursery.cancel_scope.cancel()
