"""Several controls over one PostgreSQL: a change at any of them is a change of the mesh, and any of them may go."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from control.testing.processes import BIN, command
from tests.postgresql import PostgreSQL, serving

from .conftest import POLICY, Stack

ALL = ("at-a", "at-b", "either")
WITHIN_S = 60
"""No wait is so long; a fault would wait for ever."""


class Replicas(Stack):
    """Two controls, ``a`` and ``b``; a sidecar that is given both addresses, and one for each that knows no other."""

    def __init__(self, folder: Path, server: PostgreSQL) -> None:
        super().__init__(folder)
        self.server, self._database = server, server.empty()
        self.at: dict[str, dict[str, str]] = {}
        self.pushes: dict[str, str] = {}

    def start(self, name: str) -> None:
        """The control of that name; again, on the ports that it had."""
        http = self.at.get(name, {}).get("CONTROL_URL", "http://127.0.0.1:0").removeprefix("http://")
        arguments = ["--http", http, "--push", self.pushes.get(name, "127.0.0.1:0"), "--public-url", "http://mesh.test"]
        ready = self.processes.start(
            name,
            [str(BIN / "control"), "serve", *arguments],
            r"control ready: http (\S+)\s+push (\S+)",
            {**self.operator, "CONTROL_DATABASE": self._database},
        )
        self.at[name] = {**self.operator, "CONTROL_URL": ready[1]}
        self.pushes[name] = ready[2]

    def use(self, name: str, push: str) -> None:
        """Whom ``control`` asks, and where the next sidecar connects."""
        self.operator, self.push = self.at[name], push

    def json(self, name: str, *arguments: str) -> Any:
        """What a verb says at one of them."""
        return json.loads(command(str(BIN / "control"), "-o", "json", *arguments, env=self.at[name]).stdout)

    def running(self, name: str) -> list[int]:
        """The versions in force, as that control knows it, of those connected anywhere."""
        return [one["version"] for one in self.json(name, "status")["sidecars"] if one["state"] == "acked"]

    def connected(self, name: str) -> int:
        """How many there are, as that control knows it."""
        return sum(one["connected"] for one in self.json(name, "status")["sidecars"])

    def all_get(self, token: str, status: int) -> bool:
        """Does everyone answer so?"""
        return {self.get(name, "/orders/7", token).status_code for name in ALL} == {status}


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    """Both controls, a policy, and the echo service with a sidecar at each and one that may be at either."""
    with serving() as server:
        made = Replicas(tmp_path, server)
        with made.processes:
            for name in ("a", "b"):
                made.start(name)
            made.use("a", made.pushes["a"])
            echo = made.start_echo()
            made.add_sidecar("at-a", "orders", echo)
            made.use("b", made.pushes["b"])
            made.add_sidecar("at-b", "orders", echo)
            made.use("a", f"{made.pushes['a']},{made.pushes['b']}")
            made.add_sidecar("either", "orders", echo)
            until(lambda: made.connected("a") == made.connected("b") == len(ALL))  # as each hears of the other's
            yield made
        made.http.close()


def until(what: Callable[[], bool]) -> None:
    """Until it is so."""
    over = time.monotonic() + WITHIN_S
    while not what():
        assert time.monotonic() < over
        time.sleep(0.05)


def test_a_push_at_one_reaches_the_sidecars_of_all(replicas: Replicas) -> None:
    """And its receipt counts them; so does each one's status."""
    receipt = replicas.json("a", "push", str(replicas.policy()), "--wait")
    assert (len(receipt["rollout"]["acked"]), receipt["rollout"]["pending"]) == (3, [])
    for name in ("a", "b"):
        assert replicas.running(name) == [receipt["version"]] * 3
    token = replicas.token("orders:read")
    assert replicas.all_get(token, 200)
    (app,) = (one["name"] for one in replicas.json("b", "app", "list")["apps"])
    assert len(replicas.json("b", "revoke", "--app", app, "--wait")["rollout"]["acked"]) == 3
    assert replicas.all_get(token, 401)


def test_a_control_may_go(replicas: Replicas) -> None:
    """kill -9: whoever was given both addresses goes over to the other and gets the next push; the rest serves on, and
    has it when its control is back."""
    replicas.json("a", "push", str(replicas.policy()), "--wait")
    token = replicas.token("orders:read")
    replicas.processes.kill("a")
    replicas.use("b", replicas.pushes["b"])
    until(lambda: len(replicas.running("b")) == 2)
    tighter = replicas.policy(POLICY.replace("orders:read", "orders:audit"), "tighter.yaml")
    replicas.json("b", "push", str(tighter), "--wait")
    assert {replicas.get(name, "/orders/7", token).status_code for name in ("at-b", "either")} == {403}
    assert replicas.get("at-a", "/orders/7", token).status_code == 200
    replicas.start("a")
    until(lambda: replicas.get("at-a", "/orders/7", token).status_code == 403)


def test_the_database_may_go(replicas: Replicas) -> None:
    """Sidecars serve on, changes are refused with a sentence, and nothing needs a hand when it is back."""
    replicas.json("a", "push", str(replicas.policy()), "--wait")
    token = replicas.token("orders:read")
    replicas.server.stop()
    for name in ("a", "b"):
        refused = command(str(BIN / "control"), "push", str(replicas.policy()), env=replicas.at[name], expect=None)
        assert refused.returncode != 0
        assert "database" in refused.stderr
    assert replicas.all_get(token, 200)
    replicas.server.start()
    tighter = replicas.policy(POLICY.replace("orders:read", "orders:audit"), "tighter.yaml")
    again = (str(BIN / "control"), "push", str(tighter))
    until(lambda: command(*again, env=replicas.at["a"], expect=None).returncode == 0)
    until(lambda: replicas.all_get(token, 403))
