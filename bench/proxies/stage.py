"""The stage of a measurement: a folder, an issuer's keys, the services, targets that stand on it, and load on them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from control.testing.processes import Processes

from . import conversations, h2load, programs, wrk
from .certificate import write_certificate
from .checks import first_200, refuses, wait_for_port
from .keys import Keys
from .load import Load, LoadError
from .ports import free_port
from .processors import Place
from .scenarios import Scenario, Setup
from .targets import Ground, Target
from .upstream import Services


@dataclass(frozen=True, slots=True)
class Standing:
    """A target that runs. ``service``: the process behind it; the target itself, where there is no proxy."""

    target: Target
    pid: int
    port: int
    service: int


class Stage:
    """Everything in one folder; what it started ends with ``processes``."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self._folder, self._processes = folder, processes
        self._keys, self._services = Keys(folder), Services(folder, processes)
        write_certificate(folder)

    @contextmanager
    def standing(
        self, setup: Setup, targets: Iterable[Target], place: Place, *, checked: bool = True
    ) -> Iterator[list[Standing]]:
        """Targets that have answered 200 and, if ``checked``, refused what they should; SystemExit with their log."""
        upstream_port = self._services.port(setup.service, place)
        service = self._services.pid(setup.service)
        standing, started = list[Standing](), list[str]()
        try:
            for target in targets:
                folder, port = self._folder / target.name, free_port()
                folder.mkdir(exist_ok=True)
                command = target.command(setup, Ground(folder, self._keys, port, upstream_port))
                if not command:
                    standing.append(Standing(target, service, upstream_port, service))
                    continue
                pinned = [programs.need("taskset"), "-c", ",".join(map(str, sorted(place.proxy))), *command]
                self._processes.start(target.name, pinned, "")
                started.append(target.name)
                standing.append(Standing(target, self._processes.pid(target.name), port, service))
                self._answers(target, port, setup, checked=checked)
            yield standing
        finally:
            for name in started:
                self._processes.terminate(name)

    def _answers(self, target: Target, port: int, setup: Setup, *, checked: bool) -> None:
        try:
            wait_for_port(port, target.name)
            first_200(port, self._keys.token(setup.algorithm), tls=setup.tls)
            if checked and setup.service == "nginx":
                refuses(target.name, port, self._keys, setup.algorithm, tls=setup.tls)
        except SystemExit as error:
            raise SystemExit(f"{error}\n{self._processes.log(target.name)[-2000:]}") from None

    def load(self, port: int, scenario: Scenario, seconds: float, place: Place) -> Load:
        """One run of it."""
        tokens = self._keys.tokens(scenario.setup.algorithm, scenario.tokens, false=scenario.false)
        match scenario.tool:
            case "wrk":
                return wrk.drive(port, scenario, tokens, seconds, place.rest)
            case "paced":
                return h2load.drive(port, scenario, tokens, seconds, place.rest)
            case "frames":
                return conversations.frames(port, scenario, tokens.read_text().split()[0], seconds)
            case "events":
                return conversations.events(port, scenario, tokens.read_text().split()[0], seconds)
        raise LoadError(f"{scenario.tool} is no load")
