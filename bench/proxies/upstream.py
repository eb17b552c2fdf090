"""The services behind every proxy. nginx answers what has an end; ``streaming`` what has none."""

import random
import sys
from collections.abc import Callable
from pathlib import Path

from control.testing.processes import Processes

from . import programs
from .checks import wait_for_port
from .ports import free_port
from .processors import Place, pin
from .templates import write


class Services:
    """Started when they are first asked for."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self._folder, self._processes = folder, processes
        self._ports = dict[str, int]()

    def port(self, service: str, place: Place) -> int:
        """Of ``nginx`` or ``streaming``, on the processors that are not the proxy's."""
        if service not in self._ports:
            start: dict[str, Callable[[], int]] = {"nginx": self._nginx, "streaming": self._streaming}
            self._ports[service] = start[service]()
        pin(self.pid(service), place.rest)
        return self._ports[service]

    def pid(self, service: str) -> int:
        """Of its first process."""
        return self._processes.pid(service)

    def _nginx(self) -> int:
        folder, port = self._folder / "nginx", free_port()
        folder.mkdir()
        (folder / "64k").write_text("".join(random.Random(1).choices("0123456789abcdef", k=65536)))  # noqa: S311
        values = {"FOLDER": folder, "PORT": port, "MODULES": programs.modules()}
        write("upstream.js", folder / "upstream.js", {})
        config = write("upstream.conf", folder / "nginx.conf", values)
        self._processes.start("nginx", [programs.need("nginx"), "-p", str(folder), "-c", str(config)], "")
        wait_for_port(port, "nginx")
        return port

    def _streaming(self) -> int:
        command = [sys.executable, "-m", "bench.proxies.streaming"]
        return int(self._processes.start("streaming", command, r"listening on (\d+)")[1])
