"""A sidecar's state directory: cut off anywhere, with any bit turned, or its writer killed between any two steps.
What is read is a place that control has committed, for this service, or nothing.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from control.mesh import Mesh
from sidecar.contract.increment import Chain
from sidecar.link import StateDir

from .test_write_points import KILLED, NOW, POLICY, opened


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    """A policy, and a token that was revoked after it."""
    made = opened(tmp_path / "data")
    made.push(POLICY % "first", {}, {}, "ann")
    made.revoke("jti", "one", "ann")
    yield made
    made.close()


def chain_of(mesh: Mesh) -> Chain:
    """What orders should run."""
    chain = mesh.chain_for("orders")
    assert chain is not None
    return chain


@pytest.mark.parametrize("name", ["last-good", "increments"])
def test_cut_off_or_with_a_bit_turned(mesh: Mesh, tmp_path: Path, name: str) -> None:
    """At every byte."""
    state, chain = StateDir(tmp_path / "state", "orders"), chain_of(mesh)
    state.prepare()
    state.save_last_good(chain)
    good = (state.path / name).read_bytes()
    whole = (state.path / "last-good").read_bytes()
    cut = [good[:end] for end in range(len(good))]
    turned = [good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :] for at in range(len(good))]
    for data in cut + turned:
        (state.path / "last-good").write_bytes(whole)
        (state.path / name).write_bytes(data)
        found = state.load_last_good(mesh.signing_public_key, NOW)
        assert found is None or found.chain.in_use in chain.places
        assert found is None or name == "increments"


def killed(step: int, work: Callable[[], object]) -> bool:
    """A child does it, and is gone before its so many-th step on the file system."""
    child = os.fork()
    if child == 0:
        try:
            left = step

            def counted(real: Callable[..., Any]) -> Callable[..., Any]:
                def instead(*given: Any, **named: Any) -> Any:
                    nonlocal left
                    left -= 1
                    if left == 0:
                        os._exit(KILLED)
                    return real(*given, **named)

                return instead

            for name in ("open", "fsync", "close", "replace", "fdopen"):
                setattr(os, name, counted(getattr(os, name)))
            work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, KILLED), "the child failed by itself"
    return status == KILLED


@pytest.mark.parametrize("change", ["push", "revoke"])
def test_killed_while_it_writes(mesh: Mesh, tmp_path: Path, change: str) -> None:
    """Before each step: a restart finds the state before or the one after, and can write again."""
    before = chain_of(mesh)
    if change == "push":
        mesh.push(POLICY % "second", {}, {}, "ann")
    else:
        mesh.revoke("jti", "two", "ann")
    after, step, died = chain_of(mesh), 0, True
    while died:
        step += 1
        state = StateDir(tmp_path / str(step), "orders")
        state.prepare()
        state.save_last_good(before)
        died = killed(step, lambda state=state: state.save_last_good(after))  # type: ignore[misc]  # bound now
        found = state.load_last_good(mesh.signing_public_key, NOW)
        assert found is not None
        assert found.chain.in_use in (*before.places, *after.places)
        state.save_last_good(after)
        again = state.load_last_good(mesh.signing_public_key, NOW)
        assert again is not None and again.chain.in_use == after.in_use
        assert list(state.path.glob("*.refused")) == []
    assert step > 2
