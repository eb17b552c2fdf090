"""A control played by hand over a memory stream, and a link at the other end of it."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import trio
from trio.testing import memory_stream_pair

from sidecar.contract.envelope import Sealed
from sidecar.contract.framing import FrameBuffer
from sidecar.contract.messages import (
    MAX_FRAME_TO_CONTROL,
    Ack,
    Hello,
    Increments,
    Nack,
    Push,
    Report,
    ToControl,
    ToSidecar,
    Welcome,
    decode_to_control,
    frame,
)
from sidecar.contract.snapshot import Snapshot
from sidecar.link import Link, LinkSettings, LinkStatus, StateDir
from sidecar.link.threads import T, Ts
from tests.control.distribution.memory_core import Enrolled, MemoryCore

NOW = 1_800_000_000.0


async def in_place(work: Callable[[*Ts], T], /, *args: *Ts) -> T:
    """A blocking call made here and now: a mock clock does not wait for threads."""
    await trio.lowlevel.checkpoint()
    return work(*args)


class Control:
    """Control's end of one connection."""

    def __init__(self, stream: trio.abc.Stream, core: MemoryCore) -> None:
        self.stream, self.core = stream, core
        self._buffer, self._bodies = FrameBuffer(MAX_FRAME_TO_CONTROL), list[bytes]()
        self._nonce = 0

    async def say(self, message: ToSidecar) -> None:
        """Send a message."""
        await self.stream.send_all(frame(message))

    async def hear(self) -> ToControl | None:
        """The next message; None at the end."""
        while not self._bodies:
            data = await self.stream.receive_some(65536)
            if not data:
                return None
            self._bodies += self._buffer.feed(data)
        return decode_to_control(self._bodies.pop(0))

    async def hello(self) -> Hello:
        """The sidecar's first words."""
        hello = await self.hear()
        assert isinstance(hello, Hello)
        return hello

    async def welcome(self, **changes: Any) -> Hello:
        """Hello and welcome: a certificate for whoever asks."""
        hello = await self.hello()
        enrolled: Enrolled | None = None
        if hello.join is not None and hello.csr is not None:
            enrolled = self.core.enrol(hello.join, hello.service, hello.instance, hello.csr, "")
        elif hello.csr is not None:
            enrolled = self.core.renew("sc1", hello.csr)
        facts: dict[str, Any] = {
            "sidecar_id": enrolled.sidecar.id if enrolled else "sc1",
            "signing_key": self.core.signing_public_key,
            "heartbeat_s": 10,
            "certificate": enrolled.certificate if enrolled else None,
        }
        await self.say(Welcome(**(facts | changes)))
        return hello

    async def push(self, version: int, sealed: Sealed | None = None, increments: tuple[Sealed, ...] = ()) -> Ack | Nack:
        """Push, and what is answered."""
        self._nonce += 1
        return await self.answer(Push(self._nonce, version, sealed or self.core.sealed(version), increments))

    async def revoke(self, version: int, *increments: Sealed) -> Ack | Nack:
        """Push increments, and what is answered."""
        self._nonce += 1
        return await self.answer(Increments(self._nonce, version, increments))

    async def answer(self, push: Push | Increments) -> Ack | Nack:
        """To a push."""
        await self.say(push)
        answer = await self.hear()
        assert isinstance(answer, Ack | Nack)
        assert answer.nonce == self._nonce
        return answer


class Sidecar:
    """A link over memory streams; ``next_connection`` gives control's end of its next attempt."""

    def __init__(self, path: Path, core: MemoryCore, *, control: tuple[str, ...] = ("c:1",), join: bool = True) -> None:
        self.core, self.now = core, NOW
        self.applied: list[tuple[int, str]] = []
        self.said: list[LinkStatus] = []
        self.reports: list[Report] = []
        self.names: dict[str, list[str]] = {}
        self.dialled: list[tuple[float, str]] = []
        self.snapshot: Snapshot | None = None
        self.compile: Callable[[Snapshot], None] = lambda _: None
        self.state = StateDir(path, "orders")
        self._send, self._receive = trio.open_memory_channel[trio.abc.Stream](1)
        token = core.token() if join else None
        self.link = Link(
            LinkSettings("orders", control, "orders-1", "sidegate/test", token),
            self.state,
            self._compile,
            now=lambda: self.now,
            rng=Random(7),
            on_status=self.said.append,
            reports=lambda: self.reports,
            dial=self._dial,
            resolve=self._resolve,
            blocking=in_place,
        )

    def _compile(self, snapshot: Snapshot, source: str) -> Callable[[], None]:
        self.compile(snapshot)

        def swap() -> None:
            self.applied.append((snapshot.version, source))
            self.snapshot = snapshot

        return swap

    async def _dial(self, address: str, _context: object) -> trio.abc.Stream:
        self.dialled.append((trio.current_time(), address))
        if address.startswith("down"):
            raise OSError("connection refused")
        ours, theirs = memory_stream_pair()
        await self._send.send(theirs)
        return ours

    async def _resolve(self, address: str) -> list[str]:
        return self.names.get(address, [address])

    async def next_connection(self) -> Control:
        """The next attempt."""
        return Control(await self._receive.receive(), self.core)
