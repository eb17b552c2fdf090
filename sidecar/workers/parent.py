"""The parent of several workers. It binds the port to hold it, but never listens on it, so that the kernel deals
callers out to the workers alone; what it serves is the admin endpoint, where it answers for all.

A worker that dies is replaced: at once if it had lived for a while, later and later if it dies young. A parent that is
told to end tells its workers, and waits for them; workers whose parent is gone drain by themselves.
"""

import itertools
import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import trio

from sidecar.app import leave_when_isolated, say_ready, told
from sidecar.certificate import load
from sidecar.door import Door, bound, open_sockets, url
from sidecar.life import Life
from sidecar.observe.admin import Admin
from sidecar.observe.journal import write_journal
from sidecar.settings import Settings

from .channel import Channel
from .together import one_exposition, one_report
from .worker import package

ANSWER_WITHIN_S = 2.0
LOOK_EVERY_S = 10.0
HUNG_AFTER = 3
"""So many questions in a row without an answer, and a worker is killed and replaced."""
END_WITHIN_S = 5.0
"""How long after ``drain_s`` a worker may take to be gone."""
YOUNG_S = 10.0
RESTART_AFTER_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

_log = logging.getLogger("sidecar.workers")

Addresses = Sequence[tuple[int, Any]]


def run(settings: Settings) -> int:
    """``sidecar run`` with several workers: the exit code, as with one."""
    write_journal()
    return told(partial(trio.run, _run, settings))


async def _run(settings: Settings) -> int:
    if settings.tls_cert is not None and settings.tls_key is not None:
        load(settings.tls_cert, settings.tls_key)
    life = Life()
    held = hold("listen", settings.listen)
    operators = open_sockets("admin", settings.admin)
    addresses = [(one.family, one.getsockname()) for one in held]
    parent = Parent(settings, addresses, life)
    async with trio.open_nursery() as nursery:
        await nursery.start(life.listen)
        nursery.start_soon(leave_when_isolated)
        nursery.start_soon(Door(operators).serve, Admin(parent).handle, nursery)
        scheme = "https" if settings.tls_cert else "http"
        announce = partial(say_ready, settings.service, url(held[0], scheme), url(operators[0]))
        code = await parent.run(announce)
        nursery.cancel_scope.cancel()
    for one in held:
        one.close()
    return code


def hold(name: str, text: str) -> list[socket.socket]:
    """The port, bound so that workers can share it. It is bound alone first: two sidecars that were given one port by
    mistake would otherwise share it too, and each get half of the other's requests."""
    alone = open_sockets(name, text)
    found = [(one.family, one.getsockname()) for one in alone]
    for one in alone:
        one.close()
    return [bound(family, where, shared=True) for family, where in found]


class Worker:
    """One process and the channel to it."""

    def __init__(self, process: trio.Process, channel: Channel) -> None:
        self.process, self.channel = process, channel
        self.started = trio.Event()
        self._numbers = itertools.count()
        self._waiting: dict[int, tuple[trio.Event, list[Any]]] = {}

    async def listen(self) -> None:
        """Take in what it says, until it says no more."""
        while (said := await self.channel.receive()) is not None:
            if "started" in said:
                self.started.set()
            elif said["id"] in self._waiting:
                done, answers = self._waiting.pop(said["id"])
                answers.append(said["answer"])
                done.set()

    async def ask(self, what: str) -> Any:
        """Its answer, or None if it gives none in time."""
        number, done = next(self._numbers), trio.Event()
        answers: list[Any] = []
        self._waiting[number] = done, answers
        with trio.move_on_after(ANSWER_WITHIN_S):
            await self.channel.send({"ask": what, "id": number})
            await done.wait()
        self._waiting.pop(number, None)
        return answers[0] if answers else None


