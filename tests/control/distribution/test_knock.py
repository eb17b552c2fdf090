"""What can be told of a connection without reading from it, on real sockets."""

import socket
from collections.abc import Iterator

import pytest
import trio

from control.distribution.knock import address_of, has_hung_up, has_spoken

Pair = tuple[trio.SocketStream, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A TCP connection: control's end, and a caller's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with theirs, ours:
        yield trio.SocketStream(trio.socket.from_stdlib_socket(ours)), theirs


async def test_a_silent_caller_is_there(pair: Pair) -> None:
    """It has said nothing, and has not gone."""
    ours, theirs = pair
    assert (has_spoken(ours), has_hung_up(ours)) == (False, False)
    assert address_of(ours) == "{}:{}".format(*theirs.getsockname())


async def test_what_was_said_is_not_taken(pair: Pair) -> None:
    """TLS reads it afterwards."""
    ours, theirs = pair
    theirs.sendall(b"hello")
    await trio.lowlevel.wait_readable(ours.socket)
    assert (has_spoken(ours), has_hung_up(ours)) == (True, False)
    assert await ours.receive_some(100) == b"hello"


@pytest.mark.parametrize("farewell", ["end", "reset"])
async def test_who_spoke_and_has_gone_since_is_gone(pair: Pair, farewell: str) -> None:
    """Although what it said can be read still."""
    ours, theirs = pair
    theirs.sendall(b"hello")
    await trio.lowlevel.wait_readable(ours.socket)
    if farewell == "reset":
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    theirs.close()
    with trio.fail_after(30):
        while not has_hung_up(ours):  # the kernel's own time
            await trio.lowlevel.checkpoint()
    assert has_spoken(ours)


async def test_a_unix_socket_is_told_the_same() -> None:
    """A sidecar in the same pod."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        raw = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        assert (has_spoken(raw), has_hung_up(raw), address_of(raw)) == (False, False, "unix")
        theirs.close()
        assert (has_spoken(raw), has_hung_up(raw)) == (True, True)
