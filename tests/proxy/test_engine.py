"""The express engine beside the tasks: the same bytes both ways, the same records and counts, whatever comes and in
whatever pieces; and nothing that it remembers outlives what it rests on."""

import dataclasses
from dataclasses import replace

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Cors, Forward, HeaderChanges, RateLimit, Requirement, Revocation, Route
from sidecar.http1.express import SWITCH
from sidecar.http1.limits import Limits, Timeouts

from ..authn.minting import NOW
from .stage import LARGE, OK, Peer, Stage, bearer, express_stage, request, snapshot

pytestmark = pytest.mark.skipif(not SWITCH.open, reason="the lane is shut, and with it the engine")

LIMITED = Route("/limited/**", rate_limits=(RateLimit(2, 60_000, 2),))
WHEN = Route("/when/**", require=Requirement(when='principal.subject == "7"'))
ROUTES = (Route("/public/**", access="public"), LIMITED, WHEN, Route("/**"))
REQUESTS = (
    request("/mine/a", bearer()),
    request("/mine/a", bearer()),
    request("/public/a"),
    request(
        "/public/a", b"traceparent: 00-%032x-%016x-01\r\n" % (7, 7), b"tracestate: a=b\r\n", b"X-Request-Id: r1\r\n"
    ),
    request("/public/a", b"tracestate: a=b\r\n"),
    request("/public/a", b"X-Request-Id: b\xc3d\r\n", b"X-Auth-Subject: root\r\n", b"X_Auth_Subject: root\r\n"),
    request("/public/a", b"X-Forwarded-For: 1.2.3.4\r\n", b"Connection: keep-alive\r\n", b"Accept:\r\n"),
    request("/mine/../mine/b?c=d", bearer(sub="8", scope="x y")),
    request("/mine/a", bearer(), method="POST", body=b""),
    request("/mine/a", bearer(), b"Content-Length: 5\r\n", method="PUT", body=b"hello"),
    request("/mine/a", bearer(iss="nobody")),
    request("/mine/a", bearer()[:-6] + b"AAAA\r\n"),
    request("/mine/a", bearer()[:-6] + b"AAAA\r\n"),
    request("/mine/a"),
    request("/mine/a", b"Authorization: Basic YTpi\r\n"),
    request("/public/a", b"Authorization: Basic YTpi\r\n"),
    request("/when/a", bearer()),
    request("/when/a", bearer()),
    request("/when/a", bearer(sub="8")),
    request("/limited/a", bearer()),
    request("/limited/b", bearer()),
    request("/limited/a", bearer()),
    request("/public/a", method="HEAD"),
    request("/public/a", b"Via: 1.1 sidegate\r\n"),
)


async def service(peer: Peer) -> None:
    """Answers in turn with what is plain and what is not."""
    answers = (
        OK,
        b"HTTP/1.1 200 OK\r\nServer: x\r\nConnection: keep-alive\r\nContent-Length: 2\r\nX-B: c\r\n\r\nok",
        b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    )
    while True:
        for answer in answers:
            head = await peer.head()
            await peer.exactly(int((head.all("content-length") or ["0"])[0]))
            await peer.send(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if head.first.startswith("HEAD") else answer)


@dataclasses.dataclass
class Seen:
    """What went by: each connection's bytes from the service's side are its requests."""

    answers: bytes
    asked: list[bytes]
    records: list[tuple[object, ...]]
    metrics: list[str]


async def play(stage: Stage, piece: int, callers: int = 1) -> Seen:
    """Every request, one after the other and in turn on so many connections, in pieces of so many bytes."""
    asked: list[bytes] = []

    async def watched(peer: Peer) -> None:
        kept = _Kept(peer.stream, asked)
        await service(kept)

    stage.service = watched
    clients = [stage.client() for _ in range(callers)]
    answers = b""
    for number, raw in enumerate(REQUESTS):
        client = clients[number % callers]
        for start in range(0, len(raw), piece):
            await client.send(raw[start : start + piece])
            await wait_all_tasks_blocked()
        head = await client.head()
        length = head.all("content-length")
        if raw.startswith(b"HEAD"):
            answers += head.raw
        elif length:
            answers += head.raw + await client.exactly(int(length[0]))
        else:
            answers += head.raw + await client.until(b"0\r\n\r\n")
    for client in clients:
        await client.close()
    await wait_all_tasks_blocked()
    assert (stage.proxy.load.connections, stage.proxy.load.in_flight, stage.bugs) == (0, 0, [])
    untimed = [replace(record, duration_ms=0.0, upstream_ms=record.upstream_ms and 0.0) for record in stage.records]
    lines = stage.metrics.exposition().decode().splitlines()
    counts = [line for line in lines if "duration" not in line and not line.startswith("#")]
    return Seen(answers, asked, [dataclasses.astuple(record) for record in untimed], counts)


class _Kept(Peer):
    def __init__(self, stream: trio.abc.Stream, asked: list[bytes]) -> None:
        super().__init__(stream)
        self._asked = asked

    async def until(self, mark: bytes) -> bytes:
        """As ever, and kept."""
        self._asked.append(await super().until(mark))
        return self._asked[-1]


