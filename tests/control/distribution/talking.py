"""A sidecar played by hand over a memory stream, and the push server at the other end of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from trio.testing import memory_stream_pair

from control.distribution import Limits, PushServer
from control.distribution.session import Pace
from control.distribution.threads import T, Threads, Ts
from sidecar.contract.framing import FrameBuffer
from sidecar.contract.increment import Chain
from sidecar.contract.messages import (
    MAX_FRAME_TO_SIDECAR,
    Ack,
    Hello,
    Increments,
    Join,
    Nack,
    Ping,
    Push,
    ToControl,
    ToSidecar,
    Welcome,
    decode_to_sidecar,
    frame,
)

from .memory_core import SECRET, MemoryCore

NOW = 1_800_000_000.0
LIMITS = Limits(pace=Pace(heartbeat_s=10, write_timeout_s=30.0))
HELLO = Hello("orders", "orders-1", "sidegate/test", ("routes",))


def csr() -> bytes:
    """A certificate request for a key that nobody keeps."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)


def joining(hello: Hello = HELLO) -> Hello:
    """``hello``, with a join token."""
    return replace(hello, join=Join("j1", SECRET), csr=csr())


class InPlace(Threads):
    """Blocking calls made in place: a mock clock does not wait for threads."""

    def __init__(self) -> None:
        super().__init__(1)

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Here and now, after letting others go first."""
        await trio.lowlevel.checkpoint()
        return work(*args)


class Peer:
    """One end of a connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._buffer, self._bodies = FrameBuffer(MAX_FRAME_TO_SIDECAR), list[bytes]()
        self._chain: Chain | None = None

    async def say(self, message: ToControl) -> None:
        """Send a message."""
        await self.stream.send_all(frame(message))

    async def raw(self, data: bytes) -> None:
        """Send bytes."""
        await self.stream.send_all(data)

    async def hear(self) -> ToSidecar | None:
        """The next message, pings included; None at the end."""
        while not self._bodies:
            data = await self.stream.receive_some(65536)
            if not data:
                return None
            self._bodies += self._buffer.feed(data)
        return decode_to_sidecar(self._bodies.pop(0))

    async def hear_push(self) -> Push:
        """The next snapshot; pings are echoed on the way."""
        while True:
            message = await self.hear()
            if isinstance(message, Push):
                return message
            assert isinstance(message, Ping), message
            await self.say(message)

    async def hear_increments(self) -> Increments:
        """The next increments; pings are echoed on the way."""
        while True:
            message = await self.hear()
            if isinstance(message, Increments):
                return message
            assert isinstance(message, Ping), message
            await self.say(message)

    async def enter(self, hello: Hello | None = None) -> Welcome:
        """Hello and welcome."""
        await self.say(hello or joining())
        welcome = await self.hear()
        assert isinstance(welcome, Welcome), welcome
        return welcome

    async def ack(self, push: Push | Increments) -> None:
        """In force."""
        await self.say(Ack(push.nonce, push.version, self.chain_of(push).in_use.digest))

    def chain_of(self, push: Push | Increments) -> Chain:
        """What is in force once ``push`` is."""
        if isinstance(push, Push):
            self._chain = Chain.begin(push.version - len(push.increments), push.sealed, push.increments)
        else:
            assert self._chain is not None
            self._chain = self._chain.plus(push.increments)
        assert self._chain.in_use.version == push.version
        return self._chain

    async def nack(self, push: Push | Increments, reason: str, in_use: int = 0) -> None:
        """Refused."""
        await self.say(Nack(push.nonce, push.version, in_use, reason))


class Stage:
    """A push server without sockets."""

    def __init__(self, core: MemoryCore, server: PushServer, nursery: trio.Nursery) -> None:
        self.core, self.server, self._nursery = core, server, nursery

    def connect(self, presented: bytes | None = None) -> Peer:
        """A connection, as if TLS had been."""
        ours, theirs = memory_stream_pair()

        async def opening() -> tuple[trio.abc.Stream, bytes | None]:
            return theirs, presented

        async def serve() -> None:
            await self.server.connection(opening, "10.0.0.9:4711")
            await trio.aclose_forcefully(theirs)

        self._nursery.start_soon(serve)
        return Peer(ours)


@asynccontextmanager
async def stage(limits: Limits = LIMITS, threads: Threads | None = None) -> AsyncIterator[Stage]:
    """A core and its push server, until the block ends."""
    core = MemoryCore(NOW)
    async with trio.open_nursery() as nursery:
        server = PushServer(core, limits=limits, now=lambda: core.clock, threads=threads or InPlace())
        await nursery.start(server.distribute)
        yield Stage(core, server, nursery)
        nursery.cancel_scope.cancel()
