"""A compose project under a real Docker engine: brought up once, asked and disturbed by the tests, taken away whole."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
UP_WITHIN_S = 600
COMMAND_WITHIN_S = 180
RECOVERED_WITHIN_S = 60
APPS = ("web-app", "orders-app")
SIDECARS = ("web-sidecar", "orders-sidecar")


def run(
    command: Sequence[str], *, stdin: str = "", env: dict[str, str] | None = None, within_s: float = COMMAND_WITHIN_S
) -> str:
    """What ``command`` printed; AssertionError with all that it said if it failed."""
    done = subprocess.run(
        list(command), cwd=ROOT, env=env, input=stdin, capture_output=True, text=True, timeout=within_s, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)} exited {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def answers(command: Sequence[str]) -> bool:
    """Does ``command`` exist and exit 0?"""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(list(command), capture_output=True, timeout=60, check=False).returncode == 0


def engine() -> tuple[str, ...] | None:
    """The words that call compose here, or None where there is no engine to call."""
    if not answers(["docker", "info"]):
        return None
    plugin, standalone = ("docker", "compose"), ("docker-compose",)
    return next((words for words in (plugin, standalone) if answers([*words, "version"])), None)


def free_port() -> int:
    """A loopback port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(holds: Callable[[], bool], what: str, within_s: float = RECOVERED_WITHIN_S) -> None:
    """Returns as soon as ``holds()``; AssertionError naming ``what`` if it does not in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.2)  # other people's containers: there is nothing to wait on but the clock


class Project:
    """A compose file under a project name, ports and an image tag of its own."""

    def __init__(self, words: tuple[str, ...], file: str = "compose.yml") -> None:
        self.name = f"sidegate-test-{os.getpid()}"
        web, control = free_port(), free_port()
        self.url = f"http://127.0.0.1:{web}"
        self._words = (*words, "-p", self.name, "-f", str(ROOT / file))
        self._env = {**os.environ, "WEB_PORT": str(web), "CONTROL_PORT": str(control), "SIDEGATE_TAG": self.name}

    def compose(self, *words: str, stdin: str = "", within_s: float = COMMAND_WITHIN_S) -> str:
        return run([*self._words, *words], stdin=stdin, env=self._env, within_s=within_s)

    def up(self) -> None:
        self.compose("up", "-d", "--build", within_s=UP_WITHIN_S)

    def down(self) -> None:
        self.compose("down", "-v", "--remove-orphans", "--rmi", "all", "-t", "5")

    def left_behind(self) -> list[str]:
        """Containers, volumes, networks and images that still bear the project's name."""
        label = f"label=com.docker.compose.project={self.name}"
        found = [
            run(["docker", "ps", "-aq", "--filter", label]),
            run(["docker", "volume", "ls", "-q", "--filter", label]),
            run(["docker", "network", "ls", "-q", "--filter", label]),
            run(["docker", "images", "-q", f"sidegate-*:{self.name}"]),
        ]
        return [line for lines in found for line in lines.split()]

    def containers(self, service: str) -> list[str]:
        """Ids of the running containers of ``service``."""
        labels = (f"com.docker.compose.project={self.name}", f"com.docker.compose.service={service}")
        return run(["docker", "ps", "-q", *(f"--filter=label={label}" for label in labels)]).split()

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows about the first container of ``service``, running or not."""
        labels = (f"com.docker.compose.project={self.name}", f"com.docker.compose.service={service}")
        ids = run(["docker", "ps", "-aq", *(f"--filter=label={label}" for label in labels)]).split()
        found: dict[str, Any] = json.loads(run(["docker", "inspect", ids[0]]))[0]
        return found

    def health(self, service: str) -> str:
        state = self.inspect(service)["State"]
        return str(state.get("Health", {}).get("Status", state["Status"]))

    def control(self, *words: str, stdin: str = "") -> str:
        """One ``control`` command, where an operator would type it."""
        return self.compose("exec", "-T", "control", "control", *words, stdin=stdin)

    def push(self, policy: str, at: str = "control") -> None:
        """Pushes this text and waits until every sidecar has said that it is in force."""
        script = "cat > /tmp/policy.yaml && control push /tmp/policy.yaml --wait"
        self.compose("exec", "-T", at, "sh", "-c", script, stdin=policy)

    def python(self, service: str, script: str) -> str:
        """What ``script`` prints, run inside ``service``."""
        return self.compose("exec", "-T", service, "python", "-I", "-c", script).strip()

    def stranger(self, network: str, script: str) -> str:
        """What ``script`` prints, run in a fresh container on ``network`` alone."""
        where = ["--network", f"{self.name}_{network}"]
        return run(["docker", "run", "--rm", *where, f"sidegate-example:{self.name}", "-c", script]).strip()

    def crash(self, service: str) -> None:
        """SIGKILL to the main process of each container, as the kernel would: the engine must see a crash."""
        for container in self.containers(service):
            pid = run(["docker", "inspect", "-f", "{{.State.Pid}}", container]).strip()
            kill = [f"sidegate-example:{self.name}", "-c", f"import os, signal; os.kill({pid}, signal.SIGKILL)"]
            run(["docker", "run", "--rm", "--pid", "host", "--user", "0", *kill])
        until(lambda: self.inspect(service)["RestartCount"] > 0, f"the engine restarted {service}")

    def get(self, path: str, token: str | None = None) -> httpx.Response | None:
        """One request through the published port; None if there was no answer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with httpx.Client(trust_env=False, timeout=15) as client:
                return client.get(self.url + path, headers=headers)
        except httpx.TransportError:
            return None

    def status(self, path: str, token: str | None = None) -> int:
        """The status of ``get``; 0 if there was no answer."""
        response = self.get(path, token)
        return 0 if response is None else response.status_code
