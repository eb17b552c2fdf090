"""The pytest plugin: ``pip install 'sidegate[testing]'`` and use the fixture ``mesh`` in trio tests.

async def test_a_clerk_reads_an_order(mesh):
    await mesh.push(Path("policy.yaml"))
    orders = await mesh.service("orders", {"id": 7})
    answer = await orders.get("/orders/7", token=mesh.token(scope="orders:read"))
    assert answer.status == 200
    assert orders.seen[0].headers["x-auth-subject"] == "tester"
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest_trio
import trio

if TYPE_CHECKING:
    from .mesh import Mesh


@pytest_trio.trio_fixture  # type: ignore[untyped-decorator]  # pytest-trio has no types
async def mesh(nursery: trio.Nursery, tmp_path: Path) -> AsyncIterator["Mesh"]:
    """Real sidecars before simulated services, and a control plane that pushes to them, in memory."""
    from .mesh import Mesh  # tests that do not use it do not pay for it

    made = Mesh(nursery, tmp_path / "sidegate")
    await made.start()
    yield made
    nursery.cancel_scope.cancel()
