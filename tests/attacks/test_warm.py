"""An attack that comes after ordinary requests just like it gets the answer that it would have got first: what the
engine remembers of one request is never said of another. Each is sent to a sidecar that remembers and to one that does
not; answers, what the service gets, and the log must be the same.
"""

import contextlib
import dataclasses
import json
import re
from dataclasses import replace

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from sidecar.contract.snapshot import RateLimit, Requirement, Route, Snapshot
from sidecar.http1.express import SWITCH

from ..proxy.stage import OK, Peer, Stage, bearer, express_stage, request, snapshot

pytestmark = pytest.mark.skipif(not SWITCH.open, reason="the lane is shut, and nothing is remembered")
ROUTES = (
    Route("/public/**", access="public"),
    Route("/orders/{id}", methods=("GET", "POST"), require=Requirement(scopes=("orders:read",))),
    Route("/small/**", access="public", body_bytes=5),
    Route("/limited/**", rate_limits=(RateLimit(3, 1000, 3),)),
    Route("/**"),
)
RULES = snapshot(*ROUTES)
HOSTED = snapshot(Route("/public/**", access="public", hosts=("orders",)), *ROUTES[1:])
TOKEN, OTHER = bearer(), bearer(sub="8", scope="x")
WARM = {
    "public": request("/public/a"),
    "token": request("/orders/7", TOKEN),
    "body": request("/small/a", b"Content-Length: 5\r\n", method="POST", body=b"hello"),
    "absolute": request("/public/a").replace(b"GET /", b"GET http://orders/"),
    "other fields": request("/mine", TOKEN, b"Cookie: a=b\r\n", b"X-Request-Id: one\r\n", b"Accept: */*\r\n"),
    "limited": request("/limited/a", TOKEN),
}
LINES = (
    *(b"Host: evil", b"host: orders", b"Content-Length: 0", b"Content-Length: 6", b"Content-Length: +5"),
    *(
        b"Content_Length: 5",
        b"Transfer-Encoding: chunked",
        b"Transfer_Encoding: chunked",
        b"Transfer-Encoding : chunked",
    ),
    *(b"Connection: close", b"Connection: x-mark", b"Connection: authorization", b"Connection: keep-alive, x-a"),
    *(b"Upgrade: h2c", b"Connection: upgrade\r\nUpgrade: echo", b"Expect: 100-continue", b"Expect: x", b"TE: trailers"),
    *(b"X-Auth-Subject: root", b"X_Auth_Subject: root", b"X.Auth.Subject: root", b"X-Forwarded-For: 1.1.1.1"),
    *(b"X_Forwarded_For: 1.1.1.1", b"Forwarded: for=1.1.1.1", b"X-Real-IP: 1.1.1.1", b"X-Original-URL: /admin/a"),
    *(b"X-HTTP-Method-Override: DELETE", b"X_HTTP_Method: DELETE", b"Via: 1.1 sidegate", b"X-Mark: 1", b"Trailer: x"),
    *(b"X-Request-Id: two", b"X-Request-Id: a b", b"X_Request_Id: two", b"traceparent: 00-x", b"tracestate: a=b"),
    *(TOKEN[:-2], OTHER[:-2], b"Authorization: Basic YTpi", b"Authorization: " + TOKEN[22:-2], b"Authorization:"),
    *(
        b" folded",
        b"A : b",
        b"A: b\x00",
        b"A: b\rc",
        b"A: b\nB: c",
        b": b",
        b"no colon",
        b"A\xff: b",
        b"Proxy-Connection: x",
    ),
)


