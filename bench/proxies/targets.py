"""What is measured beside what: a target is a program and how it is started for a setup."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from . import programs
from .keys import Keys
from .scenarios import Scenario, Setup


@dataclass(frozen=True, slots=True)
class Ground:
    """What a target stands on. ``folder`` is its own."""

    folder: Path
    keys: Keys
    port: int
    upstream_port: int


class Target(Protocol):
    """Ours or a peer."""

    @property
    def name(self) -> str:
        """In the tables."""

    def fits(self, scenario: Scenario) -> bool:
        """Has it a counterpart?"""

    def command(self, setup: Setup, ground: Ground) -> Sequence[str]:
        """Writes its files, and says how it is started; nothing if it needs no start."""

    def version(self) -> str:
        """What it says that it is."""


class Direct:
    """No proxy: the load goes to the service. What it reaches is the most that the load's side could."""

    name = "direct"

    def fits(self, scenario: Scenario) -> bool:
        """It checks nothing and starts nothing."""
        return not (scenario.alone or scenario.false or scenario.setup.tls or scenario.tool == "start")

    def command(self, setup: Setup, ground: Ground) -> Sequence[str]:  # noqa: ARG002  # a Target's
        """Nothing."""
        return []

    def version(self) -> str:
        """nginx's."""
        return programs.version(programs.need("nginx"), "-v")
