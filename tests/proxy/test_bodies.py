"""Bodies: streamed in both directions, never held, never completed when they were not."""

import pytest
import trio

from sidecar.http1.limits import Limits, Timeouts

from .stage import Peer, Stage, bearer, request, snapshot

CHUNKED = b"Transfer-Encoding: chunked\r\n"


def post(*lines: bytes, body: bytes = b"") -> bytes:
    """A POST to a public path."""
    return request("/public/a", *lines, method="POST", body=body)


async def upload_service(peer: Peer) -> None:
    """Reads a body of either framing and answers with it."""
    while True:
        head = await peer.head()
        if head.all("transfer-encoding"):
            body = b""
            while (size := int((await peer.until(b"\r\n")).strip(), 16)) > 0:
                body += await peer.exactly(size)
                await peer.exactly(2)
            await peer.exactly(2)
        else:
            body = await peer.exactly(int(head.one("content-length")))
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def test_uploads_of_both_framings(stage: Stage) -> None:
    """What was sent is what arrives; chunk extensions and trailers are dropped; connections live on."""
    stage.service = upload_service
    client = stage.client()
    await client.send(post(b"Content-Length: 5\r\n", body=b"hello"))
    assert (await client.response())[1] == b"hello"
    await client.send(post(CHUNKED, body=b"5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: x\r\n\r\n"))
    assert (await client.response())[1] == b"hello world"
    await client.send(post(b"Content-Length: 0\r\n"))
    assert (await client.response())[1] == b""
    assert stage.upstream_connections == 1
    await client.close()


async def test_an_upload_has_backpressure(nursery: trio.Nursery) -> None:
    """A service that reads nothing stops its client: what is held in between is a few pieces, not the body."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await trio.sleep_forever()

    stage = Stage(nursery, snapshot=snapshot(), pair=trio.testing.lockstep_stream_pair)
    stage.service = service
    client = stage.client()
    taken = 0

    async def send() -> None:
        nonlocal taken
        await client.send(post(b"Content-Length: 100000000\r\n"))
        while True:
            await client.send(bytes(65536))
            taken += 65536

    nursery.start_soon(send)
    await trio.testing.wait_all_tasks_blocked()
    assert taken <= 3 * 65536
    nursery.cancel_scope.cancel()


async def test_a_download_has_backpressure(nursery: trio.Nursery) -> None:
    """A client that reads nothing stops the service."""
    taken = 0

    async def service(peer: Peer) -> None:
        nonlocal taken
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            await peer.send(bytes(65536))
            taken += 65536

    stage = Stage(nursery, snapshot=snapshot(), pair=trio.testing.lockstep_stream_pair)
    stage.service = service
    client = stage.client()
    await client.send(request())
    await client.head()
    await trio.testing.wait_all_tasks_blocked()
    assert taken <= 3 * 65536
    nursery.cancel_scope.cancel()


async def test_continue_is_said_when_the_body_is_wanted(stage: Stage, autojump_clock: object) -> None:
    """An allowed request is asked for its body, though the service says nothing of it."""
    stage.service = upload_service
    client = stage.client()
    await client.send(post(b"Expect: 100-continue\r\n", b"Content-Length: 5\r\n"))
    assert (await client.head()).status == 100
    await client.send(b"hello")
    assert (await client.response())[1] == b"hello"
    await client.close()


async def test_continue_is_never_said_to_the_refused(stage: Stage, autojump_clock: object) -> None:
    """A refused request gets its refusal first and alone, and the connection closes."""
    client = stage.client()
    await client.send(request("/orders/7", b"Expect: 100-continue\r\n", b"Content-Length: 5\r\n", method="POST"))
    head, _ = await client.response()
    assert (head.status, head.one("connection")) == (401, "close")
    assert await client.rest() == b""


async def test_a_small_refused_body_is_discarded(stage: Stage) -> None:
    """The connection goes on after it."""
    client = stage.client()
    await client.send(request("/orders/7", b"Content-Length: 5\r\n", method="POST", body=b"hello"))
    assert (await client.response())[0].status == 401
    await client.send(request("/orders/7", CHUNKED, method="POST", body=b"5\r\nhello\r\n0\r\n\r\n"))
    assert (await client.response())[0].status == 401
    await client.send(request())
    assert (await client.response())[1] == b"ok"
    await client.close()


async def test_a_large_refused_body_closes(stage: Stage, autojump_clock: object) -> None:
    """Nobody reads a gigabyte only to throw it away."""
    client = stage.client()
    await client.send(request("/orders/7", b"Content-Length: 1000000000\r\n", method="POST", body=bytes(1000)))
    head, _ = await client.response()
    assert (head.status, head.one("connection")) == (401, "close")
    assert await client.rest() == b""


async def test_an_early_answer_to_a_large_upload(stage: Stage, autojump_clock: object) -> None:
    """A service that has heard enough is passed on; then both connections close."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.exactly(1000)
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await peer.rest()

    stage.service = service
    client = stage.client()
    await client.send(post(b"Content-Length: 100000000\r\n", body=bytes(200_000)))
    head, body = await client.response()
    assert (head.status, body, head.one("connection")) == (413, b"big", "close")
    assert await client.rest() == b""
    assert (stage.proxy.pool.open, stage.proxy.pool.idle) == (0, 0)


