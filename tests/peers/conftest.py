"""Real peers on both sides of a real ``sidecar run``, which enforces a snapshot file: no control is needed.

A peer that is not installed is skipped and named; ``make peers`` installs what a package index has.
"""

import importlib.util
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from control.testing.processes import BIN, Processes
from control.testing.tokens import ALGORITHM, Mint
from sidecar.contract.snapshot import Issuer, Requirement, Route, Snapshot, encode

from . import clients, services

SERVICES = ("uvicorn", "gunicorn", "node")


@dataclass(frozen=True)
class Sidecar:
    """A running one, and a token that it takes."""

    url: str
    admin: str
    token: str
    log: Path

    @property
    def bearer(self) -> dict[str, str]:
        """What a caller adds."""
        return {"Authorization": f"Bearer {self.token}"}

    def gauge(self, name: str) -> int:
        """A number from its ``/metrics``."""
        text = httpx.get(self.admin + "/metrics", trust_env=False).text
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        assert found, text
        return int(float(found[1]))


def start_sidecar(name: str, upstream: str, processes: Processes, *extra: str) -> Sidecar:
    """One before ``upstream``: ``/open/**``, pages and sockets are public, everything else takes a token."""
    mint, now = Mint(), int(time.time())
    issuer = Issuer("tests", "https://issuer.test/", ("service",), (ALGORITHM,))
    public = ("/open/**", "/page", "/socket", "/events", "/release", "/report", "/hello", "/gzip", "/chunks/*")
    routes = [Route("/admin/**", require=Requirement(scopes=("admin",)))]
    routes += [Route(path, access="public") for path in (*public, "/cookies", "/echo")]
    snapshot = Snapshot(
        trust_domain="peers.test",
        service="service",
        version=1,
        issued_at=now,
        issuers=(Issuer("tests", issuer.issuer, issuer.audiences, issuer.algorithms, keys=(mint.jwk("tests"),)),),
        routes=(*routes, Route("/**")),
    )
    path = processes.folder / f"{name}.snapshot"
    path.write_bytes(encode(snapshot))
    ready = processes.start(
        name,
        [
            *(str(BIN / "sidecar"), "run", "--service", "service", "--upstream", upstream, "--snapshot", str(path)),
            *("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *extra),
        ],
        r"sidecar up: .*listen (\S+)\s+admin (\S+)",
    )
    token = mint.token(issuer, {"sub": "peer", "exp": now + 3600}, now)
    return Sidecar(ready[1], ready[2], token, processes.folder / f"{name}.log")


def require(program: str) -> None:
    """Skips the test if a program is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def require_module(name: str) -> None:
    """Skips the test if a module is not installed."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: make peers")


def require_package(name: str) -> None:
    """Skips the test if a package of Node is not installed."""
    require("node")
    if not (services.PROGRAMS / "node_modules" / name).is_dir():
        pytest.skip(f"{name} is not installed: make peers")


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Everything that these tests start ends with them."""
    with Processes(tmp_path_factory.mktemp("peers")) as running:
        yield running


@pytest.fixture(scope="session")
def fleet(processes: Processes) -> dict[str, Sidecar]:
    """The sidecars that have been started, by the name of their service."""
    return {}


def sidecar_before(name: str, fleet: dict[str, Sidecar], processes: Processes) -> Sidecar:
    """The sidecar before the service called ``name``; both are started if they are not running."""
    if name == "node":
        require("node")
    else:
        require_module(name)
    if name not in fleet:
        fleet[name] = start_sidecar(f"sidecar-{name}", services.start(name, processes), processes)
    return fleet[name]


@pytest.fixture(scope="session", params=SERVICES)
def sidecar(request: pytest.FixtureRequest, fleet: dict[str, Sidecar], processes: Processes) -> Sidecar:
    """A sidecar before each of the services in turn."""
    return sidecar_before(request.param, fleet, processes)


@pytest.fixture(scope="session")
def before_uvicorn(fleet: dict[str, Sidecar], processes: Processes) -> Sidecar:
    """The one before uvicorn."""
    return sidecar_before("uvicorn", fleet, processes)


@pytest.fixture(scope="session")
def before_node(fleet: dict[str, Sidecar], processes: Processes) -> Sidecar:
    """The one before Node."""
    return sidecar_before("node", fleet, processes)


@pytest.fixture(scope="session")
def before_websockets(fleet: dict[str, Sidecar], processes: Processes) -> Sidecar:
    """The one before the ``websockets`` library's server."""
    return sidecar_before("websockets", fleet, processes)


@pytest.fixture(scope="session")
def before_nginx(fleet: dict[str, Sidecar], processes: Processes) -> Sidecar:
    """The one before nginx, which it reaches on a unix socket."""
    require("nginx")
    if "nginx" not in fleet:
        folder = processes.folder / "nginx"
        where = services.start_nginx(folder, processes, services.FILES)
        services.files(folder / "files")
        fleet["nginx"] = start_sidecar("sidecar-nginx", where, processes)
    return fleet["nginx"]


@pytest.fixture(scope="session", params=clients.CLIENTS)
def client_name(request: pytest.FixtureRequest) -> str:
    """Each client that is installed."""
    name: str = request.param
    if program := clients.NEEDS.get(name):
        require(program)
    else:
        require_module(name)
    return name


@pytest.fixture(scope="session")
def client(client_name: str, sidecar: Sidecar, processes: Processes) -> Iterator[clients.Client]:
    """Each client, before each sidecar."""
    made = clients.start(client_name, sidecar.url, processes.folder)
    yield made
    made.close()