def hostile(warm: bytes) -> list[bytes]:
    """What is nearly ``warm``."""
    head, _, body = warm.partition(b"\r\n\r\n")
    end = b"\r\n\r\n" + body
    nearly = [head + b"\r\n" + line + end for line in LINES]
    nearly += [
        head.replace(b"Host: orders", b"Host: " + host) + end
        for host in (b"evil", b"ORDERS", b"orders:80", b"", b"a b")
    ]
    nearly += [head.replace(b"Host: orders\r\n", b"") + end, head.replace(TOKEN[:-2], OTHER[:-2]) + end]
    nearly += [head.replace(b"HTTP/1.1", version) + end for version in (b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0")]
    nearly += [
        head.replace(head.split(b" ")[0], method, 1) + end for method in (b"HEAD", b"DELETE", b"get", b"TRACE", b"PUT")
    ]
    nearly += [
        warm + b"GET /mine HTTP/1.1\r\nHost: orders\r\n\r\n",
        warm + b"x",
        warm[:-1],
        b"\r\n" + warm,
        b" " + warm,
    ]
    nearly += [head + b"\r\n" + TOKEN + end, head.replace(TOKEN, TOKEN[:-3] + b"AA\r\n") + end]
    return nearly


async def service(peer: Peer) -> None:
    """Reads each request to its end."""
    while True:
        head = await peer.head()
        if head.all("transfer-encoding"):
            await peer.until(b"0\r\n\r\n")
        await peer.exactly(sum(map(int, head.all("content-length"))))
        await peer.send(OK.removesuffix(b"ok") if head.first.startswith("HEAD") else OK)


@dataclasses.dataclass
class Seen:
    """What went by: what each client got, what the service got, what the log says."""

    answers: list[bytes] = dataclasses.field(default_factory=list)
    asked: list[bytes] = dataclasses.field(default_factory=list)
    records: list[tuple[object, ...]] = dataclasses.field(default_factory=list)


class Kept(Peer):
    """Writes down every head."""

    def __init__(self, stream: trio.abc.Stream, heads: list[bytes]) -> None:
        super().__init__(stream)
        self._heads = heads

    async def until(self, mark: bytes) -> bytes:
        self._heads.append(await super().until(mark))
        return self._heads[-1]


async def said(client: Peer, raw: bytes) -> bytes:
    """What comes for ``raw`` within a moment, and whether the connection then closes."""
    with contextlib.suppress(trio.BrokenResourceError):
        await client.send(raw)
    with trio.move_on_after(0.5):
        return await client.rest() + b"closed"
    found, client.buffer = client.buffer, b""
    return found


async def play(stage: Stage, warm: bytes) -> list[Seen]:
    """For each neighbour of ``warm``: it twice, the neighbour on the same connection, it again by somebody else."""
    seen = []
    for last in hostile(warm):
        now, stage.now = Seen(), stage.now + 1
        stage.service = lambda peer, now=now: service(Kept(peer.stream, now.asked))
        client, other = stage.client(), stage.client()
        now.answers = [
            await said(one, raw) for one, raw in ((client, warm), (client, warm), (client, last), (other, warm))
        ]
        for one in (client, other):
            await one.close()
        await stage.proxy.pool.aclose()
        await wait_all_tasks_blocked()
        now.records = [dataclasses.astuple(replace(one, duration_ms=0.0, upstream_ms=None)) for one in stage.records]
        stage.records.clear()
        seen.append(now)
    assert not stage.bugs, stage.bugs
    return seen


def unnumbered(seen: Seen) -> str:
    """Without the numbers of its ids, of which a task takes one for a head that never comes."""
    return re.sub("0{8,}[0-9a-f]{1,24}", "id", json.dumps(dataclasses.asdict(seen), default=repr))


@pytest.mark.parametrize(
    ("name", "rules"),
    [*((name, RULES) for name in WARM), ("public", HOSTED), ("absolute", HOSTED)],
)
async def test_nothing_is_let_through_on_the_word_of_another(
    autojump_clock: object, name: str, rules: Snapshot
) -> None:
    """Every hostile neighbour of a request that was let through twice."""
    warm = WARM[name]
    async with trio.open_nursery() as nursery:
        plain = await play(Stage(nursery, snapshot=rules), warm)
        nursery.cancel_scope.cancel()
    async with express_stage(snapshot=rules) as stage:
        remembered = await play(stage, warm)
        assert stage.proxy.engine.carried > len(plain)
    for last, first, second in zip(hostile(warm), plain, remembered, strict=True):
        assert unnumbered(second) == unnumbered(first), last
    assert sum(b" 200 " in seen.answers[0] for seen in plain) > 5
