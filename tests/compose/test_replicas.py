"""compose.replicas.yml under a real Docker engine: whoever is lost, pushes go on arriving. One mesh for all tests."""

import json
from collections.abc import Iterator

import pytest

from .engine import ROOT, Project, answers, engine, run, until

pytestmark = pytest.mark.compose

POSTGRESQL = "postgres:17"
CONTROLS = ("control-a", "control-b", "control-c")
SIDECARS = ("web-1", "web-2", "orders-1", "orders-2", "orders-3")
ASK = """
import urllib.request, urllib.error
try:
    print(urllib.request.urlopen('http://127.0.0.1:8000{path}', timeout=3).status)
except urllib.error.HTTPError as refused:
    print(refused.code)
except OSError as error:
    print('unreachable')
"""
POLICY = """\
trust_domain: shop.test
issuers: {own: {builtin: true}}
services:
  web: {routes: [{path: /, access: public}, {path: "/%(name)s", access: public}]}
  orders: {routes: [{path: "/public/**", access: public}, {path: "/%(name)s", access: public}]}
"""


class Replicas(Project):
    """The mesh of several controls; with the official PostgreSQL if the engine has it, else with Debian's."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__(words, "compose.replicas.yml")
        self._env["POSTGRES_IMAGE"] = self._image = f"sidegate-postgresql:{self.name}"

    def up(self) -> None:
        if answers(["docker", "image", "inspect", POSTGRESQL]):
            run(["docker", "tag", POSTGRESQL, self._image])
        else:
            run(["docker", "build", "-t", self._image, str(ROOT / "tests/compose/postgresql")], within_s=600)
        super().up()

    def at(self, control: str, *words: str, stdin: str = "") -> str:
        """One ``control`` command at that control."""
        return self.compose("exec", "-T", control, "control", *words, stdin=stdin)

    def running(self, control: str) -> list[int]:
        """The versions in force, as that control knows it, of all connected sidecars."""
        found = json.loads(self.at(control, "-o", "json", "status"))["sidecars"]
        return [one["version"] for one in found if one["state"] == "acked"]

    def answers(self, sidecar: str, path: str) -> str:
        """What its service's page gives, asked beside the sidecar."""
        return self.python(sidecar, ASK.format(path=path))

    def healthy(self, service: str) -> None:
        """Returns when the engine's own health check of ``service`` says so."""
        until(lambda: self.health(service) == "healthy", f"{service} is healthy", 180)


@pytest.fixture(scope="module")
def mesh() -> Iterator[Replicas]:
    """The whole of it, up; taken away with its volumes and images whatever happens."""
    words = engine()
    if words is None:
        pytest.skip("NO DOCKER ENGINE HERE: compose.replicas.yml WAS NOT TESTED")
    project = Replicas(words)
    try:
        project.up()
        yield project
    finally:
        project.down()


def arrives(mesh: Replicas, control: str, name: str) -> None:
    """A policy with a page of that name, pushed at that control, is in force on all five sidecars, as it knows, and
    each of them lets everyone have that page."""
    mesh.push(POLICY % {"name": name}, control)
    until(lambda: len(found := mesh.running(control)) == 5 and len(set(found)) == 1, f"{name} is in force", 180)
    assert {mesh.answers(sidecar, f"/{name}") for sidecar in SIDECARS} <= {"200", "404"}


def test_a_push_at_any_control_reaches_every_sidecar(mesh: Replicas) -> None:
    """Whoever it is connected to."""
    for service in (*CONTROLS, *SIDECARS):
        mesh.healthy(service)
    for control in CONTROLS:
        arrives(mesh, control, f"at-{control}")


@pytest.mark.parametrize("gone", CONTROLS)
def test_a_control_may_crash(mesh: Replicas, gone: str) -> None:
    """Pushes at the others go on arriving, also in the sidecars that were connected to it."""
    mesh.crash(gone)
    arrives(mesh, next(one for one in CONTROLS if one != gone), f"without-{gone}")
    mesh.healthy(gone)


def test_the_database_may_crash(mesh: Replicas) -> None:
    """Requests are served meanwhile, and pushes go on when it is back."""
    mesh.crash("database")
    assert mesh.status("/") == 200
    mesh.healthy("database")
    arrives(mesh, "control-b", "after-the-crash")


def test_sidecars_may_be_restarted(mesh: Replicas) -> None:
    """They are back with their identities, and get what is pushed."""
    for gone in SIDECARS:
        mesh.compose("restart", "-t", "5", gone)
    for gone in SIDECARS:
        mesh.healthy(gone)
    arrives(mesh, "control-c", "after-the-sidecars")
    assert len(json.loads(mesh.at("control-c", "-o", "json", "status"))["sidecars"]) == 5


def test_all_controls_and_the_database_may_be_restarted_at_once(mesh: Replicas) -> None:
    """Nothing needs a hand."""
    mesh.compose("restart", "-t", "5", "database", *CONTROLS)
    for control in CONTROLS:
        mesh.healthy(control)
    arrives(mesh, "control-a", "after-all")
