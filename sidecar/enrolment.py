"""Which snapshot a sidecar begins with, and who brings it the next ones: a link to control, or nobody for a file.

Several workers share one state directory and are one sidecar to control. The first joins and holds the token; the
others wait until there is an identity, and come back with the new one whenever it changes.
"""

import logging
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import trio

from . import __version__
from .contract.messages import Report
from .contract.snapshot import Snapshot
from .contract.strict import ContractError
from .link import Link, LinkSettings, LinkStatus, StateDir
from .observe.status import Source, Status
from .proxy.gate import Gate
from .settings import Settings
from .snapshots import SnapshotError, read_snapshot_file

LOOK_EVERY_S = 0.5
Reports = Callable[[], list[Report]]
_KINDS: dict[str, Source] = {"last_good": "last-good", "push": "control", "increment": "control"}

_log = logging.getLogger("sidecar")


class StartError(Exception):
    """The sidecar cannot begin, or not go on. The text says why and what to do."""


class Bringer(Protocol):
    """What brings snapshots: a link, or a worker's follower."""

    @property
    def status(self) -> LinkStatus: ...

    def request_refresh(self, issuer: str) -> None:
        """Let control look whether ``issuer`` has new keys."""
        ...

    async def run(self) -> None:
        """For ever."""
        ...


class Restored(Bringer, Protocol):
    """One that first puts in force what is on the disk."""

    async def restore(self) -> bool:
        """True if there was something."""
        ...


async def first_snapshot(
    settings: Settings, gate: Gate, status: Status, worker: int, reports: Reports
) -> Bringer | None:
    """Puts a snapshot in force if there is one, and gives what will bring the next ones and tell control the
    ``reports``. StartError if it cannot, SnapshotError if what is there cannot be used."""
    if settings.snapshot is not None:
        snapshot = await trio.to_thread.run_sync(read_snapshot_file, settings.snapshot, settings.service)
        try:
            gate.use(snapshot)
        except ContractError as error:
            raise SnapshotError(f"{settings.snapshot}: {error}") from error
        status.use(snapshot, "file")
        return None
    try:
        if settings.unread_token:
            _log.warning("%s; going on as the sidecar that joined before", settings.unread_token)
        if worker > 1:
            follower = Follower(lambda: _link(settings, gate, status, worker, reports), settings.state_dir / "identity")
            await follower.restore()
            return follower
        link = _link(settings, gate, status, worker, reports)
        await link.restore()
    except ContractError as error:
        raise StartError(str(error)) from error
    except OSError as error:
        raise StartError(f"state_dir {settings.state_dir}: {error.strerror}") from error
    return link


def _link(settings: Settings, gate: Gate, status: Status, worker: int, reports: Reports) -> Link:
    instance = socket.gethostname() + (f"#{worker}" if worker else "")
    token = settings.join_token if worker < 2 else None
    facts = LinkSettings(settings.service, settings.control, instance, f"sidegate/{__version__}", token)

    def compile_(snapshot: Snapshot, source: str) -> Callable[[], None]:
        evaluator, kind = gate.compiled(snapshot), _KINDS[source]

        def swap() -> None:
            gate.put(evaluator)
            status.use(snapshot, kind)

        return swap

    def on_status(said: LinkStatus) -> None:
        status.control(said.state == "connected", time.time(), said.error or said.last_nack, said.address)
        status.state_written = said.written

    state = StateDir(settings.state_dir, settings.service)
    rng = random.Random()  # noqa: S311  # jitter
    return Link(facts, state, compile_, now=time.time, rng=rng, on_status=on_status, reports=reports)


class Follower:
    """The link of a worker that leaves the joining to the first one. ``make`` gives a fresh link."""

    def __init__(self, make: Callable[[], Restored], identity: Path) -> None:
        self._make, self._identity = make, identity
        self._link: Restored | None = None
        self._seen: tuple[int, int] | None = None

    @property
    def status(self) -> LinkStatus:
        """The present link's; *starting* while there is none."""
        return self._link.status if self._link else LinkStatus()

    def request_refresh(self, issuer: str) -> None:
        """The present link's, if there is one."""
        if self._link is not None:
            self._link.request_refresh(issuer)

    async def restore(self) -> None:
        """Begin with the identity and the snapshot that are there, if any."""
        self._seen = self._stamp()
        self._link = None
        if self._seen is not None:
            link = self._make()
            await link.restore()
            self._link = link

    async def run(self) -> None:
        """Hold a link for as long as the identity stays the same, and begin anew when it changes."""
        while True:
            async with trio.open_nursery() as nursery:
                if self._link is not None:
                    nursery.start_soon(self._link.run)
                while self._stamp() == self._seen:  # noqa: ASYNC110  # another process writes the file
                    await trio.sleep(LOOK_EVERY_S)
                nursery.cancel_scope.cancel()
            try:
                await self.restore()
            except (ContractError, OSError) as error:
                _log.error("the identity that the first worker wrote cannot be used: %s", error)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._identity.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns
