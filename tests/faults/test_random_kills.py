"""Control is killed (SIGKILL) at random moments while operators change the mesh and real sidecars take what it pushes.

After each kill its database is looked at as it lies there, and control is started again as a supervisor would: the same
command, and nothing else. A sidecar is at no time at a place that control has not committed, and goes back to none.
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.mesh import Mesh, open_mesh
from sidecar.link import StateDir
from sidecar.link.admission import Admitted
from tests.stories.conftest import Stack

from .ledger_of_load import Acknowledged, Load

SIDECARS = {"orders": "orders", "orders-2": "orders", "stock": "stock"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Control, and three sidecars that have joined and have no policy yet."""
    made = Stack(tmp_path)
    with made.processes:
        made.start_control()
        upstream = made.start_echo()
        for name, service in SIDECARS.items():
            made.add_sidecar(name, service, upstream)
        yield made
    made.http.close()


class Places:
    """Where each sidecar was seen last, and what of that cannot be."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.seen = dict.fromkeys(SIDECARS, 0)
        self.moved, self.compared = 0, 0

    def faults(self, mesh: Mesh) -> Iterator[str]:
        """Against what control has committed."""
        newest = mesh.current()
        for name, service in SIDECARS.items():
            version = self._stack.ready(name)["version"] or 0
            if version < self.seen[name]:
                yield f"{name} went back from {self.seen[name]} to {version}"
            if version > (newest.version if newest else 0):
                yield f"{name} runs version {version}, and control has committed {newest}"
            self.moved += version > self.seen[name]
            self.seen[name] = version
            kept, chain = self._on_disk(name, service), mesh.chain_for(service)
            if kept is None or chain is None:
                continue
            version, place = kept.snapshot.version, kept.chain.in_use
            if [known for known in chain.places if known.version == version] not in ([], [place]):
                yield f"{name} is at version {version} with another digest than control's"
            if kept.snapshot.routes[0].path not in mesh.policy(version).source:
                yield f"{name} has another policy than version {version}"
            revoked = {one.value for one in mesh.revocations() if one.version <= version}
            if {one.value for one in kept.snapshot.revocations} != revoked:
                yield f"{name} has other revocations than version {version}"
            self.compared += 1

    def _on_disk(self, name: str, service: str) -> Admitted | None:
        state = StateDir(self._stack.folder / f"{name}-state", service)
        assert list(state.path.glob("*.refused")) == []
        identity = state.load_identity()
        assert identity is not None
        return state.load_last_good(identity.signing_key, 0.0)


def lost(mesh: Mesh, made: Acknowledged) -> list[str]:
    """What was acknowledged and is not there."""
    versions = mesh.history(1_000_000)
    kinds = {version.version: version.kind for version in versions}
    assert list(kinds) == list(range(len(kinds), 0, -1)), "the versions have no gap"
    revoked = {one.value for one in mesh.revocations()}
    keys, tokens = {one.id for one in mesh.api_keys.list()}, {one.id for one in mesh.join_tokens()}
    faults = [f"push {n}" for n, source in made.pushes.items() if mesh.policy(n).source != source]
    faults += [f"rotation {n}" for n in made.signing_keys if kinds.get(n) != "keys"]
    faults += [f"revocation {one}" for one in made.revocations - revoked]
    faults += [f"API key {one}" for one in made.api_keys - keys]
    return faults + [f"join token {one}" for one in made.join_tokens - tokens]


@pytest.mark.parametrize("kills", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_at_random_moments_under_write_load(kills: int, stack: Stack) -> None:
    """Nothing acknowledged is lost, no sidecar is where control was not, and the last push reaches all."""
    rng, made, places = random.Random(kills), Acknowledged(), Places(stack)
    for round_ in range(kills):
        with Load(stack, made, round_, after=rng.randrange(1, 40)) as load:
            load.enough.wait()
            stack.processes.kill("control")
        if rng.random() < 0.2:  # a sidecar dies with it, and starts with what it had written
            stack.processes.kill("orders-2")
            stack.start_sidecar("orders-2")
        data = stack.folder / "as-it-lies"
        shutil.copytree(stack.folder / "data", data)
        mesh = open_mesh(data, stack.operator["CONTROL_URL"])
        assert list(places.faults(mesh)) == []
        assert lost(mesh, made) == []
        mesh.close()
        shutil.rmtree(data)
        stack.start_control()
    last = stack.control_json("push", str(stack.policy()), "--note", "the last")
    for name in SIDECARS:
        while (stack.ready(name)["version"] or 0) < last["version"]:
            pass  # comes back by itself
    print(
        f"{kills} kills, {len(made)} acknowledged, {places.moved} moves seen, {places.compared} states on disk compared"
    )
