"""Connections in memory, as a network makes them: bytes arrive in order and late, or not at all.

Between two places a direction may be *held*: what is sent waits, like TCP's retransmissions, and comes when it is let
go, so that a hello may arrive when its sender is long somewhere else. A connection may be *reset*, which both ends
notice, or *lost*, which neither does: its bytes go nowhere, and only silence tells.
"""

from collections import deque
from collections.abc import Callable
from random import Random

import trio

from sidecar.link.dial import CONNECT_TIMEOUT_S

from .trace import Trace

ROOM = 64 * 1024
"""Bytes under way in one direction before the sender waits."""


class Half:
    """One direction of a connection."""

    def __init__(self, network: "Network", source: str, target: str) -> None:
        self._network, self.way = network, (source, target)
        self._queue: deque[tuple[float, bytes]] = deque()
        self._size, self._last = 0, 0.0
        self.ended = self.reset = self.lost = False
        self.changed = trio.Event()

    def wake(self) -> None:
        """Something is otherwise now."""
        self.changed.set()
        self.changed = trio.Event()

    @property
    def takes(self) -> bool:
        """Need a sender not wait? Where nobody is any more it is told so; but what is lost tells nothing."""
        return self._size < ROOM or self.reset or (self.ended and not self.lost)

    def put(self, data: bytes) -> None:
        """On its way."""
        if self.reset or (self.ended and not self.lost):
            raise trio.BrokenResourceError("nobody is there")
        self._last = max(self._last, trio.current_time() + self._network.latency(self.way))
        self._queue.append((self._last, data))
        self._size += len(data)
        self.wake()

    async def take(self) -> bytes:
        """The next bytes, b"" at the end."""
        while True:
            if self.reset:
                raise trio.BrokenResourceError("reset")
            wait_s = None if self.lost or self.way in self._network.held else self._due_in_s()
            if wait_s is not None and wait_s <= 0:
                await trio.lowlevel.checkpoint()
                if not self._queue:
                    return b""
                _, data = self._queue.popleft()
                self._size -= len(data)
                self.wake()
                return data
            with trio.move_on_after(float("inf") if wait_s is None else wait_s):
                await self.changed.wait()

    def _due_in_s(self) -> float | None:
        if self._queue:
            return self._queue[0][0] - trio.current_time()
        return 0.0 if self.ended else None


class End(trio.abc.Stream):
    """One end of a connection; has what the push server's TLS has."""

    def __init__(self, incoming: Half, outgoing: Half) -> None:
        self.incoming, self._outgoing = incoming, outgoing
        self._unread, self._unsent = b"", b""
        self._closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Waits while there is no room."""
        while not self._outgoing.takes:
            await self._outgoing.changed.wait()
        await trio.lowlevel.checkpoint()
        self._put(bytes(data))

    def send_nowait(self, data: bytes) -> bool:
        """All of it, or ``flush`` has to."""
        assert not self._unsent
        try:
            if self._outgoing.takes:
                self._put(data)
                return True
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # flush will say so
        self._unsent = data
        return False

    async def flush(self) -> None:
        """What ``send_nowait`` left."""
        data, self._unsent = self._unsent, b""
        if data:
            await self.send_all(data)

    def _put(self, data: bytes) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        self._outgoing.put(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Not used here."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has arrived, in pieces as they please the reader."""
        if self._closed:
            raise trio.ClosedResourceError
        data = self._unread or await self.incoming.take()
        self._unread = data[max_bytes:] if max_bytes else b""
        return data[:max_bytes] if max_bytes else data

    async def aclose(self) -> None:
        """An end that the other side hears of, after all that was sent."""
        self._closed = True
        self._outgoing.ended = True
        self._outgoing.wake()
        self.incoming.ended = True
        self.incoming.wake()
        await trio.lowlevel.checkpoint()

    def break_(self, *, quietly: bool) -> None:
        """Reset the connection; if ``quietly`` nobody hears of it."""
        for half in (self.incoming, self._outgoing):
            if quietly:
                half.lost = True
            else:
                half.reset = True
            half.wake()


class Network:
    """Who can reach whom. ``listening`` maps an address to what takes (end, caller, client certificate)."""

    def __init__(self, rng: Random, trace: Trace) -> None:
        self._rng, self._trace = rng, trace
        self.listening: dict[str, Callable[[End, str, bytes | None], None]] = {}
        self.held: set[tuple[str, str]] = set()
        self.slow: dict[tuple[str, str], float] = {}
        self.vanished: set[str] = set()
        self._open: list[tuple[str, str, End]] = []
        self._healed = trio.Event()

    def latency(self, way: tuple[str, str]) -> float:
        """Drawn anew for each piece."""
        return self._rng.uniform(0.0002, 0.01) + self._rng.uniform(0, self.slow.get(way, 0.0))

    async def dial(self, caller: str, address: str, presented: bytes | None) -> End:
        """Connect, as ``sidecar.link.dial`` does, TLS included."""
        with trio.fail_after(CONNECT_TIMEOUT_S):
            await trio.sleep(self.latency((caller, address)))
            while address in self.vanished or {(caller, address), (address, caller)} & self.held:
                await self._healed.wait()
            accept = self.listening.get(address)
        if accept is None:
            raise OSError("connection refused")
        there, back = Half(self, caller, address), Half(self, address, caller)
        ours, theirs = End(back, there), End(there, back)
        self._open = [one for one in self._open if not one[2].incoming.reset and not one[2].incoming.ended]
        self._open.append((caller, address, ours))
        self._trace.tell(caller, "dialled", address)
        accept(theirs, caller, presented)
        return ours

    def hold(self, *ways: tuple[str, str]) -> None:
        """Nothing arrives this way until it is let go."""
        self.held |= set(ways)

    def let_go(self, *ways: tuple[str, str]) -> None:
        """It arrives, all of it."""
        self.held -= set(ways)
        self._wake()

    def appear(self, address: str) -> None:
        """A machine that had vanished is there again: it knows none of the connections from before."""
        self.vanished.discard(address)
        self.cut(address, quietly=False)
        self._wake()

    def cut(self, place: str, other: str | None = None, *, quietly: bool) -> None:
        """Every connection of ``place`` (with ``other``) is reset, or lost."""
        for caller, address, end in self._open:
            if place in (caller, address) and (other is None or other in (caller, address)):
                end.break_(quietly=quietly)

    def heal(self) -> None:
        """All is as it should be; what was lost stays lost."""
        self.held.clear()
        self.slow.clear()
        self.vanished.clear()
        self._wake()

    def _wake(self) -> None:
        self._healed.set()
        self._healed = trio.Event()
        for _, _, end in self._open:
            end.incoming.wake()
            end._outgoing.wake()
