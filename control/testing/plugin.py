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

import trio

if TYPE_CHECKING:
    from .mesh import Mesh


async def _mesh(nursery: trio.Nursery, tmp_path: Path) -> AsyncIterator["Mesh"]:
    """Real sidecars before simulated services, and a control plane that pushes to them, in memory."""
    from .mesh import Mesh  # tests that do not use it do not pay for it

    made = Mesh(nursery, tmp_path / "sidegate")
    await made.start()
    yield made
    nursery.cancel_scope.cancel()


try:
    from pytest_trio import trio_fixture
except ModuleNotFoundError:
    pass  # installed without its extra: somebody else's pytest must not notice that there is a plugin
else:
    mesh = trio_fixture(_mesh)
