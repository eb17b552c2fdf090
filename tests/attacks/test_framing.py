"""Known ways to make two servers see two requests where there is one: each is refused, and nothing is forwarded."""

import pytest
import trio

from ..proxy.stage import OK, Peer, Stage, snapshot

M, A = (400, "malformed_request"), (400, "ambiguous_framing")
H = b"Host: orders\r\n"

ATTACKS = {
    # request line
    "no version (HTTP/0.9)": (b"GET /public/a\r\n\r\n", M),
    "leading space": (b" GET /public/a HTTP/1.1\r\n" + H + b"\r\n", M),
    "two spaces": (b"GET  /public/a HTTP/1.1\r\n" + H + b"\r\n", M),
    "trailing space": (b"GET /public/a HTTP/1.1 \r\n" + H + b"\r\n", M),
    "tab": (b"GET\t/public/a HTTP/1.1\r\n" + H + b"\r\n", M),
    "space in target": (b"GET /public/a b HTTP/1.1\r\n" + H + b"\r\n", M),
    "raw beyond ASCII": (b"GET /public/\xc3\xa9 HTTP/1.1\r\n" + H + b"\r\n", M),
    "lower-case version": (b"GET /public/a http/1.1\r\n" + H + b"\r\n", M),
    "method with a slash": (b"GE/T /public/a HTTP/1.1\r\n" + H + b"\r\n", M),
    "CONNECT": (b"CONNECT orders:80 HTTP/1.1\r\n" + H + b"\r\n", M),
    "TRACE": (b"TRACE /public/a HTTP/1.1\r\n" + H + b"\r\n", M),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505, "unsupported_version")),
    "HTTP/1.2": (b"GET /public/a HTTP/1.2\r\n" + H + b"\r\n", (505, "unsupported_version")),
    "TLS hello": (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(40), M),
    # targets
    "another host": (b"GET http://evil/public/a HTTP/1.1\r\n" + H + b"\r\n", M),
    "user information": (b"GET http://u@orders/public/a HTTP/1.1\r\n" + H + b"\r\n", M),
    "authority-form": (b"GET orders:80 HTTP/1.1\r\n" + H + b"\r\n", M),
    "another scheme": (b"GET ftp://orders/public/a HTTP/1.1\r\n" + H + b"\r\n", M),
    "fragment": (b"GET /public/a#b HTTP/1.1\r\n" + H + b"\r\n", M),
    "star": (b"GET * HTTP/1.1\r\n" + H + b"\r\n", M),
    # lines
    "bare LF": (b"GET /public/a HTTP/1.1\n" + H + b"\r\n", M),
    "all bare LF": (b"GET /public/a HTTP/1.1\nHost: orders\n\n", M),
    "bare CR": (b"GET /public/a HTTP/1.1\r\n" + H + b"A: b\rC: d\r\n\r\n", M),
    "CR CR LF": (b"GET /public/a HTTP/1.1\r\n" + H + b"A: b\r\r\n\r\n", M),
    "NUL": (b"GET /public/a HTTP/1.1\r\n" + H + b"A: b\0\r\n\r\n", M),
    "fold": (b"GET /public/a HTTP/1.1\r\n" + H + b"A: b\r\n c\r\n\r\n", M),
    "fold at once": (b"GET /public/a HTTP/1.1\r\n " + H + b"\r\n", M),
    "space before colon": (b"POST /public/a HTTP/1.1\r\n" + H + b"Content-Length : 5\r\n\r\nhello", M),
    "no colon": (b"GET /public/a HTTP/1.1\r\n" + H + b"Transfer-Encoding chunked\r\n\r\n", M),
    "empty name": (b"GET /public/a HTTP/1.1\r\n" + H + b": b\r\n\r\n", M),
    "control character in name": (b"GET /public/a HTTP/1.1\r\n" + H + b"A\x0bB: b\r\n\r\n", M),
    "control character in value": (b"GET /public/a HTTP/1.1\r\n" + H + b"A: b\x0bc\r\n\r\n", M),
    "name beyond ASCII": (b"GET /public/a HTTP/1.1\r\n" + H + b"A\xff: b\r\n\r\n", M),
    # Host
    "no Host": (b"GET /public/a HTTP/1.1\r\n\r\n", M),
    "two Hosts": (b"GET /public/a HTTP/1.1\r\n" + H + H + b"\r\n", M),
    "empty Host": (b"GET /public/a HTTP/1.1\r\nHost:\r\n\r\n", M),
    "Host with a path": (b"GET /public/a HTTP/1.1\r\nHost: orders/x\r\n\r\n", M),
    "Host list": (b"GET /public/a HTTP/1.1\r\nHost: orders, evil\r\n\r\n", M),
    "Host with user information": (b"GET /public/a HTTP/1.1\r\nHost: u@orders\r\n\r\n", M),
    # framing
    "CL.TE": (
        b"POST /public/a HTTP/1.1\r\n" + H + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        A,
    ),
    "TE.CL": (
        b"POST /public/a HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        A,
    ),
    "TE.TE": (b"POST /public/a HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n", A),
    "TE list": (b"POST /public/a HTTP/1.1\r\n" + H + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", A),
    "TE chunked twice": (
        b"POST /public/a HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        A,
    ),
    "TE identity": (b"POST /public/a HTTP/1.1\r\n" + H + b"Transfer-Encoding: identity\r\n\r\n", A),
    "TE xchunked": (b"POST /public/a HTTP/1.1\r\n" + H + b"Transfer-Encoding: xchunked\r\n\r\n", A),
    "TE empty": (b"POST /public/a HTTP/1.1\r\n" + H + b"Transfer-Encoding:\r\n\r\n", A),
    "TE quoted": (b"POST /public/a HTTP/1.1\r\n" + H + b'Transfer-Encoding: "chunked"\r\n\r\n', A),
    "TE with vertical tab": (b"POST /public/a HTTP/1.1\r\n" + H + b"Transfer-Encoding: \x0bchunked\r\n\r\n", M),
    "TE in HTTP/1.0": (b"POST /public/a HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", A),
    "two CLs": (b"POST /public/a HTTP/1.1\r\n" + H + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", A),
    "two equal CLs": (b"POST /public/a HTTP/1.1\r\n" + H + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", A),
    "CL list": (b"POST /public/a HTTP/1.1\r\n" + H + b"Content-Length: 5, 5\r\n\r\nhello", A),
    "CL with a sign": (b"POST /public/a HTTP/1.1\r\n" + H + b"Content-Length: +5\r\n\r\nhello", A),
    "CL negative": (b"POST /public/a HTTP/1.1\r\n" + H + b"Content-Length: -5\r\n\r\nhello", A),
    "CL hexadecimal": (b"POST /public/a HTTP/1.1\r\n" + H + b"Content-Length: 0x5\r\n\r\nhello", A),
    "CL underscored": (b"POST /public/a HTTP/1.1\r\n" + H + b"Content-Length: 1_0\r\n\r\nhello", A),
    "CL empty": (b"POST /public/a HTTP/1.1\r\n" + H + b"Content-Length:\r\n\r\n", A),
    "CL endless": (b"POST /public/a HTTP/1.1\r\n" + H + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", A),
    # what Connection may not take away
    "Connection: host": (b"GET /public/a HTTP/1.1\r\n" + H + b"Connection: host\r\n\r\n", M),
    "Connection: authorization": (b"GET /public/a HTTP/1.1\r\n" + H + b"Connection: close, Authorization\r\n\r\n", M),
    "Connection: x-auth-subject": (b"GET /public/a HTTP/1.1\r\n" + H + b"Connection: X-Auth-Subject\r\n\r\n", M),
    "Connection: x_auth_subject": (b"GET /public/a HTTP/1.1\r\n" + H + b"Connection: X_Auth_Subject\r\n\r\n", M),
    "Connection: content-length": (
        b"POST /public/a HTTP/1.1\r\n" + H + b"Connection: Content-Length\r\nContent-Length: 2\r\n\r\nhi",
        M,
    ),
    "unknown expectation": (b"POST /public/a HTTP/1.1\r\n" + H + b"Expect: 200-ok\r\nContent-Length: 2\r\n\r\nhi", M),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_request_with_two_readings_is_refused(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """Status and word are right, the connection closes, and the service never hears of it."""
    raw, expected = ATTACKS[name]
    stage = Stage(nursery, snapshot=snapshot())
    client = stage.client()
    await client.send(raw)
    head, body = await client.response()
    assert (head.status, f'"{expected[1]}"' in body.decode()) == (expected[0], True), (head.first, body)
    assert head.one("connection") == "close"
    assert await client.rest() == b""
    assert stage.upstream_connections == 0
    assert not stage.bugs


CHUNKED = b"POST /public/a HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n"
BAD_BODIES = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "junk": b"xyz\r\nhello\r\n0\r\n\r\n",
    "sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "leading space": b" 5\r\nhello\r\n0\r\n\r\n",
    "trailing space": b"5 \r\nhello\r\n0\r\n\r\n",
    "overflow": b"f" * 17 + b"\r\nhello",
    "bare LF after size": b"5\nhello\r\n0\r\n\r\n",
    "bare CR in extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "bare LF in extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "endless extension": b"5;" + b"a" * 5000,
    "more data than size": b"5\r\nhello!!\r\n0\r\n\r\n",
    "bare LF after data": b"5\r\nhello\n0\r\n\r\n",
    "bare LF after last": b"5\r\nhello\r\n0\n\n",
    "bare LF ends trailers": b"5\r\nhello\r\n0\r\nA: b\n\nGET /admin HTTP/1.1\r\n\r\n",
    "bad trailer": b"5\r\nhello\r\n0\r\nA b\r\n\r\n",
    "endless trailers": b"5\r\nhello\r\n0\r\n" + b"A: b\r\n" * 4000,
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_bad_chunked_body_never_ends_well(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """The service never sees the end of it, the client is told 400 and nothing after it is read as a request."""
    seen: list[bytes] = []

    async def service(peer: Peer) -> None:
        seen.append(await peer.rest())

    stage = Stage(nursery, snapshot=snapshot())
    stage.service = service
    client = stage.client()
    await client.send(CHUNKED + BAD_BODIES[name])
    head, body = await client.response()
    assert (head.status, b'"malformed_request"' in body) == (400, True)
    assert await client.rest() == b""
    await trio.testing.wait_all_tasks_blocked()
    assert len(seen) == 1
    assert not seen[0].endswith(b"0\r\n\r\n")
    assert not stage.bugs


BAD_RESPONSES = {
    "no status line": b"hello\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok\r\n\r\n",
    "bare CR": b"HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c\r\nContent-Length: 2\r\n\r\nok",
    "fold": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
    "space before colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "CL and TE": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two CLs": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "TE gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    "TE in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "204 with a body": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    "status 99": b"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "interim without end": b"HTTP/1.1 102 Processing\r\n\r\n" * 50,
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"Content-Length: 2\r\n\r\nok",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
    "head cut short": b"HTTP/1.1 200 OK\r\nContent-Le",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BAD_RESPONSES)
async def test_a_bad_response_is_502(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """A service that answers badly is answered for, and its connection is not used again."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(BAD_RESPONSES[name])

    stage = Stage(nursery, snapshot=snapshot())
    stage.service = service
    client = stage.client()
    await client.send(b"GET /public/a HTTP/1.1\r\n" + H + b"\r\n")
    head = await client.head()
    while head.status == 102:
        head = await client.head()
    assert head.status == 502
    assert b'"upstream_broke"' in await client.exactly(int(head.one("content-length")))
    assert (stage.proxy.pool.idle, stage.proxy.pool.open) == (0, 0)
    assert not stage.bugs
    await client.close()


async def test_a_response_beyond_its_length_is_no_next_response(nursery: trio.Nursery) -> None:
    """What a service sends after its response is not taken for the answer to another caller's request."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    stage = Stage(nursery, snapshot=snapshot())
    stage.service = service
    client = stage.client()
    for _ in range(2):
        await client.send(b"GET /public/a HTTP/1.1\r\n" + H + b"\r\n")
        head, body = await client.response()
        assert (head.status, body) == (200, b"ok")
    assert stage.upstream_connections == 2
    await client.close()
