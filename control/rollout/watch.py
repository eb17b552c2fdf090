"""Gathers what a verdict takes, asks the judge, and does what he says.

Each control adds what its own sidecars report to the store, where it counts for all. A verdict names the canary that it
is about, so that of several controls (or of a control and an operator) one ends it and the others find it ended. Knows
nothing of proportions.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import trio

from control.distribution import PushServer, SidecarView
from control.distribution.reports import Traffic
from control.distribution.session import Session
from control.distribution.threads import Threads
from control.errors import ControlError
from control.lines import is_chosen
from control.mesh import Mesh
from control.mesh.canaries import Canary
from control.mesh.ledger import SYSTEM
from control.mesh.traffic import Counted, Line
from control.policy import PolicyErrors

from .judge import Comparison, Facts, Member, Tally, Terms, Verdict, compared, judge

LOOK_EVERY_S = 2.0
LARGE = 1000
LOOK_AT_LARGE_EVERY_S = 10.0
"""A fleet of more than ``LARGE`` reports thousands of rows, which are read and written at each look."""
_log = logging.getLogger("control")


@dataclass(frozen=True, slots=True)
class Report:
    """How a canary stands: who tries it, what each service's rates are, and the verdict as of now."""

    canary: Canary
    members: Sequence[SidecarView]
    comparisons: Sequence[Comparison]
    verdict: Verdict


class Watch:
    """``run`` judges the canary that runs; ``report`` says how it stands. Ask from the fleet's own trio thread."""

    def __init__(
        self,
        mesh: Mesh,
        fleet: PushServer,
        terms: Terms | None = None,
        *,
        now: Callable[[], float],
        in_charge: Callable[[], bool] = lambda: True,
        threads: Threads | None = None,
    ) -> None:
        self.terms = terms or Terms()
        self._mesh, self._fleet, self._now, self._in_charge = mesh, fleet, now, in_charge
        self._threads = threads or Threads(2)
        self._counted: dict[Session, dict[int, Traffic]] = {}
        self._since = 0
        self._somebody_at = 0.0
        self._woken, self._one_at_a_time = trio.Event(), trio.Lock()

    async def run(self) -> None:
        """For ever."""
        end = self._fleet.follow(lambda what, _session: self._woken.set() if what == "nacked" else None)
        try:
            while True:
                try:
                    await self._look()
                except (ControlError, PolicyErrors) as error:
                    _log.warning("the canary's verdict was not carried out: %s", error)
                except Exception:
                    # A database that is away comes back; without this task nobody would end a bad canary.
                    _log.exception("the canary could not be judged; trying again")
                with trio.move_on_after(self._pace()):
                    await self._woken.wait()
                self._woken = trio.Event()
        finally:
            end()

    async def report(self) -> Report | None:
        """Of the canary that runs."""
        canary = await self._threads.run(self._mesh.canaries.running)
        if canary is None:
            return None
        async with self._one_at_a_time:
            await self._count(canary)
            return await self._report(canary)

    async def until_ended(self) -> None:
        """Until no canary runs."""
        send, receive = trio.open_memory_channel[int](1)
        token = trio.lowlevel.current_trio_token()

        def heard(version: int) -> None:
            with suppress(trio.WouldBlock):
                send.send_nowait(version)

        end = self._mesh.subscribe(lambda version: token.run_sync_soon(heard, version))
        try:
            while await self._threads.run(self._mesh.canaries.running) is not None:
                await receive.receive()
        finally:
            end()

    async def _look(self) -> None:
        report = await self.report()
        if report is None or report.verdict.action == "wait" or not await self._threads.run(self._in_charge):
            return
        verdict, since = report.verdict, report.canary.since
        act = self._mesh.canaries.promote if verdict.action == "promote" else self._mesh.canaries.abort
        made = await self._threads.run(act, SYSTEM, verdict.sentence[:500], since)
        _log.warning("canary of version %d: %s by version %d: %s", since, made.kind, made.version, made.note)

    async def _report(self, canary: Canary) -> Report:
        differing = await self._threads.run(self._mesh.canaries.differing)
        counted = await self._threads.run(self._mesh.canaries.counted, canary.since)
        frozen = await self._threads.run(self._mesh.freezes.current)
        members = [one for one in await self._fleet.sidecars() if _tries(one, canary, differing)]
        if members or self._since != canary.since:
            self._since, self._somebody_at = canary.since, trio.current_time()
        tallies = [Tally(one.service, one.line, one.requests, one.denied, one.failed) for one in counted]
        facts = Facts(
            max(0.0, self._now() - canary.begun_at),
            trio.current_time() - self._somebody_at,
            [_member(one, canary.since) for one in members],
            [one for one in tallies if one.service in differing],
            str(frozen or ""),
        )
        return Report(canary, members, compared(facts.tallies, self.terms), judge(facts, self.terms))

    async def _count(self, canary: Canary) -> None:
        """Hand what was reported since the last look to the store."""
        now = {session: dict(session.reports.by_version) for session in self._fleet.sessions()}
        before = self._counted if self._since == canary.since else {}
        news = [one for session in now for one in _news(session, now[session], before.get(session, {}), canary)]
        if news:
            await self._threads.run(self._mesh.canaries.count, canary.since, news)
        self._counted = now

    def _pace(self) -> float:
        return LOOK_EVERY_S if len(self._fleet.sessions()) <= LARGE else LOOK_AT_LARGE_EVERY_S


def _tries(one: SidecarView, canary: Canary, differing: frozenset[str]) -> bool:
    return one.connected and one.service in differing and is_chosen(one.sidecar_id, canary.share)


def _member(one: SidecarView, since: int) -> Member:
    name = f"{one.service}/{one.instance}"
    if one.desired < since:
        return Member(name, one.service, "pending")
    match one.state:
        case "acked" | "nacked":
            return Member(name, one.service, one.state, one.reason)
    return Member(name, one.service, "acked" if one.version >= since else "pending")


def _news(session: Session, now: dict[int, Traffic], before: dict[int, Traffic], canary: Canary) -> Iterator[Counted]:
    for version, traffic in now.items():
        known = before.get(version, Traffic())
        if traffic.requests > known.requests and version >= canary.after:
            yield Counted(
                session.sidecar_id,
                session.service,
                _line(session, version, canary),
                traffic.requests - known.requests,
                traffic.denied - known.denied,
                traffic.failed - known.failed,
                traffic.seconds - known.seconds,
            )


def _line(session: Session, version: int, canary: Canary) -> Line:
    if version < canary.since:
        return "before"
    return "candidate" if is_chosen(session.sidecar_id, canary.share) else "stable"
