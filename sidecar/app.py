"""The composition root: settings in, one nursery tree out.

    run_sidecar
      |- access log                 (observe)
      |- admin endpoint             (observe)
      |- link to control            (link), or a snapshot file instead of it
      |- listeners -> exchanges     (proxy)
      `- the end: SIGTERM, SIGINT or POST /drain

The last-good snapshot is in force before the first connection is accepted. At the end readiness goes first, then
what waits to be accepted is accepted, then the port closes, then exchanges under way have ``drain_s`` to finish.
"""

import logging
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import trio

from . import __version__
from .contract.envelope import Sealed
from .contract.join import parse_join_token
from .contract.snapshot import Snapshot
from .contract.strict import ContractError
from .link import Link, LinkSettings, LinkStatus, StateDir
from .network import wait_until_isolated
from .observe.accesslog import AccessLog
from .observe.admin import Admin
from .observe.journal import write_journal
from .observe.metrics import Metrics
from .observe.observer import Observer
from .observe.status import Source, Status
from .proxy.gate import Gate
from .proxy.proxy import Proxy, peer_address
from .proxy.upstream import upstream
from .settings import Settings, address
from .snapshots import read_snapshot_file
from .staleness import Staleness

BACKLOG = 1024
ACCEPT_GRACE_S = 0.1
"""How long a draining sidecar goes on accepting what the kernel has already queued."""

_log = logging.getLogger("sidecar")


class StartError(Exception):
    """The sidecar cannot begin, or not go on. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running sidecar can be reached, as URLs."""

    listen: str
    admin: str


def run(settings: Settings) -> int:
    """``sidecar run``: the exit code. 0 after an orderly end; 1 if it could not begin or exchanges had to be cut."""
    write_journal()
    whole = False
    try:
        whole = trio.run(_run_until_told, settings)
    except* StartError as errors:
        print(f"sidecar: {_first(errors)}", file=sys.stderr)
    return 0 if whole else 1


def _first(group: BaseExceptionGroup[StartError]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _run_until_told(settings: Settings) -> bool:
    end = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_listen_for_signals, end)
        whole = await run_sidecar(settings, end, partial(_announce, settings.service))
        nursery.cancel_scope.cancel()
    return whole


def _announce(service: str, where: Addresses) -> None:
    print(f"sidecar ready: {service} listen {where.listen} admin {where.admin}", file=sys.stderr, flush=True)


async def _listen_for_signals(end: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            if end.is_set():
                raise StartError("told twice to stop: exchanges under way were cut")
            end.set()


async def run_sidecar(settings: Settings, end: trio.Event, started: Callable[[Addresses], None]) -> bool:
    """One sidecar from start to drained; True if every exchange could finish. ``end`` begins the drain."""
    gate, status = Gate(), Status(settings.service, since=time.time())
    metrics, access_log = Metrics(status, time.time), AccessLog(sys.stdout)
    proxy = Proxy(gate, upstream(settings.upstream), settings.timeouts, settings.limits, Observer(access_log, metrics))
    metrics.gauge("sidegate_connections", "Connections of callers", lambda: proxy.load.connections)
    metrics.gauge("sidegate_in_flight", "Exchanges under way", lambda: proxy.load.in_flight)
    metrics.gauge("sidegate_upstream_connections", "Connections to the service", lambda: proxy.pool.open)
    link = await _first_snapshot(settings, gate, status)
    callers = await _listeners("listen", settings.listen)
    operators = await _listeners("admin", settings.admin)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(access_log.run)
        nursery.start_soon(_leave_when_isolated)
        nursery.start_soon(Admin(status, metrics, end.set, time.time).serve, operators)
        if link is not None:
            nursery.start_soon(link.run)
            if settings.max_staleness_s is not None:
                nursery.start_soon(_staleness(settings, settings.max_staleness_s, gate, status, link).run)
        accepting = trio.CancelScope()
        nursery.start_soon(_accept, proxy, callers, nursery, accepting)
        started(Addresses(_url(callers), _url(operators)))
        await end.wait()
        status.draining = True
        proxy.drain()
        await trio.sleep(ACCEPT_GRACE_S)
        accepting.cancel()
        whole = await proxy.drained()
        _log.info("drained" if whole else f"drained: {proxy.load.in_flight} exchanges had to be cut")
        nursery.cancel_scope.cancel()
    await proxy.pool.aclose()
    return whole


async def _accept(
    proxy: Proxy, listeners: list[trio.SocketListener], exchanges: trio.Nursery, accepting: trio.CancelScope
) -> None:
    async def accepted(stream: trio.SocketStream) -> None:
        await proxy.handle(stream, peer_address(stream))

    with accepting:  # ends the accepting, not what was accepted
        await trio.serve_listeners(accepted, listeners, handler_nursery=exchanges)


async def _leave_when_isolated() -> None:
    await wait_until_isolated()
    raise StartError("only the loopback interface is left: the container whose network this shared is gone; exiting")


def _staleness(settings: Settings, bound_s: float, gate: Gate, status: Status, link: Link) -> Staleness:
    last_good = settings.state_dir / "last-good"
    return Staleness(bound_s, gate, status, last_good, lambda: link.status.last_contact, time.time)


async def _first_snapshot(settings: Settings, gate: Gate, status: Status) -> Link | None:
    """Puts a snapshot in force if there is one, and gives the link that will bring the next ones."""
    if settings.snapshot is not None:
        snapshot = await trio.to_thread.run_sync(read_snapshot_file, settings.snapshot, settings.service)
        gate.use(snapshot)
        status.use(snapshot, "file")
        return None
    try:
        link = _link(settings, gate, status)
        await link.restore()
    except ContractError as error:
        raise StartError(str(error)) from error
    except OSError as error:
        raise StartError(f"state_dir {settings.state_dir}: {error.strerror}") from error
    return link


def _link(settings: Settings, gate: Gate, status: Status) -> Link:
    token = parse_join_token(settings.join_token) if settings.join_token else None
    facts = LinkSettings(settings.service, settings.control, socket.gethostname(), f"sidegate/{__version__}", token)

    def apply(snapshot: Snapshot, _sealed: Sealed, source: str) -> None:
        gate.use(snapshot)
        kind: Source = "last-good" if source == "last_good" else "control"
        status.use(snapshot, kind)

    def on_status(said: LinkStatus) -> None:
        status.control(said.state == "connected", time.time(), said.error or said.last_nack)

    state = StateDir(settings.state_dir, settings.service)
    return Link(facts, state, apply, now=time.time, rng=random.Random(), on_status=on_status)  # noqa: S311  # jitter


async def _listeners(name: str, text: str) -> list[trio.SocketListener]:
    host, port = address(text)
    try:
        return list(await trio.open_tcp_listeners(port, host=host, backlog=BACKLOG))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise StartError(f"{name} {text}: {why}; choose another address with --{name}") from error


def _url(listeners: list[trio.SocketListener]) -> str:
    host, port = listeners[0].socket.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
