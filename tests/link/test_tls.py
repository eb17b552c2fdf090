"""A real link and a real push server, over real TLS sockets: what both were made for."""

import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import pytest
import trio

from control.distribution import PushServer
from sidecar.contract.join import JoinToken
from sidecar.contract.messages import CONTROL_NAME
from sidecar.contract.snapshot import Snapshot
from sidecar.contract.strict import ContractError
from sidecar.link import Link, LinkSettings, LinkStatus, StateDir, dial
from sidecar.link.dial import client_context
from tests.control.distribution.memory_core import MemoryCore


class Running:
    """A core, its push server on 127.0.0.1 and on a unix socket, and links to it."""

    def __init__(self, path: Path, nursery: trio.Nursery) -> None:
        self.core = MemoryCore(time.time() - 60)
        self.path, self.nursery = path, nursery
        self.server = PushServer(self.core)
        self.tcp = ""
        self.unix = f"unix:{path / 'push.sock'}"
        self.applied: list[int] = []
        self.changed = trio.Event()
        self.status = LinkStatus()

    async def listen(self) -> trio.CancelScope:
        """Serve; cancel what is given to take control away."""
        tcp = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        self.tcp = f"127.0.0.1:{tcp.socket.getsockname()[1]}"
        raw = trio.socket.socket(trio.socket.AF_UNIX)
        await trio.Path(self.unix.removeprefix("unix:")).unlink(missing_ok=True)
        await raw.bind(self.unix.removeprefix("unix:"))
        raw.listen()
        scope = trio.CancelScope()

        async def serve(task_status: trio.TaskStatus[None]) -> None:
            with scope:
                await self.server.serve([tcp, trio.SocketListener(raw)], task_status=task_status)

        await self.nursery.start(serve)
        return scope

    def link(self, address: str, token: JoinToken | None) -> Link:
        """A link that runs."""

        def compile_(snapshot: Snapshot, _source: str) -> Callable[[], None]:
            return partial(self.applied.append, snapshot.version)

        def on_status(status: LinkStatus) -> None:
            self.status = status
            self.changed.set()
            self.changed = trio.Event()

        settings = LinkSettings("orders", (address,), "orders-1", "sidegate/test", token)
        state = StateDir(self.path / "state", "orders")
        link = Link(settings, state, compile_, now=time.time, rng=Random(1), on_status=on_status)
        self.nursery.start_soon(link.run)
        return link

    async def until(self, what: str) -> LinkStatus:
        """Waits for a state, or for a word in the error."""
        with trio.fail_after(20):
            while self.status.state != what and what not in self.status.error:
                await self.changed.wait()
        return self.status

    async def until_in_force(self, version: int) -> None:
        """Waits for all to have it."""
        rollout = await self.server.wait_rollout(version, timeout_s=20)
        assert [view.version for view in rollout.acked] == [version], rollout


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[Running]:
    """Until the block ends."""
    async with trio.open_nursery() as nursery:
        mesh = Running(path, nursery)
        yield mesh
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_join_push_and_come_back_by_certificate(tmp_path: Path, kind: str) -> None:
    """Control restarts meanwhile; the token is not needed a second time."""
    async with running(tmp_path) as mesh:
        control = await mesh.listen()
        mesh.core.publish(1)
        mesh.link(mesh.tcp if kind == "tcp" else mesh.unix, mesh.core.token())
        await mesh.until("connected")
        await mesh.until_in_force(1)
        mesh.core.publish(2)
        await mesh.until_in_force(2)
        joined = set(mesh.core.rows)
        control.cancel()
        await mesh.until("disconnected")
        mesh.core.publish(3)
        if kind == "unix":
            await mesh.listen()
            await mesh.until("connected")
            await mesh.until_in_force(3)
            assert mesh.applied == [1, 2, 3]
        assert set(mesh.core.rows) == joined


