"""The service and the slow callers of the soak, each a process of its own. One thread and a selector: it must never be
what is measured.

``/slow`` is answered after 50 ms, ``/large`` with 4 MiB, an upgrade with 101 and an echo, everything else at once.
"""

import heapq
import itertools
import selectors
import socket
import sys
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n" + bytes(4 << 20)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
SLOW_S = 0.05
DRIP_S = 2.0
OPENED_WITHIN_S = 9.0


class Caller:
    """One connection: what came and was not used, what is to go, and how much body is still to come."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer, self.received, self.to_send = peer, bytearray(), bytearray()
        self.tunnel = False


class Service:
    """Answers until it is killed."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._due: list[tuple[float, int, Caller]] = []
        self._order = itertools.count()

    def run(self) -> None:
        """Serve for ever."""
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for key, events in self._selector.select(wait):
                if key.data is None:
                    self._accept()
                else:
                    self._ready(key.data, events)
            while self._due and self._due[0][0] <= time.monotonic():
                self._answer(heapq.heappop(self._due)[2], OK)

    def _accept(self) -> None:
        for _ in range(64):
            try:
                peer, _ = self._listener.accept()
            except BlockingIOError:
                return
            peer.setblocking(False)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(peer, selectors.EVENT_READ, Caller(peer))

    def _ready(self, caller: Caller, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._answer(caller, b"")
            if events & selectors.EVENT_READ:
                data = caller.peer.recv(262144)
                if not data:
                    raise ConnectionResetError
                if caller.tunnel:
                    self._answer(caller, data)
                else:
                    caller.received += data
                    self._requests(caller)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(caller)

    def _requests(self, caller: Caller) -> None:
        while (end := caller.received.find(b"\r\n\r\n")) >= 0:
            head, rest = bytes(caller.received[:end]).lower(), end + 4
            if b"\r\ntransfer-encoding: chunked" in head:
                last = caller.received.find(b"0\r\n\r\n", rest)  # the bodies of the soak hold no zero
                if last < 0:
                    return
                rest = last + 5
            del caller.received[:rest]
            if b"\r\nupgrade:" in head:
                caller.tunnel = True
                self._answer(caller, SWITCHED)
            elif head.split(b" ", 2)[1] == b"/slow":
                heapq.heappush(self._due, (time.monotonic() + SLOW_S, next(self._order), caller))
            else:
                self._answer(caller, LARGE if head.split(b" ", 2)[1] == b"/large" else OK)

    def _answer(self, caller: Caller, data: bytes) -> None:
        caller.to_send += data
        try:
            sent = caller.peer.send(caller.to_send)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(caller)
            return
        del caller.to_send[:sent]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if caller.to_send else 0)
        self._selector.modify(caller.peer, wanted, caller)

    def _drop(self, caller: Caller) -> None:
        if caller.peer.fileno() >= 0:
            self._selector.unregister(caller.peer)
            caller.peer.close()


def drip(address: tuple[str, int], count: int) -> None:
    """``count`` connections that send a head one byte at a time and never end it; a closed one is opened again."""
    peers = []
    for _ in range(count):
        peers.append(begin(address))
        time.sleep(OPENED_WITHIN_S / count)  # so that their time does not run out for all at once
    print("dripping", flush=True)
    while True:
        began = time.monotonic()
        for number, peer in enumerate(peers):
            if not dripped(peer):
                peer.close()
                peers[number] = begin(address)
            if number % 20 == 19:  # spread over the round
                time.sleep(max(0.0, began + DRIP_S * number / count - time.monotonic()))


def begin(address: tuple[str, int]) -> socket.socket:
    """A connection with the beginning of a head."""
    peer = socket.create_connection(address)
    peer.setblocking(False)
    peer.send(b"GET /slow")
    return peer


def dripped(peer: socket.socket) -> bool:
    """One more byte, unless the sidecar has had enough."""
    try:
        peer.send(b"x")
        peer.recv(1)
    except BlockingIOError:  # nothing is said: it still waits
        return True
    except OSError:
        pass
    return False


if __name__ == "__main__":
    if sys.argv[1] == "service":
        service = Service()
        print(f"listening on 127.0.0.1:{service.port}", flush=True)
        service.run()
    else:
        drip((sys.argv[2].rpartition(":")[0], int(sys.argv[2].rpartition(":")[2])), int(sys.argv[3]))
