"""Hostile upgrades and trailers: nothing counts but the one plain form, and a tunnel changes no byte."""

import itertools

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.http1.fields import plain, tokens
from sidecar.http1.trailers import announced_trailers, passable
from sidecar.http1.upgrade import asked_upgrade, granted_upgrade

from ..proxy.stage import Peer, Stage, request, snapshot

QUICK = settings(max_examples=300, deadline=None)
WORDS = st.sampled_from(
    [b"upgrade", b"Upgrade", b"websocket", b"WebSocket", b"h2c", b"H2C", b"TLS/1.0", b"HTTP/2.0", b"chat/1",
     b"keep-alive", b"te", b"trailers", b"X-Sum", b"x-auth-subject", b"X_Auth_Scope", b"x!auth!y", b"content-length",
     b"If-Match", b"", b" ", b"a b", b'"', b"/"]
)  # fmt: skip
VALUE = st.lists(st.one_of(WORDS, st.binary(max_size=4)), max_size=4).map(b", ".join)
NAME = st.sampled_from([b"connection", b"upgrade", b"trailer", b"te", b"x"])
HEADERS = st.lists(st.tuples(NAME, VALUE), max_size=5)


@QUICK
@given(HEADERS, st.sampled_from([b"GET", b"POST"]), st.sampled_from([b"1.0", b"1.1"]), st.integers(0, 1))
def test_an_upgrade_counts_in_one_form_only(
    headers: list[tuple[bytes, bytes]], method: bytes, version: bytes, length: int
) -> None:
    """GET, 1.1, no body, one protocol that is no HTTP and no TLS, named in Connection."""
    asked = asked_upgrade(method, version, headers, length)
    if not asked:
        return
    assert (method, version, length) == (b"GET", b"1.1", 0)
    assert tokens(headers, b"upgrade") == [asked.lower()]
    assert b"upgrade" in tokens(headers, b"connection")
    assert not asked.lower().startswith((b"h2", b"http", b"tls"))


@QUICK
@given(HEADERS, WORDS)
def test_a_grant_is_for_what_was_asked(headers: list[tuple[bytes, bytes]], asked: bytes) -> None:
    """Never for another protocol, nor for none."""
    granted = granted_upgrade(headers, asked)
    assert not granted or granted.lower() == asked.lower() != b""


@QUICK
@given(HEADERS, st.lists(st.tuples(st.one_of(WORDS, st.binary(max_size=8)), st.binary(max_size=4))))
def test_no_trailer_says_who_or_how_long(
    headers: list[tuple[bytes, bytes]], trailers: list[tuple[bytes, bytes]]
) -> None:
    """In whatever spelling it was announced."""
    passed = passable([(name.lower(), value) for name, value in trailers], announced_trailers(headers))
    for name, _ in passed:
        assert not plain(name).startswith(b"x-auth-")
        assert name not in (b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"te", b"if-match", b"")


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6), st.booleans())
def test_a_tunnel_changes_no_byte(up: bytes, down: bytes, cuts: list[int], early: bool) -> None:
    """However they are cut, before the 101 or after it, and both ends are seen."""
    heard: list[bytes] = []

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: any\r\n\r\n" + (down if early else b""))
        if not early:
            await send(peer, down)
        assert isinstance(peer.stream, trio.abc.HalfCloseableStream)
        await peer.stream.send_eof()
        heard.append(await peer.rest())

    async def send(peer: Peer, data: bytes) -> None:
        edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
        for start, end in itertools.pairwise(edges):
            await peer.send(data[start:end])

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            stage = Stage(nursery, snapshot=snapshot())
            stage.service = service
            client = stage.client()
            ask = request("/public/a", b"Connection: upgrade\r\nUpgrade: any\r\n")
            await client.send(ask + up if early else ask)
            assert (await client.head()).status == 101
            if not early:
                await send(client, up)
            assert isinstance(client.stream, trio.abc.HalfCloseableStream)
            await client.stream.send_eof()
            assert await client.rest() == down
            await trio.testing.wait_all_tasks_blocked()
            assert heard == [up]
            assert [record.complete for record in stage.records] == [True]
            await client.close()
        assert not stage.bugs

    trio.run(main)
