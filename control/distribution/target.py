"""What the sidecars of one service should run now, and the bytes that bring one there from where it is.

Whoever is on the chain needs only the increments that it lacks, everybody else all of it. Each of these is packed once,
however many sidecars it goes to.
"""

from dataclasses import dataclass, field

from control.lines import Lines, is_chosen
from sidecar.contract.envelope import Sealed
from sidecar.contract.increment import Chain
from sidecar.contract.messages import Increments, InUse, Push, without_nonce


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A chain whose end is to be in force."""

    chain: Chain
    _packed: dict[int, bytes] = field(default_factory=dict)  # by the number of increments; -1: all of it

    @property
    def version(self) -> int:
        """Of the chain's end."""
        return self.chain.in_use.version

    @property
    def place(self) -> InUse:
        """The chain's end."""
        return self.chain.in_use

    def plus(self, increments: tuple[Sealed, ...]) -> "Target":
        """What comes of it when these follow."""
        return Target(self.chain.plus(increments)) if increments else self

    def from_place(self, place: InUse | None) -> tuple[bytes, bool]:
        """What to send to a sidecar at ``place``, but for the nonce, and whether it is all of the chain."""
        missing = self.chain.after(place)
        return (self._all(), True) if not missing else (self._some(missing), False)

    def _all(self) -> bytes:
        chain = self.chain
        if -1 not in self._packed:
            self._packed[-1] = without_nonce(Push(0, self.version, chain.snapshot, chain.increments))
        return self._packed[-1]

    def _some(self, missing: tuple[Sealed, ...]) -> bytes:
        count = len(missing)
        if count not in self._packed:
            self._packed[count] = without_nonce(Increments(0, self.version, missing))
        return self._packed[count]


@dataclass(frozen=True, slots=True)
class Targets:
    """One service's: of most sidecars, and of those that try a canary, if these are to run something else."""

    stable: Target
    candidate: Target | None = None
    share: int = 0

    @classmethod
    def of(cls, lines: Lines) -> "Targets":
        """With nothing packed yet."""
        return cls(Target(lines.stable), None if lines.candidate is None else Target(lines.candidate), lines.share)

    @property
    def version(self) -> int:
        """Of both ends."""
        return self.stable.version

    def plus(self, increments: tuple[Sealed, ...]) -> "Targets":
        """What comes of both when these follow."""
        candidate = None if self.candidate is None else self.candidate.plus(increments)
        return Targets(self.stable.plus(increments), candidate, self.share)

    def for_sidecar(self, sidecar_id: str) -> Target:
        """Always the same one of both, as long as the canary runs."""
        if self.candidate is not None and is_chosen(sidecar_id, self.share):
            return self.candidate
        return self.stable