@pytest.mark.parametrize("callers", [1, 3])
@pytest.mark.parametrize("piece", [1 << 20, 100, 7])
@pytest.mark.parametrize(
    "forward",
    [
        Forward(),
        Forward(token="keep"),
        Forward(claims=(("x-tenant", ("sub",)),), response_headers=HeaderChanges(remove=("server",))),
    ],
)
async def test_both_ways_are_one(nursery: trio.Nursery, piece: int, callers: int, forward: Forward) -> None:
    """What clients and the service get, what is logged and what is counted do not tell the engine from the tasks."""
    rules = snapshot(*ROUTES, forward=forward)
    plain = await play(Stage(nursery, snapshot=rules), piece, callers)
    async with express_stage(snapshot=rules) as stage:
        assert await play(stage, piece, callers) == plain
        assert stage.proxy.engine.carried >= 8


async def test_cors_is_the_same(nursery: trio.Nursery) -> None:
    """A policy under which no decision is made for more than one request."""
    rules = replace(snapshot(*ROUTES), cors=Cors(("https://a.test",)))
    plain = await play(Stage(nursery, snapshot=rules), 1 << 20)
    async with express_stage(snapshot=rules) as stage:
        assert await play(stage, 1 << 20) == plain


async def ask(client: Peer, *lines: bytes, target: str = "/mine/a") -> int:
    """The status of an answer with a length."""
    await client.send(request(target, *lines))
    return (await client.response())[0].status


async def test_pipelined_requests_are_answered_in_order() -> None:
    """All at once, and so that one is there when the other has just been answered."""
    async with express_stage(snapshot=snapshot()) as stage:
        client = stage.client()
        await client.send(request("/public/a") * 3 + request("/public/b", method="HEAD"))
        for _ in range(3):
            assert (await client.response())[1] == b"ok"
        assert (await client.head()).status == 200
        assert stage.upstream_connections == 1


@pytest.mark.parametrize("by", ["policy", "revocation", "time", "gate"])
async def test_what_was_said_is_not_said_again(by: str) -> None:
    """When the policy changes, the token is revoked or expires, or nothing may pass any more: from the next request."""
    async with express_stage(snapshot=snapshot()) as stage:
        client, token = stage.client(), bearer(exp=NOW + 60)
        for _ in range(3):
            assert await ask(client, token) == 200
        before = stage.snapshot
        assert before is not None
        if by == "policy":
            stage.gate.use(snapshot(Route("/other")))
        elif by == "revocation":
            stage.gate.use(replace(before, version=4, revocations=(Revocation("partner", "subject", "7", NOW),)))
        elif by == "time":
            stage.now = NOW + 66
        else:
            stage.gate.closed_for = Reason.STALE_SNAPSHOT
        status = {"policy": 404, "gate": 503}.get(by, 401)
        assert await ask(client, token) == status
        assert stage.records[-1].status == status
        assert stage.proxy.engine.carried == 3


async def test_a_token_opens_no_route_but_its_own() -> None:
    """What one route lets through says nothing of another, nor of another caller on the same."""
    async with express_stage(snapshot=snapshot()) as stage:
        client = stage.client()
        for _ in range(2):
            assert await ask(client, bearer(scope="orders:read"), target="/orders/1") == 200
            assert await ask(client, bearer(scope="orders:read"), target="/admin/1") == 403
            assert await ask(client, bearer(scope="x"), target="/orders/1") == 403
            assert await ask(client, target="/orders/1") == 401


@pytest.mark.parametrize("what", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"", b"x"])
async def test_what_an_idle_connection_says_answers_nobody(what: bytes) -> None:
    """It is closed, and the next request goes over another."""
    first = True

    async def early(peer: Peer) -> None:
        nonlocal first
        if not first:
            await peer.head()
            await peer.send(OK)
            await peer.rest()
            return
        first = False
        await peer.head()
        await peer.send(OK)
        await wait_all_tasks_blocked()
        await peer.send(what)

    async with express_stage(snapshot=snapshot()) as stage:
        stage.service = early
        client = stage.client()
        assert await ask(client, target="/public/a") == 200
        await wait_all_tasks_blocked(0.01)
        assert stage.proxy.pool.open == 0
        await client.send(request("/public/b"))
        assert (await client.response())[1] == b"ok"
        assert stage.upstream_connections == 2


@pytest.mark.parametrize("method,status", [("GET", 200), ("POST", 502)])
async def test_a_kept_connection_that_closes_as_it_is_used(method: str, status: int) -> None:
    """Only what does no harm twice is asked twice."""
    kept = 0

    async def once(peer: Peer) -> None:
        nonlocal kept
        kept += 1
        for _ in range(kept):
            await peer.head()
            await peer.send(OK)
        await peer.head()

    async with express_stage(snapshot=snapshot()) as stage:
        stage.service = once
        client = stage.client()
        assert await ask(client, target="/public/a") == 200
        await client.send(request("/public/b", method=method))
        assert (await client.response())[0].status == status


