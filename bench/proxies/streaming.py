"""The service behind scenarios without an end: ``python -m bench.proxies.streaming``. One thread and a selector.

``/events``  an event stream; every event says when it was sent (``time.monotonic_ns``), and how far apart they are
``/echo``    a WebSocket upgrade, after which every byte comes back as it went
else         200
"""

import base64
import hashlib
import heapq
import re
import selectors
import socket
import time

EVENT_EVERY_S = 0.02
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
UPGRADE = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %b\r\n\r\n"
)
EVENT = b"data: %020d %s\n\n"
PADDING = b"x" * 64
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


class Streaming:
    """Serves until it is killed."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._due = list[tuple[float, int, socket.socket]]()
        self._echoes, self._heads = set[socket.socket](), dict[socket.socket, bytes]()

    def run(self) -> None:
        """For ever."""
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for key, _ in self._selector.select(wait):
                peer = key.fileobj
                assert isinstance(peer, socket.socket)  # noqa: S101  # only sockets are registered
                if peer is self._listener:
                    self._accept()
                else:
                    self._ready(peer)
            while self._due and self._due[0][0] <= time.monotonic():
                at, number, peer = heapq.heappop(self._due)
                if self._send_event(peer):
                    heapq.heappush(self._due, (at + EVENT_EVERY_S, number, peer))

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(peer, selectors.EVENT_READ)
        self._heads[peer] = b""

    def _ready(self, peer: socket.socket) -> None:
        try:
            data = peer.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._drop(peer)
        elif peer in self._echoes:
            peer.sendall(data)
        else:
            self._head(peer, self._heads[peer] + data)

    def _head(self, peer: socket.socket, head: bytes) -> None:
        self._heads[peer] = b"" if head.endswith(b"\r\n\r\n") else head
        if not head.endswith(b"\r\n\r\n"):
            return
        if head.startswith(b"GET /events "):
            peer.sendall(STREAM)
            heapq.heappush(self._due, (time.monotonic() + EVENT_EVERY_S, peer.fileno(), peer))
        elif found := re.search(rb"(?i)\r\nsec-websocket-key: *(\S+)\r\n", head):
            self._echoes.add(peer)
            # RFC 6455 section 4.2.2 asks for SHA-1; nothing depends on its strength
            accept = base64.b64encode(hashlib.sha1(found[1] + GUID, usedforsecurity=False).digest())
            peer.sendall(UPGRADE % accept)
        else:
            peer.sendall(OK)

    def _send_event(self, peer: socket.socket) -> bool:
        event = EVENT % (time.monotonic_ns(), PADDING)
        try:
            peer.sendall(b"%x\r\n%b\r\n" % (len(event), event))
        except OSError:  # closed; a descriptor of -1 included
            return False
        return True

    def _drop(self, peer: socket.socket) -> None:
        self._selector.unregister(peer)
        self._echoes.discard(peer)
        del self._heads[peer]
        peer.close()


if __name__ == "__main__":
    streaming = Streaming()
    print(f"listening on {streaming.port}", flush=True)
    streaming.run()
