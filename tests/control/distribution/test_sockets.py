"""The push server on real sockets: what is sent at once, and what waits for a socket that takes no more."""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from control.distribution import Limits, PushServer
from control.distribution.session import Pace
from sidecar.contract.messages import CONTROL_NAME, Push, Refuse
from sidecar.contract.snapshot import Route

from .memory_core import MemoryCore
from .talking import NOW, Peer

WITHIN_S = 30
"""No test waits so long; a fault would wait for ever."""


@asynccontextmanager
async def listening(core: MemoryCore, limits: Limits | None = None) -> AsyncIterator[int]:
    """Its port."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server = PushServer(core, limits=limits, now=lambda: core.clock)
        await nursery.start(server.serve, listeners)
        with trio.fail_after(WITHIN_S):
            yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def member(core: MemoryCore, port: int) -> AsyncIterator[Peer]:
    """A sidecar that has joined."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VerifyFlags(0x200000)  # the certificate is of the test's own time
    context.load_verify_locations(cadata=core.ca_der)
    raw = await trio.open_tcp_stream("127.0.0.1", port)
    stream = trio.SSLStream(raw, context, server_hostname=CONTROL_NAME)
    try:
        peer = Peer(stream)
        await peer.enter()
        yield peer
    finally:
        await trio.aclose_forcefully(stream)


def large(version: int) -> tuple[Route, ...]:
    """Some megabytes of routes: more than sockets hold."""
    return tuple(Route(f"/{version}/{number}/" + "x" * 900) for number in range(4000))


async def test_each_gets_what_is_published() -> None:
    """The first at its greeting, the others at once."""
    core = MemoryCore(NOW)
    core.publish(1)
    async with listening(core) as port, member(core, port) as one, member(core, port) as two:
        for version in range(1, 20):
            for peer in (one, two):
                push = await peer.hear_push()
                assert push.version == version
                await peer.ack(push)
            core.publish(version + 1)


async def test_who_does_not_read_delays_nobody_and_misses_nothing() -> None:
    """Its socket takes no more, so that the rest waits; when it reads it gets whole frames, and the newest last."""
    core = MemoryCore(NOW)
    async with listening(core) as port, member(core, port) as stuck, member(core, port) as quick:
        for version in range(1, 6):
            core.publish(version, routes=large(version))
            push = await quick.hear_push()
            assert push.version == version
            await quick.ack(push)
        versions = list[int]()
        while not versions or versions[-1] < 5:
            push = await stuck.hear_push()
            versions.append(push.version)
            await stuck.ack(push)
        assert versions == sorted(versions) and len(versions) < 5


async def test_who_does_not_read_and_is_taken_out_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    """In the middle of a frame: what is left of it comes first, if there is somebody to take it, and the reason is
    whole; the log tells of no fault."""
    core = MemoryCore(NOW)
    async with listening(core) as port, member(core, port) as stuck, member(core, port) as quick:
        for version in range(1, 6):
            core.publish(version, routes=large(version))
            await quick.ack(await quick.hear_push())
        core.revoke("sc1")
        while isinstance(said := await stuck.hear(), Push):
            pass
        assert isinstance(said, Refuse) and said.code == "revoked"
        core.publish(6, routes=large(6))
        assert (await quick.hear_push()).version == 6
    assert "a connection failed" not in caplog.text


async def test_who_breaks_off_within_a_frame_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """While more is published for it: the others get theirs, and the log tells of no fault."""
    core = MemoryCore(NOW)
    async with listening(core) as port, member(core, port) as stuck, member(core, port) as quick:
        for version in range(1, 12):
            core.publish(version, routes=large(version) if version < 6 else (Route(f"/{version}"),))
            await quick.ack(await quick.hear_push())
            if version == 5:
                await trio.aclose_forcefully(stuck.stream)
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


class Counting(MemoryCore):
    """Counts for how many connections TLS was begun."""

    begun = 0

    def server_context(self) -> ssl.SSLContext:
        """One more."""
        self.begun += 1
        return super().server_context()


async def test_who_loses_patience_in_line_costs_no_handshake() -> None:
    """Of a fleet that comes back at once many give up before their turn: answering what they began would make the
    others wait until they give up too."""
    core = Counting(NOW)
    async with listening(core, Limits(unauthenticated=1, fair_s=1000)) as port:
        first = await trio.open_tcp_stream("127.0.0.1", port)
        await first.send_all(b"\x16")
        while core.begun == 0:
            await trio.lowlevel.checkpoint()
        for _ in range(20):
            impatient = await trio.open_tcp_stream("127.0.0.1", port)
            await impatient.send_all(b"\x16")
            await impatient.aclose()
        await first.aclose()
        async with member(core, port):
            assert core.begun == 2


@pytest.mark.parametrize(("sessions", "heartbeat_s"), [(0, 10), (2000, 10), (3000, 15), (10_000, 50), (20_000, 60)])
def test_a_large_fleet_is_pinged_less_often(sessions: int, heartbeat_s: int) -> None:
    """Its welcome says how often."""
    assert Pace().among(sessions).heartbeat_s == heartbeat_s
