"""Connections that last, held by this process: WebSocket frames there and back, and events from where they are sent.

The runner's own Python makes this load. It is slower than a proxy in C++, so what compares is CPU time for a message.
"""

import selectors
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .load import Load, LoadError
from .scenarios import Scenario
from .streaming import EVENT

HEAD = "GET %s HTTP/1.1\r\nHost: orders\r\nAuthorization: Bearer %s\r\n%s\r\n"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
FRAME = b"\x82\xc0" + b"mask" + b"x" * 64
"""Binary, final, masked, of 64 bytes (RFC 6455, section 5.2)."""
DATA = EVENT.partition(b"%")[0]


@contextmanager
def opened(port: int, scenario: Scenario, token: str, more: str, expect: bytes) -> Iterator[list[socket.socket]]:
    """So many connections whose head has been answered as expected."""
    peers = list[socket.socket]()
    try:
        for _ in range(scenario.connections):
            peer = socket.create_connection(("127.0.0.1", port), timeout=10)
            peers.append(peer)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.sendall((HEAD % (scenario.path, token, more)).encode())
            if not (answer := peer.recv(4096)).startswith(expect):
                raise LoadError(f"answered {answer[:200]!r}")
            peer.setblocking(False)
        yield peers
    finally:
        for peer in peers:
            peer.close()


def frames(port: int, scenario: Scenario, token: str, seconds: float) -> Load:
    """Each tunnel sends the next frame when the last has come back."""
    took, sent_at, came = list[float](), dict[socket.socket, float](), dict[socket.socket, int]()
    with opened(port, scenario, token, UPGRADE, b"HTTP/1.1 101") as peers, selectors.DefaultSelector() as selector:
        for peer in peers:
            selector.register(peer, selectors.EVENT_READ)
            sent_at[peer], came[peer] = time.monotonic(), 0
            peer.send(FRAME)
        began = now = time.monotonic()
        while now < began + seconds:
            for key, _ in selector.select(1):
                peer = key.fileobj  # type: ignore[assignment]  # only sockets are registered
                came[peer] += len(peer.recv(65536))
                if came[peer] >= len(FRAME):
                    now = time.monotonic()
                    took.append(now - sent_at[peer])
                    sent_at[peer], came[peer] = now, 0
                    peer.send(FRAME)
            now = time.monotonic()
    return _load(took, now - began)


def events(port: int, scenario: Scenario, token: str, seconds: float) -> Load:
    """Each event says when it was sent; the clock is this machine's."""
    took = list[float]()
    accept = "Accept: text/event-stream\r\n"
    with (
        opened(port, scenario, token, accept, b"HTTP/1.1 200") as peers,
        selectors.DefaultSelector() as selector,
    ):
        for peer in peers:
            selector.register(peer, selectors.EVENT_READ)
        began = now = time.monotonic()
        while now < began + seconds:
            for key, _ in selector.select(1):
                peer = key.fileobj  # type: ignore[assignment]  # only sockets are registered
                said = peer.recv(65536)
                now = time.monotonic()
                took += [now - int(one[:20]) / 1e9 for one in said.split(DATA)[1:]]
            now = time.monotonic()
    return _load(took, now - began)


def _load(took_s: list[float], seconds: float) -> Load:
    if len(took_s) < 2:
        raise LoadError("nothing came")
    cut = statistics.quantiles(took_s, n=100, method="inclusive")
    return Load(len(took_s), seconds, cut[49] * 1e6, cut[98] * 1e6, 0)
