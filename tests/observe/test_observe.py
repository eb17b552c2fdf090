"""Log, metrics and admin endpoint: what they tell, and that they never stand in the way."""

import io
import json
import threading
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import memory_stream_pair

from sidecar.app import show_cache
from sidecar.authn.cache import CacheCounts, TokenCache
from sidecar.authn.principal import Principal
from sidecar.contract.snapshot import Snapshot
from sidecar.observe.accesslog import PORTION_LINES, AccessLog, line
from sidecar.observe.admin import Admin
from sidecar.observe.metrics import Metrics
from sidecar.observe.observer import Observer
from sidecar.observe.pages import OwnPages
from sidecar.observe.record import Record
from sidecar.observe.status import Status

from ..authn.minting import NOW, issuer
from ..proxy.stage import Head, Peer, Stage, bearer, request, snapshot


def record(**changes: Any) -> Record:
    """A record of an allowed request."""
    usual: dict[str, Any] = {"status": 200, "reason": "allowed", "route": "/a", "duration_ms": 2.0}
    return Record(NOW, "d1", "10.0.0.9", **(usual | changes))


def test_a_record_is_one_line() -> None:
    """Whatever is in it."""
    text = line(record(path="/a\nb", subject="\u2028é"))
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert json.loads(text)["path"] == "/a\nb"


def test_a_line_has_every_field_of_its_record() -> None:
    """In their order, each under its name and with its value."""
    known = record(shadow=("deny a: denied",), version=3, upstream_ms=1.0005, lasting=True)
    said = json.loads(line(known))
    assert list(said) == ["kind", *(field.name for field in fields(Record))]
    assert said == {"kind": "access"} | asdict(known) | {"shadow": ["deny a: denied"], "upstream_ms": 1.0}


async def test_the_log_is_written_in_batches() -> None:
    """Lines that gather are written together, and the last ones at the end."""

    written = trio.Event()

    class Sink(io.StringIO):
        writes = 0

        def write(self, text: str, /) -> int:
            self.writes += 1
            size = super().write(text)
            trio.from_thread.run_sync(written.set)
            return size

    sink = Sink()
    log = AccessLog(sink)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        for _ in range(3):
            log.add(record())
        await written.wait()
        nursery.cancel_scope.cancel()
    assert (sink.writes, sink.getvalue().count("\n")) == (1, 3)


async def test_the_last_lines_are_written_at_the_end() -> None:
    """A log that is cancelled does not lose what it was given."""
    sink = io.StringIO()
    log = AccessLog(sink)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        await trio.testing.wait_all_tasks_blocked()
        log.add(record())
        nursery.cancel_scope.cancel()
    assert sink.getvalue().count("\n") == 1


async def test_the_last_lines_wait_for_those_before_them() -> None:
    """A log that is cancelled in the middle of a write finishes that, and then writes what came after."""
    begun, go_on = trio.Event(), threading.Event()

    class Slow(io.StringIO):
        def write(self, text: str, /) -> int:
            if not self.tell():
                trio.from_thread.run_sync(begun.set)
                go_on.wait()
            return super().write(text)

    sink = Slow()
    log = AccessLog(sink)
    numbers = range(2 * PORTION_LINES + 2)

    async def cut(log_running: trio.CancelScope) -> None:
        await begun.wait()
        log.put(f"{numbers[-1]}\n")
        log_running.cancel()
        await trio.testing.wait_all_tasks_blocked()
        go_on.set()

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as running:
            nursery.start_soon(cut, running)
            for number in numbers[:-1]:
                log.put(f"{number}\n")
            await log.run()
    assert sink.getvalue().split() == [str(number) for number in numbers]


def test_a_full_queue_drops_and_counts() -> None:
    """Nobody waits for a log."""
    log = AccessLog(io.StringIO(), queue_lines=2)
    for _ in range(5):
        log.add(record())
    assert log.dropped == 3


async def test_a_broken_sink_is_counted() -> None:
    """A closed pipe loses lines and nothing else."""

    class Broken(io.StringIO):
        def write(self, _text: str, /) -> int:
            raise BrokenPipeError

    log = AccessLog(Broken())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        await trio.testing.wait_all_tasks_blocked()
        log.add(record())
        nursery.cancel_scope.cancel()
    assert log.dropped == 1


