"""What all exchanges of one process share, and what is going on in it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sidecar.http1.limits import Limits, Timeouts
from sidecar.observe.decisions import Decisions
from sidecar.observe.observer import Observer

from .gate import Gate
from .ids import Ids
from .origin import Forwarding
from .pool import Pool


@dataclass(slots=True)
class Load:
    """What is going on in this process. ``in_flight`` counts ``tunnels`` too, the upgrades asked for or open, and
    ``event_streams``; these two have nothing in common. ``draining_since`` is trio time."""

    connections: int = 0
    in_flight: int = 0
    tunnels: int = 0
    event_streams: int = 0
    draining_since: float | None = None

    @property
    def brief(self) -> int:
        """Exchanges under way that are expected to end by themselves."""
        return self.in_flight - self.tunnels - self.event_streams


@dataclass(frozen=True, slots=True)
class Shared:
    """What all exchanges share. ``clock`` is unix time."""

    gate: Gate
    pool: Pool
    authority: bytes
    timeouts: Timeouts
    limits: Limits
    observer: Observer
    clock: Callable[[], float]
    ids: Ids
    load: Load = field(default_factory=Load)
    forwarding: Forwarding = field(default_factory=Forwarding)
    decisions: Decisions | None = None
    """Where every decision is written down, if anywhere."""
    refresh: Callable[[str], None] = lambda _issuer: None
    """Told the issuer whose keys are worth asking for; returns at once."""
