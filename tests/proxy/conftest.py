"""A stage for each test, and none may leave a bug behind."""

from collections.abc import AsyncIterator

import pytest
import trio

from .stage import Stage, express_stage, snapshot


@pytest.fixture(params=["tasks", "engine"])
async def stage(nursery: trio.Nursery, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A proxy with the usual snapshot, in memory or on sockets with its engine; fails if any connection ended by a
    bug."""
    if request.param == "engine":
        async with express_stage(snapshot=snapshot()) as made:
            yield made
    else:
        made = Stage(nursery, snapshot=snapshot())
        yield made
    assert not made.bugs, made.bugs
