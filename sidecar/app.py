"""The composition root: settings in, one nursery tree out.

    run_sidecar
      |- access log                 (observe)
      |- admin endpoint             (observe), or, in one of several workers, the channel to the parent
      |- link to control            (link), or a snapshot file instead of it
      |- certificate                (watched, where the port speaks TLS)
      |- door -> exchanges          (proxy)
      `- the end: SIGTERM, SIGINT or POST /drain

The last-good snapshot is in force before the first connection is accepted. At the end readiness goes first, then
what waits to be accepted is accepted, then the port closes, then exchanges under way have ``drain_s`` to finish.
"""

import logging
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import trio

from . import garbage
from .authn.cache import CacheCounts
from .certificate import Certificate
from .descriptors import fitted, take_all
from .door import Door, DoorError, open_sockets, url
from .enrolment import StartError, first_snapshot
from .http1.express import SWITCH
from .life import Life
from .network import wait_until_isolated
from .observe.accesslog import AccessLog, Sink
from .observe.admin import Admin
from .observe.decisions import Decisions
from .observe.journal import write_journal
from .observe.metrics import Metrics
from .observe.observer import Observer
from .observe.pages import OwnPages, Pages
from .observe.status import Status
from .observe.tally import Tally
from .proxy.gate import Gate
from .proxy.origin import Forwarding
from .proxy.proxy import Proxy, peer_address
from .proxy.upstream import upstream
from .settings import Settings
from .snapshots import SnapshotError
from .spelling import SettingsError
from .staleness import Staleness

ACCEPT_GRACE_S = 0.1
"""How long a draining sidecar goes on accepting as ever, for those who have not heard yet that it is not ready."""

