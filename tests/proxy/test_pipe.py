"""What goes through the engine's pipe arrives whole and in order, or comes back, and never meets anybody else's."""

import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from select import select

import pytest

from sidecar.proxy.express.pipe import PIPE_BYTES, Pipe

BODY = bytes(range(256)) * 4096
Ends = tuple[socket.socket, socket.socket]


def connected() -> Iterator[Ends]:
    """The writing and the reading end of a TCP connection; neither waits."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        writer = socket.create_connection(listener.getsockname())
        reader, _ = listener.accept()
    with writer, reader:
        writer.setblocking(False)
        reader.setblocking(False)
        yield writer, reader


source = pytest.fixture(connected, name="source")
target = pytest.fixture(connected, name="target")
other = pytest.fixture(connected, name="other")


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe."""
    with closing(Pipe()) as pipe:
        yield pipe


def move(pipe: Pipe, source: Ends, target: Ends, count: int = PIPE_BYTES) -> tuple[int, bytes]:
    """What the pipe does once there is something to be moved."""
    select([source[1]], (), ())
    moved = pipe.move(source[1].fileno(), target[0].fileno(), count)
    assert moved is not None
    return moved


def read(end: socket.socket, size: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < size:
        select([end], (), ())
        data += end.recv(size - len(data))
    return data


def through(pipe: Pipe, source: Ends, target: Ends, data: bytes) -> bytes:
    """What arrives of ``data``, of which what comes back is written by hand."""
    arrived, sent = b"", 0
    while sent < len(data):
        sent += source[0].send(data[sent : sent + 50_000])
        while len(arrived) < sent:
            taken, rest = move(pipe, source, target)
            target[0].sendall(rest)
            arrived += read(target[1], taken)
    return arrived


def test_everything_arrives_in_order(pipe: Pipe, source: Ends, target: Ends) -> None:
    """A mebibyte of it."""
    assert through(pipe, source, target, BODY) == BODY


def test_no_bytes_and_no_more_bytes_are_told_apart(pipe: Pipe, source: Ends, target: Ends) -> None:
    """None yet, the end, and a connection that was reset."""
    assert pipe.move(source[1].fileno(), target[0].fileno(), 10) is None
    source[0].shutdown(socket.SHUT_WR)
    assert move(pipe, source, target) == (0, b"")
    target[1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    target[1].close()
    assert move(pipe, target[::-1], source[::-1]) == (0, b"")


def test_no_more_is_taken_than_is_asked_for(pipe: Pipe, source: Ends, target: Ends) -> None:
    """What follows a body is the next request."""
    source[0].send(b"bodyGET / HTTP/1.1")
    assert move(pipe, source, target, 4) == (4, b"")
    assert (read(target[1], 4), read(source[1], 14)) == (b"body", b"GET / HTTP/1.1")


def test_what_is_not_taken_comes_back(pipe: Pipe, source: Ends, target: Ends, other: Ends) -> None:
    """A target that reads nothing gets what it has room for; the rest is told, to the byte, and nobody else gets it."""
    target[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    target[1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    taken, back = 0, b""
    while not back:
        source[0].send(BODY[taken : taken + 10_000])
        count, back = move(pipe, source, target, 10_000)
        taken += count
        read(source[1], 10_000 - count)
    source[0].send(b"another's")
    assert move(pipe, source, other) == (9, b"")
    assert read(other[1], 9) == b"another's"
    assert read(target[1], taken - len(back)) + back == BODY[:taken]


@pytest.mark.parametrize("how", ["it shut its side", "it is closed"])
def test_a_target_that_is_gone_takes_nothing(pipe: Pipe, source: Ends, target: Ends, how: str) -> None:
    """All of it comes back, and whoever writes it will hear why."""
    source[0].send(b"body")
    select([source[1]], (), ())
    target[0].shutdown(socket.SHUT_WR)
    gone = -1 if how == "it is closed" else target[0].fileno()
    assert pipe.move(source[1].fileno(), gone, 100) == (4, b"body")


def test_where_there_is_no_such_way_bytes_are_read(pipe: Pipe, source: Ends, target: Ends, tmp_path: Path) -> None:
    """The system refuses to splice into a file that is appended to: all of it comes back, now and from then on."""
    source[0].send(b"abcdef")
    select([source[1]], (), ())
    with (tmp_path / "file").open("ab") as refuses:
        assert pipe.move(source[1].fileno(), refuses.fileno(), 3) == (3, b"abc")
    assert move(pipe, source, target) == (3, b"def")
    assert through(pipe, source, target, BODY) == BODY


@pytest.mark.parametrize(
    ("event", "nth"), [("c_call", 1), ("c_return", 1), ("c_call", 2), ("c_call", 3), ("c_return", 2)]
)
def test_nobody_gets_what_a_bug_left_in_it(pipe: Pipe, source: Ends, target: Ends, event: str, nth: int) -> None:
    """A call that ends halfway, before it takes, gives or reads or thereafter, may leave bytes of one exchange, which
    are thrown away before the next, although there is no descriptor left."""
    calls = count(1)

    def end(_frame: object, happened: str, what: object) -> None:
        if happened == event and what in (os.splice, os.read) and next(calls) == nth:
            raise ZeroDivisionError

    source[0].send(b"secret")
    select([source[1]], (), ())
    limits = getrlimit(RLIMIT_NOFILE)
    with pytest.raises(ZeroDivisionError):
        sys.setprofile(end)
        try:
            pipe.move(source[1].fileno(), -1, 100)
        finally:
            sys.setprofile(None)
    with suppress(BlockingIOError):
        source[1].recv(100)  # if it was not taken
    source[0].send(b"mine")
    setrlimit(RLIMIT_NOFILE, (0, limits[1]))
    try:
        assert pipe.move(source[1].fileno(), target[0].fileno(), 100) == (4, b"")
    finally:
        setrlimit(RLIMIT_NOFILE, limits)
    assert read(target[1], 4) == b"mine"


def test_it_leaves_no_descriptor_behind() -> None:
    """Both ends close."""
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    with closing(Pipe()):
        assert len(list(descriptors.iterdir())) == before + 2
    assert len(list(descriptors.iterdir())) == before