class Parent:
    """All workers; also the pages of the admin endpoint."""

    def __init__(self, settings: Settings, addresses: Addresses, life: Life) -> None:
        self._settings, self._addresses, self._life = settings, list(addresses), life
        self._workers: dict[int, Worker] = {}
        self._codes: list[int] = []
        self._replaced = 0
        self._all_begun = self._failed = False

    async def run(self, started: Callable[[], None]) -> int:
        """Until the end is told and every worker has drained. The exit code."""
        numbers = range(1, self._settings.workers + 1)
        async with trio.open_nursery() as nursery:
            self._life.on_reload(lambda: nursery.start_soon(self._tell, "reload"))
            nursery.start_soon(self._pass_the_end_on)
            async with trio.open_nursery() as workers:
                begun = {number: trio.Event() for number in numbers}
                for number in numbers:
                    workers.start_soon(self._keep, number, begun[number])
                    await begun[1].wait()  # the first one looks after the state directory, alone
                for event in begun.values():
                    await event.wait()
                if not self._life.drain.is_set():
                    self._all_begun = True
                    started()
            nursery.cancel_scope.cancel()
        if self._failed:  # whoever failed has said why
            return max(1, *self._codes)
        cut = sum(code != 0 for code in self._codes)
        if cut:
            _log.warning("drained, but in %d of %d workers exchanges had to be cut", cut, len(self._codes))
        return 1 if cut else 0

    def _begun(self) -> dict[int, Worker]:
        return {number: worker for number, worker in self._workers.items() if worker.started.is_set()}

    async def _keep(self, number: int, begun: trio.Event) -> None:
        """One worker after the other, until the end. ``begun``: the first of them has, or never will."""
        deaths = 0
        while not self._life.drain.is_set():
            born = trio.current_time()
            code, how = await self._life_of_one(number, begun)
            if self._life.drain.is_set() or not self._all_begun:
                self._codes.append(code)
                self._failed |= not self._life.drain.is_set()
                break
            deaths = deaths + 1 if trio.current_time() - born < YOUNG_S else 0
            wait_s = RESTART_AFTER_S[min(deaths, len(RESTART_AFTER_S) - 1)]
            _log.error("worker %d %s; another takes its place in %g s", number, how, wait_s)
            self._replaced += 1
            with trio.move_on_after(wait_s):
                await self._life.drain.wait()
        if self._failed:
            self._life.end()
        begun.set()

    async def _life_of_one(self, number: int, begun: trio.Event) -> tuple[int, str]:
        """One worker's exit code and how it ended. What the system denies a worker (a process, a descriptor, memory)
        is that worker's death and not everybody's."""
        try:
            code = await self._one(number, begun)
        except OSError as error:
            how = f"cannot be started ({error.strerror or error})"
            if not self._all_begun:
                _log.error("worker %d %s", number, how)
            return 1, how
        return code, f"ended ({ended_by(code)})"

    async def _one(self, number: int, begun: trio.Event) -> int:
        """One worker's life; its exit code."""
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-P", "-m", "sidecar.workers.worker", str(theirs.fileno())]
            try:
                process = await trio.lowlevel.open_process(
                    command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True
                )
            except BaseException:
                ours.close()
                raise
        worker = Worker(process, Channel(ours))
        self._workers[number] = worker
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(worker.listen)
                await worker.channel.send(package(self._settings, number, self._addresses))
                nursery.start_soon(_when, worker.started, begun)
                nursery.start_soon(self._look_after, number, worker)
                if self._life.drain.is_set():
                    await worker.channel.send({"do": "drain"})
                code = await process.wait()
                nursery.cancel_scope.cancel()
        finally:
            del self._workers[number]
            if process.returncode is None:
                process.kill()
            with trio.CancelScope(shield=True):  # a killed process ends at once
                await process.wait()
                await worker.channel.aclose()
        return code

    async def _look_after(self, number: int, worker: Worker) -> None:
        """Kill a worker that has begun and then answers nothing: callers that the kernel deals to it would hang."""
        await worker.started.wait()
        unanswered = 0
        while unanswered < HUNG_AFTER:
            await trio.sleep(LOOK_EVERY_S)
            unanswered = unanswered + 1 if await worker.ask("ready") is None else 0
        _log.error("worker %d has not answered %d times in a row; it is killed", number, unanswered)
        worker.process.kill()

    async def _pass_the_end_on(self) -> None:
        await self._life.drain.wait()
        await self._tell("drain")
        with trio.move_on_after(self._settings.timeouts.drain_s + END_WITHIN_S):
            await self._life.cut.wait()
        await self._tell("cut")
        await trio.sleep(END_WITHIN_S)
        for number, worker in self._workers.items():
            _log.error("worker %d does not end; it is killed", number)
            worker.process.kill()

    async def _tell(self, what: str) -> None:
        with trio.move_on_after(ANSWER_WITHIN_S):  # one that reads nothing any more holds nobody up
            async with trio.open_nursery() as nursery:
                for worker in list(self._workers.values()):
                    nursery.start_soon(worker.channel.send, {"do": what})

    async def _ask(self, what: str) -> dict[int, Any]:
        answers: dict[int, Any] = {}

        async def one(number: int, worker: Worker) -> None:
            answers[number] = await worker.ask(what)

        async with trio.open_nursery() as nursery:
            for number, worker in self._begun().items():
                nursery.start_soon(one, number, worker)
        return answers

    async def ready(self) -> dict[str, Any]:
        """All of them."""
        draining = self._life.drain.is_set()
        report = one_report(await self._ask("ready"), self._settings.service, draining=draining)
        return {**report, "replaced": self._replaced}

    async def metrics(self) -> bytes:
        """All of them, each sample with its worker; and how many there are."""
        texts = {number: text for number, text in (await self._ask("metrics")).items() if text is not None}
        own = (
            "# HELP sidegate_workers Workers that run\n# TYPE sidegate_workers gauge\n"
            f"sidegate_workers {len(self._begun())}\n"
            "# HELP sidegate_workers_replaced_total Workers that died and were replaced\n"
            f"# TYPE sidegate_workers_replaced_total counter\nsidegate_workers_replaced_total {self._replaced}\n"
        )
        return (one_exposition(texts) + own).encode()

    async def snapshot(self) -> dict[str, Any] | None:
        """The oldest that any of them enforces."""
        found = [snapshot for snapshot in (await self._ask("snapshot")).values() if snapshot is not None]
        return min(found, key=lambda snapshot: int(snapshot["version"]), default=None)

    def drain(self) -> None:
        """Begin to end, all of them."""
        self._life.drain.set()


async def _when(first: trio.Event, then: trio.Event) -> None:
    await first.wait()
    then.set()


def ended_by(code: int) -> str:
    """An exit code in words."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
