"""One JSON line per exchange, written in the background.

An exchange never waits for its log line: lines go into a bounded queue, one task writes what has gathered in one
go, and what does not fit is dropped and counted. The writing happens in a thread, because a pipe whose reader
sleeps would stop the loop.
"""

import json
from collections import deque
from itertools import islice
from typing import Protocol

import trio

from sidecar.contract.secrets import masked

from .record import Record

QUEUE_LINES = 10_000
GATHER_S = 0.05
"""How long lines gather before they are written."""
STUCK_S = 5.0
"""How long the last lines may take at the end."""
PORTION_LINES = 100
"""Joined for one write: what a busy process gathers would be a text of half a megabyte, twice, whose room it keeps."""

_WORDS = {True: "true", False: "false"}
_text = json.encoder.encode_basestring_ascii
_ENCODER = json.JSONEncoder(separators=(",", ":"))


class Sink(Protocol):
    """Where lines go: a text file, such as sys.stdout."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


class AccessLog:
    """``add`` is synchronous and cheap; ``run`` writes until it is cancelled, then writes what is left."""

    def __init__(self, sink: Sink, queue_lines: int = QUEUE_LINES) -> None:
        self.dropped = 0
        self._sink = sink
        self._lines: deque[str] = deque()
        self._limit = queue_lines
        self._some = trio.Event()
        self._one = trio.CapacityLimiter(1)  # at a time; at the end the last lines wait for those before them

    def add(self, record: Record) -> None:
        """Queue a line, or count it as dropped."""
        self.put(line(record) if len(self._lines) < self._limit else "")

    def put(self, text: str) -> None:
        """Queue a whole line of whatever kind, or count it as dropped."""
        if len(self._lines) >= self._limit:
            self.dropped += 1
            return
        self._lines.append(text)
        self._some.set()

    async def run(self) -> None:
        """Write for ever."""
        try:
            while True:
                await self._some.wait()
                await trio.sleep(GATHER_S)
                await self._write()
        finally:
            with trio.move_on_after(STUCK_S, shield=True):
                await self._write()

    async def _write(self) -> None:
        lines, self._lines, self._some = self._lines, deque(), trio.Event()
        try:
            await trio.to_thread.run_sync(self._put, lines, abandon_on_cancel=True, limiter=self._one)
        except (OSError, ValueError):  # a full disk, a closed pipe: the log is lost, the service is not
            self.dropped += len(lines)

    def _put(self, lines: deque[str]) -> None:
        while portion := list(islice(lines, PORTION_LINES)):
            self._sink.write("".join(portion))
            for _ in portion:
                lines.popleft()
        self._sink.flush()


def line(record: Record) -> str:
    """The record as one line of JSON. Escapes make sure that no value can begin a line of its own; what a caller put
    into a path or a name and looks like a credential is masked, and JSON escapes none of its characters."""
    r, text = record, _text
    version = "null" if r.version is None else r.version
    upstream_ms = "null" if r.upstream_ms is None else f"{r.upstream_ms:.3f}"
    # The decision id and the reason are words of ours; numbers have as many digits as tell something.
    return masked(
        f'{{"kind":"access","time":{r.time:.6f},"decision_id":"{r.decision_id}","peer":{text(r.peer)}'
        f',"address":{text(r.address)},"request_id":{text(r.request_id)},"method":{text(r.method)},"path":{text(r.path)}'
        f',"status":{r.status},"reason":"{r.reason}","detail":{text(r.detail)},"shadow":{_list(r.shadow)}'
        f',"route":{text(r.route)},"subject":{text(r.subject)},"issuer":{text(r.issuer)},"client":{text(r.client)}'
        f',"version":{version},"bytes_in":{r.bytes_in},"bytes_out":{r.bytes_out}'
        f',"duration_ms":{r.duration_ms:.3f},"upstream_ms":{upstream_ms}'
        f',"complete":{_WORDS[r.complete]},"lasting":{_WORDS[r.lasting]}}}\n'
    )


def _list(words: tuple[str, ...]) -> str:
    return _ENCODER.encode(words) if words else "[]"