async def test_a_restarted_sidecar_needs_no_token(tmp_path: Path) -> None:
    """Its certificate speaks, and what it has need not be sent."""
    async with running(tmp_path) as mesh:
        await mesh.listen()
        mesh.core.publish(1)
        mesh.link(mesh.tcp, mesh.core.token())
        await mesh.until("connected")
        await mesh.until_in_force(1)
    async with trio.open_nursery() as nursery:
        mesh.nursery, mesh.status, mesh.server = nursery, LinkStatus(), PushServer(mesh.core)
        await mesh.listen()
        mesh.link(mesh.tcp, None)
        status = await mesh.until("connected")
        await mesh.until_in_force(1)
        assert (status.sidecar_id, status.source) == ("sc1", "last_good")
        assert mesh.applied == [1, 1]
        nursery.cancel_scope.cancel()


async def test_a_control_with_another_ca_is_not_talked_to(tmp_path: Path) -> None:
    """The secret of the join token is never shown to it."""
    async with running(tmp_path) as mesh:
        await mesh.listen()
        stranger = MemoryCore(mesh.core.clock)
        mesh.link(mesh.tcp, replace(mesh.core.token(), ca_der=stranger.ca_der))
        await mesh.until("CERTIFICATE_VERIFY_FAILED")
        assert mesh.core.rows == {}


async def test_a_workload_certificate_does_not_make_a_control(tmp_path: Path) -> None:
    """A sidecar that listens where control should be is found out: wrong name, wrong usage."""
    state = StateDir(tmp_path / "state", "orders")
    async with running(tmp_path) as mesh:
        await mesh.listen()
        mesh.link(mesh.tcp, mesh.core.token())
        await mesh.until("connected")
        identity = state.load_identity()
        assert identity is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        client = client_context(identity.ca, None, state)
        with state.private_file(identity.private_key_pem + _pem(identity.certificate)) as pem:
            context.load_cert_chain(pem)
        tcp = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        port = tcp.socket.getsockname()[1]

        async def impostor(stream: trio.SSLStream[trio.SocketStream]) -> None:
            with pytest.raises(trio.BrokenResourceError):
                await stream.do_handshake()

        mesh.nursery.start_soon(trio.serve_listeners, impostor, [trio.SSLListener(tcp, context)])
        with pytest.raises(trio.BrokenResourceError) as caught:
            await dial(f"127.0.0.1:{port}", client)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


async def test_a_client_certificate_of_another_ca_does_not_get_in(tmp_path: Path) -> None:
    """TLS refuses it before a single frame is read."""
    other = tmp_path / "other"
    other.mkdir()
    async with running(other) as theirs:
        await theirs.listen()
        theirs.link(theirs.tcp, theirs.core.token())
        await theirs.until("connected")
    state = StateDir(other / "state", "orders")
    identity = state.load_identity()
    assert identity is not None
    async with running(tmp_path) as mesh:
        await mesh.listen()
        stream = await dial(mesh.tcp, client_context(mesh.core.ca_der, identity, state))
        with pytest.raises(trio.BrokenResourceError), trio.fail_after(10):
            await stream.receive_some(1)  # TLS 1.3: the client hears of it with the first read
        await trio.aclose_forcefully(stream)


async def test_tls_1_2_is_not_spoken(tmp_path: Path) -> None:
    """Neither end goes below 1.3."""
    async with running(tmp_path) as mesh:
        await mesh.listen()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=mesh.core.ca_der)
        raw = await trio.open_tcp_stream("127.0.0.1", int(mesh.tcp.rpartition(":")[2]))
        stream = trio.SSLStream(raw, context, server_hostname=CONTROL_NAME)
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()
        await trio.aclose_forcefully(stream)


async def test_control_s_http_port_is_told_from_its_push_port(tmp_path: Path) -> None:
    """The two are easily mixed up, and what TLS says of plain HTTP helps nobody."""

    async def http(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async with running(tmp_path) as mesh:
        [listener] = await mesh.nursery.start(partial(trio.serve_tcp, http, 0, host="127.0.0.1"))
        mesh.link(f"127.0.0.1:{listener.socket.getsockname()[1]}", mesh.core.token())
        assert "push address" in (await mesh.until("does not speak TLS")).error


def test_a_ca_that_is_none_is_refused(tmp_path: Path) -> None:
    """A token that carries something else is one clear error."""
    with pytest.raises(ContractError):
        client_context(b"not a certificate", None, StateDir(tmp_path, "orders"))


def _pem(der: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(der).encode()
