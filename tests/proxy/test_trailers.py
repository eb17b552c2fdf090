"""Trailers: those of a response pass to a client that asked, if announced and harmless; a request's never do."""

import pytest

from sidecar.http1.trailers import announced_trailers

from .stage import Head, Peer, Stage, bearer, request

WANTED = b"TE: trailers\r\n"


class Announcing:
    """A service whose chunked responses announce ``names`` and end with ``trailers``."""

    def __init__(self, *names: bytes, trailers: bytes) -> None:
        announced = b"".join(b"Trailer: %b\r\n" % name for name in names)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n%b\r\n" % announced
        self.answer = head + b"2\r\nok\r\n0\r\n" + trailers + b"\r\n"
        self.heads: list[Head] = []

    async def __call__(self, peer: Peer) -> None:
        while True:
            self.heads.append(await peer.head())
            await peer.send(self.answer)


async def test_announced_trailers_reach_a_client_that_wants_them(stage: Stage) -> None:
    """The wish goes on, the announcement comes back, and the connections live on."""
    digest = b"content-digest: sha-256=:abc:\r\nserver-timing: db;dur=53\r\n"
    stage.service = service = Announcing(b"Content-Digest, server-timing", trailers=digest)
    client = stage.client()
    for _ in range(2):
        await client.send(request("/public/a", WANTED))
        head = await client.head()
        assert head.one("trailer") == "content-digest, server-timing"
        assert await client.until(b"0\r\n") == b"2\r\nok\r\n0\r\n"
        assert await client.until(b"\r\n\r\n") == digest + b"\r\n"
    assert [(sent.one("te"), sent.one("connection")) for sent in service.heads] == [("trailers", "TE")] * 2
    assert stage.upstream_connections == 1
    await client.close()


NOT_PASSED = {
    "not asked for": (b"", (b"X-Sum",), b"X-Sum: 1\r\n"),
    "another coding asked for": (b"TE: deflate\r\n", (b"X-Sum",), b"X-Sum: 1\r\n"),
    "not announced": (WANTED, (), b"X-Sum: 1\r\n"),
    "another announced": (WANTED, (b"X-Other",), b"X-Sum: 1\r\n"),
    "identity": (WANTED, (b"X-Auth-Subject, x_auth_scope",), b"X-Auth-Subject: boss\r\nx_auth_scope: admin\r\n"),
    "framing": (WANTED, (b"Content_Length, Transfer_Encoding",), b"Content_Length: 5\r\nTransfer_Encoding: x\r\n"),
    "credentials": (WANTED, (b"Set-Cookie, Authorization",), b"Set-Cookie: a=b\r\nAuthorization: x\r\n"),
    "routing and caching": (WANTED, (b"Host, Location, Cache-Control",), b"Host: a\r\nLocation: b\r\n"),
    "connection": (WANTED, (b"Connection, Upgrade, Trailer",), b"Connection: close\r\nUpgrade: h2c\r\n"),
    "no name at all": (WANTED, (b'"X", X Y, , \xff',), b"X: 1\r\n"),
}


@pytest.mark.parametrize("name", NOT_PASSED)
async def test_what_does_not_pass(stage: Stage, name: str) -> None:
    """The body is whole, and nothing follows its last chunk."""
    wish, names, trailers = NOT_PASSED[name]
    stage.service = Announcing(*names, trailers=trailers)
    head, body = await stage.ask(request("/public/a", wish, b"Connection: close\r\n"))
    assert (head.status, body) == (200, b"2\r\nok\r\n0\r\n\r\n")
    assert [value for value in head.all("trailer") if value != "x-other"] == []


async def test_an_http_1_0_client_gets_none(stage: Stage) -> None:
    """There is no place for them without chunks."""
    stage.service = Announcing(b"X-Sum", trailers=b"X-Sum: 1\r\n")
    _, body = await stage.ask(b"GET /public/a HTTP/1.0\r\nTE: trailers\r\n\r\n")
    assert body == b"ok"


async def test_a_response_with_a_length_announces_none(stage: Stage) -> None:
    """Nor does one without a body."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok")
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n")

    stage.service = service
    client = stage.client()
    await client.send(request("/public/a", WANTED))
    head, body = await client.response()
    assert (body, head.all("trailer")) == (b"ok", [])
    await client.send(request("/public/a", WANTED, method="HEAD"))
    assert (await client.head()).status == 200
    await client.close()


async def test_a_requests_trailers_are_dropped(stage: Stage) -> None:
    """They could carry an identity past the head that was judged."""
    seen: list[bytes] = []

    async def service(peer: Peer) -> None:
        await peer.head()
        seen.append(await peer.until(b"0\r\n\r\n"))
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        seen.append(await peer.rest())

    stage.service = service
    client = stage.client()
    body = b"2\r\nhi\r\n0\r\nX-Auth-Subject: boss\r\nX-Sum: 1\r\n\r\n"
    fields = (bearer(), b"Transfer-Encoding: chunked\r\n", b"Trailer: X-Sum, X-Auth-Subject\r\n")
    await client.send(request("/mine/a", *fields, method="POST", body=body))
    assert (await client.response())[1] == b"ok"
    await client.close()
    await stage.proxy.pool.aclose()
    assert seen[0] == b"2\r\nhi\r\n0\r\n\r\n"


def test_the_announcement_is_read_once() -> None:
    """Several fields, lists, case and repetition."""
    headers = [(b"trailer", b"X-A, x-b"), (b"trailer", b"X-A,TE,If-Match,Sec-Fetch-Site,expires")]
    assert announced_trailers(headers) == (b"x-a", b"x-b")