class Desk:
    """An admin endpoint and what it shows."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.status = Status("orders")
        self.metrics = Metrics(self.status, lambda: NOW)
        self.drains = 0
        self.admin = Admin(OwnPages(self.status, self.metrics, self._drain, lambda: NOW))

    def _drain(self) -> None:
        self.drains += 1

    async def ask(self, raw: str, more: str = "") -> tuple[Head, bytes]:
        """One request, such as ``GET /live``; ``more`` are header lines, each with its end."""
        ours, theirs = memory_stream_pair()
        self.nursery.start_soon(self.admin.handle, theirs)
        peer = Peer(ours)
        await peer.send(f"{raw} HTTP/1.1\r\nHost: a\r\n{more}Connection: close\r\n\r\n".encode())
        head = await peer.head()
        return head, await peer.rest()


@pytest.fixture
def desk(nursery: trio.Nursery) -> Desk:
    """An endpoint without a snapshot."""
    return Desk(nursery)


SNAPSHOT = Snapshot("shop.test", "orders", 7, NOW - 60, issuers=(issuer("HS256"),))


async def test_live_and_ready(desk: Desk) -> None:
    """Live always; ready with a snapshot and until a drain."""
    assert (await desk.ask("GET /live"))[0].status == 200
    head, body = await desk.ask("GET /ready")
    assert (head.status, json.loads(body)["ready"], json.loads(body)["version"]) == (503, False, None)
    desk.status.use(SNAPSHOT, "last-good")
    desk.status.control(False, NOW, "connection refused")
    head, body = await desk.ask("GET /ready")
    assert head.status == 200
    assert (
        json.loads(body).items()
        >= {
            "ready": True,
            "service": "orders",
            "version": 7,
            "snapshot_age_s": 60,
            "source": "last-good",
            "control": "disconnected",
            "since": 0.0,
            "last_error": "connection refused",
            "draining": False,
        }.items()
    )
    head, _ = await desk.ask("POST /drain")
    assert (head.status, desk.drains) == (200, 1)
    assert (await desk.ask("GET /ready"))[0].status == 503
    assert (await desk.ask("HEAD /live"))[1] == b""


async def test_the_snapshot_without_its_secrets(desk: Desk) -> None:
    """A shared secret is not shown."""
    assert (await desk.ask("GET /snapshot"))[0].status == 404
    desk.status.use(SNAPSHOT, "file")
    head, body = await desk.ask("GET /snapshot")
    assert (head.status, json.loads(body)["version"]) == (200, 7)
    assert SNAPSHOT.issuers[0].keys[0]["k"] not in body.decode()


@pytest.mark.parametrize(
    ("raw", "status"), [("GET /", 404), ("GET /drain", 405), ("POST /live", 405), ("DELETE /metrics", 405)]
)
async def test_nothing_else_is_there(desk: Desk, raw: str, status: int) -> None:
    """404 and 405 with Allow."""
    head, _ = await desk.ask(raw)
    assert head.status == status
    assert bool(head.all("allow")) == (status == 405)


async def test_a_web_page_cannot_drain(desk: Desk) -> None:
    """A browser of somebody on this machine can be made to post here, and then says for whom (Fetch, Origin)."""
    head, _ = await desk.ask("POST /drain", "Origin: https://evil.test\r\n")
    assert (head.status, desk.drains, desk.status.draining) == (403, 0, False)


async def test_garbage_is_refused(desk: Desk) -> None:
    """The admin endpoint is as strict as the data plane."""
    assert (await desk.ask("GET  /live"))[0].status == 400


async def test_metrics(desk: Desk) -> None:
    """Counted by status class, reason and route; gauges show the state at the time of asking."""
    log = AccessLog(io.StringIO(), queue_lines=0)
    observer = Observer(log, desk.metrics)
    observer.finished(record(bytes_in=10, bytes_out=20, upstream_ms=1.0))
    observer.finished(record(status=401, reason="missing_token", route=""))
    desk.status.use(SNAPSHOT, "control")
    desk.status.control(True, NOW, address="10.0.0.3:7001")
    head, body = await desk.ask("GET /metrics")
    assert head.status == 200
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }
    assert samples["sidegate_requests_total", "/a", "2xx", "allowed"] == 1
    assert samples["sidegate_requests_total", "", "4xx", "missing_token"] == 1
    assert samples["sidegate_snapshot_version",] == 7
    assert samples["sidegate_snapshot_age_seconds",] == 60
    assert samples["sidegate_control_connected",] == 1
    assert samples["sidegate_control_address", "10.0.0.3:7001"] == 1
    assert samples["sidegate_received_bytes_total",] == 10
    assert samples["sidegate_log_lines_dropped",] == 2


async def test_what_the_token_cache_does_is_counted(nursery: trio.Nursery) -> None:
    """A token is verified once, remembered, and counted on when a snapshot takes the place of another."""
    stage = Stage(nursery, snapshot=snapshot())
    show_cache(stage.metrics, stage.gate)
    raw = request("/orders/7", bearer(scope="orders:read"), b"Connection: close\r\n")
    for _ in range(3):
        assert (await stage.ask(raw))[0].status == 200
    stage.gate.use(replace(snapshot(), version=4, issuers=(replace(issuer(), leeway_s=7),)))
    assert (await stage.ask(raw))[0].status == 200
    families = text_string_to_metric_families(stage.metrics.exposition().decode())
    shown = {sample.name: sample.value for family in families for sample in family.samples}
    name = "sidegate_token_cache"
    ends = ("hits_total", "misses_total", "evictions_total", "entries")
    assert [shown[f"{name}_{end}"] for end in ends] == [2, 2, 0, 1]


def test_what_falls_out_of_the_cache_is_counted() -> None:
    """Each that gave way, once, whichever way it went."""
    counts = CacheCounts()
    cache = TokenCache(max_entries=16, counts=counts)
    principal = Principal("own", "own", "ann", None, frozenset(), {}, NOW + 60, None)
    for number in range(500):
        cache.put(b"%d" % number, principal, 10, NOW)
        cache.get(b"%d" % (number // 2), NOW)
    assert counts.evictions + len(cache) == 500