async def test_a_service_that_is_slow_is_waited_for_by_a_task(autojump_clock: object) -> None:
    """Its answer comes all the same, and when it does not, 504 after the time that there is."""

    async def slow(peer: Peer) -> None:
        await peer.head()
        await trio.sleep(5)
        await peer.send(OK)
        await peer.head()
        await peer.rest()

    async with express_stage(snapshot=snapshot(), timeouts=Timeouts(response_head_s=20)) as stage:
        stage.service = slow
        client = stage.client()
        assert await ask(client, target="/public/a") == 200
        began = trio.current_time()
        assert await ask(client, target="/public/a") == 504
        assert trio.current_time() - began == pytest.approx(20, abs=0.3)
        assert [record.status for record in stage.records] == [200, 504]


@pytest.mark.parametrize("state", ["waiting", "passing"])
async def test_a_client_that_goes_away(state: str, autojump_clock: object) -> None:
    """Its exchange ends, and so does the connection that cannot be used again."""
    came = trio.Event()

    async def half(peer: Peer) -> None:
        await peer.head()
        if state == "passing":
            await peer.send(LARGE[:1000])
        came.set()
        await peer.rest()

    async with express_stage(snapshot=snapshot()) as stage:
        stage.service = half
        client = stage.client()
        await client.send(request("/public/a"))
        await came.wait()
        await client.close()
        await trio.sleep(200)
        load = stage.proxy.load
        assert (load.connections, load.in_flight, stage.proxy.pool.open) == (0, 0, 0)
        (record,) = stage.records
        assert (record.status, record.complete) == (499 if state == "waiting" else 200, False)


async def test_a_drain_ends_what_the_engine_holds(autojump_clock: object) -> None:
    """What is idle closes after a moment, what is under way is told that it is the last, and ends."""
    go = trio.Event()

    async def waits(peer: Peer) -> None:
        await peer.head()
        await go.wait()
        await peer.send(OK)

    async with express_stage(snapshot=snapshot()) as stage:
        stage.service = waits
        idle, busy = stage.client(), stage.client()
        await wait_all_tasks_blocked()
        await busy.send(request("/public/a"))
        await wait_all_tasks_blocked()
        stage.proxy.drain()
        assert await idle.rest() == b""
        go.set()
        head, body = await busy.response()
        assert (head.one("connection"), body) == ("close", b"ok")
        assert await busy.rest() == b""
        assert await stage.proxy.drained()


async def test_an_idle_connection_is_closed_in_silence(autojump_clock: object) -> None:
    """After the wait that has a name, within a tick."""
    async with express_stage(snapshot=snapshot(), timeouts=Timeouts(keep_alive_idle_s=8)) as stage:
        client = stage.client()
        assert await ask(client, target="/public/a") == 200
        began = trio.current_time()
        assert await client.rest() == b""
        assert trio.current_time() - began == pytest.approx(8, abs=0.3)


async def test_nothing_stays_of_connections_that_end() -> None:
    """In whatever way they do."""
    async with express_stage(snapshot=snapshot(), limits=Limits(idle_upstream=2)) as stage:
        for number in range(60):
            client = stage.client()
            if number % 3:
                assert await ask(client, bearer()) == 200
            if number % 2:
                await client.send(b"GET /public/a HT")
            await client.close()
            await wait_all_tasks_blocked()
        engine = stage.proxy.engine
        assert (len(engine.idle), len(engine.begun), len(engine.slow), stage.proxy.load.connections) == (0, 0, 0, 0)
        assert len(engine.watched) == stage.proxy.pool.open == stage.proxy.pool.idle


async def test_a_bug_in_a_handover_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a connection to the service nor a place among those in flight."""

    async def chunks(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await peer.rest()

    def broken(*_whatever: object) -> None:
        raise ZeroDivisionError

    async with express_stage(snapshot=snapshot()) as stage:
        stage.service = chunks
        client = stage.client()
        monkeypatch.setattr("sidecar.proxy.express.handover.Exchange", broken)
        await client.send(request("/public/a"))
        assert await client.rest() == b""
        assert [type(bug) for bug in stage.bugs] == [ZeroDivisionError]
        load = stage.proxy.load
        assert (load.connections, load.in_flight, stage.proxy.pool.open) == (0, 0, 0)


async def test_a_bug_ends_its_own_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on."""
    async with express_stage(snapshot=snapshot()) as stage:
        other, client = stage.client(), stage.client()
        assert await ask(other, target="/public/a") == 200

        def broken(_data: bytes) -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(stage.proxy.engine.answered, "read", broken)
            await client.send(request("/public/a"))
            assert await client.rest() == b""
        assert [type(bug) for bug in stage.bugs] == [ZeroDivisionError]
        assert await ask(other, target="/public/a") == 200
        assert (stage.proxy.load.connections, stage.proxy.load.in_flight) == (1, 0)
