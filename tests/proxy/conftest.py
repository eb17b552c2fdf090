"""A stage for each test, and none may leave a bug behind."""

from collections.abc import AsyncIterator

import pytest
import trio

from .stage import Stage, snapshot


@pytest.fixture
async def stage(nursery: trio.Nursery) -> AsyncIterator[Stage]:
    """A proxy with the usual snapshot; fails if any connection ended by a bug."""
    made = Stage(nursery, snapshot=snapshot())
    yield made
    assert not made.bugs, made.bugs