_log = logging.getLogger("sidecar")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a data plane stands: where its callers come in, who asks it how it is, and which worker it is (0: the
    only one)."""

    sockets: Sequence[socket.socket]
    answer: Callable[[Pages], Awaitable[None]]
    sink: Sink = sys.stdout
    number: int = 0


def run(settings: Settings) -> int:
    """``sidecar run`` with one process: the exit code. 0 after an orderly end; 1 if it could not begin or go on, or
    exchanges had to be cut; 2 if a setting or the snapshot cannot be used."""
    write_journal()
    return told(partial(trio.run, _run_alone, settings))


def told(work: Callable[[], int]) -> int:
    """The exit code of ``work``, and one sentence for people if it ends with an error that is theirs to mend."""
    try:
        return work()
    except* (StartError, DoorError) as errors:
        print(f"sidecar: {_first(errors)}", file=sys.stderr)
        code = 1
    except* (SettingsError, SnapshotError) as errors:
        print(f"sidecar: {_first(errors)}", file=sys.stderr)
        code = 2
    return code


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _run_alone(settings: Settings) -> int:
    life = Life()
    callers = open_sockets("listen", settings.listen)
    operators = open_sockets("admin", settings.admin)
    scheme = "https" if settings.tls_cert else "http"
    garbage.settle()

    async def answer(pages: Pages) -> None:
        async with trio.open_nursery() as desk:
            await Door(operators).serve(Admin(pages).handle, desk)

    async with trio.open_nursery() as nursery:
        await nursery.start(life.listen)
        nursery.start_soon(leave_when_isolated)
        announce = partial(say_ready, settings.service, url(callers[0], scheme), url(operators[0]))
        whole = await run_sidecar(settings, life, Place(callers, answer), announce)
        nursery.cancel_scope.cancel()
    return 0 if whole else 1


def say_ready(service: str, listen: str, admin: str) -> None:
    """The line that everybody waits for: callers are accepted. Whether they are let in is what ``/ready`` says."""
    print(f"sidecar up: {service} listen {listen} admin {admin}", file=sys.stderr, flush=True)


async def leave_when_isolated() -> None:
    """StartError once the network has gone away under us."""
    await wait_until_isolated()
    raise StartError("only the loopback interface is left: the container whose network this shared is gone; exiting")


async def run_sidecar(settings: Settings, life: Life, place: Place, started: Callable[[], None]) -> bool:
    """One data plane from start to drained; True if every exchange could finish."""
    SWITCH.open = settings.http1 == "express"
    gate, status = Gate(), Status(settings.service, since=time.time())
    metrics, access_log, tally = Metrics(status, time.time), AccessLog(place.sink), Tally(time.monotonic)
    certificate = await _certificate(settings)
    forwarding = Forwarding(settings.trusted_proxies, settings.forwarded, b"https" if certificate else b"http")
    limits = fitted(settings.limits, take_all())
    proxy = Proxy(
        *(gate, upstream(settings.upstream), settings.timeouts, limits, Observer(access_log, metrics, tally)),
        forwarding=forwarding,
        decisions=Decisions(access_log) if settings.decisions else None,
        refresh=lambda issuer: link.request_refresh(issuer) if link is not None else None,
    )
    show(metrics, proxy, certificate)
    show_cache(metrics, gate)
    status.certificate = certificate
    link = await first_snapshot(settings, gate, status, place.number, tally.take)
    door = Door(place.sockets)

    async def accepted(stream: trio.SocketStream) -> None:
        peer = peer_address(stream)
        await proxy.handle(certificate.secure(stream) if certificate else stream, peer)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(access_log.run)
        nursery.start_soon(place.answer, OwnPages(status, metrics, life.drain.set, time.time))
        if certificate is not None:
            life.on_reload(certificate.reload)
            nursery.start_soon(certificate.watch)
        if link is not None:
            nursery.start_soon(link.run)
            if settings.max_staleness_s is not None:
                last_good, heard = settings.state_dir / "last-good", lambda: link.status.last_contact
                bound = Staleness(settings.max_staleness_s, gate, status, last_good, heard, time.time)
                nursery.start_soon(bound.run)
        await nursery.start(proxy.engine.run)
        nursery.start_soon(door.serve, accepted, nursery)
        started()
        if limits != settings.limits:
            _log.info("descriptors allow %d connections, not %d", limits.connections, settings.limits.connections)
        await life.drain.wait()
        status.draining = True
        whole = await _drain(proxy, life, door)
        nursery.cancel_scope.cancel()
    await proxy.pool.aclose()
    return whole


async def _certificate(settings: Settings) -> Certificate | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return await trio.to_thread.run_sync(Certificate, settings.tls_cert, settings.tls_key)


def show(metrics: Metrics, proxy: Proxy, certificate: Certificate | None) -> None:
    """What this process counts beside its exchanges."""
    load = proxy.load
    metrics.gauge("sidegate_connections", "Connections of callers", lambda: load.connections)
    metrics.gauge("sidegate_in_flight", "Exchanges under way, but for tunnels", lambda: load.in_flight - load.tunnels)
    metrics.gauge("sidegate_event_streams", "Of these, event streams", lambda: load.event_streams)
    metrics.gauge("sidegate_tunnels", "Upgrades asked for or open", lambda: load.tunnels)
    metrics.gauge("sidegate_upstream_connections", "Connections to the service", lambda: proxy.pool.open)
    metrics.gauge("sidegate_tasks", "Tasks that live", lambda: trio.lowlevel.current_statistics().tasks_living)
    if certificate is not None:
        name = "sidegate_certificate_expires_timestamp_seconds"
        metrics.gauge(name, "When the port's certificate expires", lambda: certificate.expires_at)
        failing = "1 while the certificate's files cannot be used"
        metrics.gauge("sidegate_certificate_failing", failing, lambda: bool(certificate.error))
        handshakes = "TLS handshakes that failed since the start"
        metrics.gauge("sidegate_tls_handshakes_failed", handshakes, lambda: proxy.failed_handshakes)


def show_cache(metrics: Metrics, gate: Gate) -> None:
    """What becomes of tokens that were verified before."""

    def counts() -> CacheCounts:
        return gate.evaluator.verifier.counts if gate.evaluator else CacheCounts()

    def entries() -> int:
        return sum(len(one.cache) for one in gate.evaluator.verifier.issuers.values()) if gate.evaluator else 0

    name = "sidegate_token_cache"
    metrics.gauge(f"{name}_entries", "Verified tokens that are remembered", entries)
    metrics.counter(f"{name}_hits", "Tokens that were verified before", lambda: counts().hits)
    metrics.counter(f"{name}_misses", "Tokens that had to be verified", lambda: counts().misses)
    metrics.counter(f"{name}_evictions", "Verified tokens that gave way to others", lambda: counts().evictions)


async def _drain(proxy: Proxy, life: Life, door: Door) -> bool:
    """From the first sign of the end to the last: True if every exchange could finish."""
    async with trio.open_nursery() as nursery:

        async def cut() -> None:
            await life.cut.wait()
            nursery.cancel_scope.cancel()

        nursery.start_soon(cut)
        proxy.drain()
        await trio.sleep(ACCEPT_GRACE_S)
        door.close.set()
        await door.closed.wait()
        await proxy.drained()
        nursery.cancel_scope.cancel()
    load = proxy.load
    if load.in_flight:
        lasting = load.tunnels, load.event_streams
        _log.warning("drained, but %d exchanges, %d tunnels and %d event streams had to be cut", load.brief, *lasting)
    else:
        _log.info("drained")
    return not load.brief
