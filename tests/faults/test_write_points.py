"""Control is killed at every statement that it sends to its database and around every commit, one after the other. What
it has acknowledged is there afterwards, what it had not is there wholly or not at all, and it goes on without a hand.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from control.mesh import Mesh, open_mesh
from control.store.tables import AuditRow
from sidecar.contract.envelope import open_sealed
from sidecar.contract.increment import extended, open_increments
from sidecar.contract.join import parse_join_token
from sidecar.contract.messages import Join
from sidecar.contract.snapshot import decode
from sidecar.link.identity import new_private_key, signing_request

NOW = 1_800_000_000.0
POLICY = """\
trust_domain: shop.test
issuers: {own: {builtin: true}}
services:
  orders: {routes: [{path: /%s, access: public}]}
  stock: {routes: [{path: /**}]}
"""
KILLED = 9
QUICK = ("push", "revoke a token", "rotate keys")
"""The others are for ``make test-slow``."""


def opened(data: Path) -> Mesh:
    """Control's mesh over that directory."""
    return open_mesh(data, "http://control.test", clock=lambda: NOW)


def join(mesh: Mesh) -> str:
    """A sidecar takes part."""
    token = parse_join_token(mesh.create_join_token("orders", "ann")[1])
    csr = signing_request(new_private_key(), "orders")
    return mesh.enrol(Join(token.token_id, token.secret), "orders", "orders-1", csr, "10.0.0.9:1").sidecar.id


CHANGES: dict[str, Callable[[Mesh], Any]] = {
    "push": lambda mesh: mesh.push(POLICY % "pushed", {}, {}, "ann").version,
    "rollback": lambda mesh: mesh.rollback(1, "ann").version,
    "revoke a token": lambda mesh: mesh.revoke("jti", "abc", "ann").version,
    "revoke all": lambda mesh: mesh.revoke("issuer", "", "ann").version,
    "rotate keys": lambda mesh: mesh.rotate_keys("ann").version,
    "application": lambda mesh: mesh.applications.create("shop", "ann", scopes=["a"])[0].client_id,
    "join": join,
    "take out": lambda mesh: mesh.revoke_sidecar(mesh.sidecars()[0].id, "ann"),
}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mesh in use: two versions, and a sidecar."""
    data = tmp_path_factory.mktemp("faults") / "data"
    mesh = opened(data)
    mesh.push(POLICY % "first", {}, {}, "ann")
    mesh.revoke("jti", "first", "ann")
    join(mesh)
    mesh.close()
    return data


def killed_at(point: int, data: Path, change: Callable[[Mesh], Any]) -> tuple[bool, Any]:
    """A child opens the mesh and makes the change; it ends without a word at that point. Was it over before, and what
    was acknowledged?"""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _child(point, data, change, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as said:
        acknowledged = said.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, KILLED), "the child failed by itself"
    return status == KILLED, json.loads(acknowledged) if acknowledged else None


def _child(point: int, data: Path, change: Callable[[Mesh], Any], writing: int) -> None:
    count = 0

    def step(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == point:
            os._exit(KILLED)

    mesh = opened(data)
    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(Engine, name, step)
    made = change(mesh)
    step()  # committed, and not told
    os.write(writing, json.dumps([made]).encode())
    os._exit(0)


def faults_of(mesh: Mesh) -> Iterator[str]:
    """What is half done in it."""
    versions = mesh.history(1000)
    numbers = [one.version for one in versions]
    if numbers != list(range(len(numbers), 0, -1)):
        yield f"versions {numbers}"
    with mesh._database.read() as session:
        told = [
            row.detail.get("version", row.subject.removeprefix("version ")) for row in session.scalars(select(AuditRow))
        ]
    for one in versions:
        if [str(version) for version in told].count(str(one.version)) != 1:
            yield f"version {one.version} is not once in the audit trail: {told}"
        if not mesh.policy(one.version).source.startswith("trust_domain"):
            yield f"the policy of version {one.version}"
    for service in ("orders", "stock"):
        chain = mesh.chain_for(service)
        if chain is None:
            yield f"{service} has nothing to run"
            continue
        snapshot = decode(open_sealed(chain.snapshot, mesh.signing_public_key))
        increments = open_increments(chain.increments, mesh.signing_public_key)
        if extended(snapshot, increments, NOW).version != numbers[0]:
            yield f"{service} does not get version {numbers[0]}"


def counts(mesh: Mesh) -> dict[str, int]:
    """How much there is of each."""
    with mesh._database.read() as session:
        audited = len(session.scalars(select(AuditRow)).all())
    return {
        "version": len(mesh.history(1000)),
        "revocation": len(mesh.revocations()),
        "key": len(mesh.keys()),
        "application": len(mesh.applications.list()),
        "sidecar": len(mesh.sidecars()),
        "taken out": len(mesh.revoked()),
        "audited": audited,
    }


@pytest.mark.parametrize(
    "change", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CHANGES]
)
def test_killed_at_every_write_point(change: str, before: Path, tmp_path: Path) -> None:
    """Of each kind of change."""
    mesh = opened(before)
    untouched = counts(mesh)
    mesh.close()
    seen, point, whole = list[dict[str, int]](), 0, False
    while not whole:
        point += 1
        data = tmp_path / str(point)
        shutil.copytree(before, data)
        died, acknowledged = killed_at(point, data, CHANGES[change])
        whole = not died
        assert whole is (acknowledged is not None)
        mesh = opened(data)  # a restart, without a hand
        assert list(faults_of(mesh)) == []
        seen.append(counts(mesh))
        assert mesh.push(POLICY % "after", {}, {}, "ann").version == seen[-1]["version"] + 1
        mesh.close()
        shutil.rmtree(data)
    assert point > 3
    done = seen[-1]
    assert done != untouched
    if change == "join":  # two changes: the join token, and the sidecar
        return
    assert [one in (untouched, done) for one in seen] == [True] * point
    assert sorted(seen, key=lambda one: one == done) == seen, "once it is there it stays"
