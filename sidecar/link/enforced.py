"""What the sidecar enforces now; it outlives every session.

A pushed snapshot is verified, decoded and compiled in a worker thread, so that no exchange waits for it, then swapped
in the loop. Increments need no compiling: one is in force within the turn of the loop that it arrives in. Either is in
force before it is on disk, and the next does not wait for the disk either; if only the disk fails it is in force all
the same, and that is said loudly.
"""

import logging
from collections.abc import Callable

from sidecar.contract.increment import Chain
from sidecar.contract.messages import Increments, InUse, Push
from sidecar.contract.snapshot import Snapshot
from sidecar.contract.strict import ContractError

from .admission import Admitted, admit_increments, admit_push
from .journal import record
from .state import StateDir
from .threads import InThread, in_thread

Compile = Callable[[Snapshot, str], Callable[[], None]]
"""Compile, in any thread, or raise ContractError; the result puts it in force, in the loop. The text says where the
snapshot came from: ``push``, ``increment`` or ``last_good``."""

FEW = 16
"""So many increments are verified in the loop; for more of them, a sidecar that was away, it is not kept waiting."""


class Enforced:
    """``take`` what control pushes, ``keep`` it on disk; ``in_use`` says what came of it."""

    def __init__(
        self,
        service: str,
        compile_: Compile,
        state: StateDir,
        now: Callable[[], float],
        blocking: InThread = in_thread,
    ) -> None:
        self.service, self._compile, self._state, self._now = service, compile_, state, now
        self._blocking = blocking
        self.admitted: Admitted | None = None
        self._kept: Chain | None = None

    @property
    def in_use(self) -> InUse | None:
        """Its place on the chain."""
        return None if self.admitted is None else self.admitted.chain.in_use

    async def restore(self, signing_key: bytes) -> bool:
        """Put in force what is on disk; True if there is something that can be."""
        admitted = await self._blocking(self._state.load_last_good, signing_key, self._now())
        if admitted is None:
            return False
        try:
            swap = await self._blocking(self._compile, admitted.snapshot, "last_good")
        except ContractError as error:
            self._state.set_aside("last-good", error)
            return False
        self._use(admitted, swap)
        self._kept = admitted.chain
        return True

    async def take(self, push: Push | Increments, signing_key: bytes) -> None:
        """Put it in force; ContractError if it is refused."""
        if isinstance(push, Push):
            admitted = await self._blocking(admit_push, push, signing_key, self.service, self.in_use, self._now())
            if admitted.chain.in_use != self.in_use:
                self._use(admitted, await self._blocking(self._compile, admitted.snapshot, "push"))
        elif len(push.increments) <= FEW:
            admitted = admit_increments(push, signing_key, self.admitted, self._now())
            self._use(admitted, self._compile(admitted.snapshot, "increment"))
        else:
            admitted = await self._blocking(admit_increments, push, signing_key, self.admitted, self._now())
            self._use(admitted, await self._blocking(self._compile, admitted.snapshot, "increment"))

    @property
    def kept(self) -> bool:
        """Would a restart begin with what is in force?"""
        return self.admitted is None or self.admitted.chain is self._kept

    async def keep(self) -> None:
        """Write what is in force to the disk, unless it is there. If the disk takes nothing, the next call tries
        again."""
        if self.admitted is None or self.kept:
            return
        chain = self.admitted.chain
        try:
            await self._blocking(self._state.save_last_good, chain)
        except OSError as error:
            record(logging.ERROR, "last_good_not_written", version=chain.in_use.version, why=str(error))
        else:
            self._kept = chain

    def _use(self, admitted: Admitted, swap: Callable[[], None]) -> None:
        swap()
        self.admitted = admitted