async def test_both_directions_at_once(stage: Stage) -> None:
    """A service may answer while it is still being sent to, piece by piece."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            await peer.until(b"\r\n")
            await peer.send(b"1\r\n%b\r\n" % (await peer.exactly(1)))
            await peer.exactly(2)
        await peer.until(b"0\r\n\r\n")
        await peer.send(b"0\r\n\r\n")

    stage.service = service
    client = stage.client()
    await client.send(post(CHUNKED))
    head = await client.head()
    assert head.one("transfer-encoding") == "chunked"
    for letter in (b"a", b"b", b"c"):
        await client.send(b"1\r\n" + letter + b"\r\n")
        assert await client.exactly(6) == b"1\r\n" + letter + b"\r\n"
    await client.send(b"0\r\n\r\n")
    assert await client.exactly(5) == b"0\r\n\r\n"
    await client.close()


async def test_a_close_delimited_response_is_framed_anew(stage: Stage) -> None:
    """Chunked for HTTP/1.1, so that the client's connection lives on."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await peer.close()

    stage.service = service
    client = stage.client()
    for _ in range(2):
        await client.send(request())
        assert (await client.head()).one("transfer-encoding") == "chunked"
        assert await client.until(b"0\r\n\r\n") == b"5\r\nhello\r\n0\r\n\r\n"
    await client.close()


CUT = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n9\r\nwor",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n|xyz\r\n",
}


@pytest.mark.parametrize("name", CUT)
async def test_a_truncated_response_is_never_whole(stage: Stage, name: str) -> None:
    """The client sees the cut: no last chunk, fewer bytes than promised; the log says so."""

    async def service(peer: Peer) -> None:
        await peer.head()
        for part in CUT[name].split(b"|"):
            await peer.send(part)
            await trio.testing.wait_all_tasks_blocked()
        await peer.close()

    stage.service = service
    client = stage.client()
    await client.send(request())
    head = await client.head()
    rest = await client.rest()
    assert head.status == 200
    assert b"hello" in rest
    assert not rest.endswith(b"0\r\n\r\n")
    assert len(rest) < 10 or head.all("transfer-encoding")
    await trio.testing.wait_all_tasks_blocked()
    (record,) = stage.records
    assert (record.status, record.reason, record.complete) == (200, "upstream_broke", False)


async def test_a_client_that_leaves_ends_the_upstream(stage: Stage) -> None:
    """In the middle of its upload, and the service's connection closes at once."""
    ended = trio.Event()

    async def service(peer: Peer) -> None:
        await peer.rest()
        ended.set()

    stage.service = service
    client = stage.client()
    await client.send(post(b"Content-Length: 100\r\n", body=b"hello"))
    await trio.testing.wait_all_tasks_blocked()
    await client.close()
    await ended.wait()
    await trio.testing.wait_all_tasks_blocked()
    (record,) = stage.records
    assert (record.status, record.reason) == (499, "client_gone")


async def test_a_client_that_leaves_while_it_waits(stage: Stage, autojump_clock: object) -> None:
    """A service that is slow is let go when nobody waits for it any more."""
    ended = trio.Event()

    async def service(peer: Peer) -> None:
        await peer.rest()
        ended.set()

    stage.service = service
    client = stage.client()
    await client.send(request())
    await trio.sleep(5)
    await client.close()
    began = trio.current_time()
    await ended.wait()
    assert trio.current_time() == began


async def test_a_chunked_upload_goes_on_in_chunks(stage: Stage) -> None:
    """With a token, through a route that needs one."""
    stage.service = upload_service
    client = stage.client()
    await client.send(request("/orders/7", bearer(), CHUNKED, method="POST", body=b"a\r\n0123456789\r\n0\r\n\r\n"))
    assert (await client.response())[1] == b"0123456789"
    await client.close()


async def test_a_body_that_is_cut_by_its_limit_reaches_no_service_whole(
    nursery: trio.Nursery, autojump_clock: object
) -> None:
    """An upload over the limit ends the upstream connection without a last chunk."""
    seen: list[bytes] = []

    async def service(peer: Peer) -> None:
        seen.append(await peer.rest())

    stage = Stage(nursery, Timeouts(), Limits(body_bytes=100), snapshot())
    stage.service = service
    status = await stage.problem(
        post(CHUNKED, body=b"50\r\n" + bytes(80) + b"\r\n50\r\n" + bytes(80) + b"\r\n0\r\n\r\n")
    )
    assert status == (413, "body_too_large")
    assert not seen or not seen[0].endswith(b"0\r\n\r\n")
