"""The pages over PostgreSQL: those tests again in which something is kept, ends, or is done twice at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.mesh import open_mesh
from tests.postgresql import PostgreSQL

from .conftest import HERE, Clock, House
from .test_authorize import test_a_request_that_was_sent_ahead
from .test_authorize import test_allowed as test_a_code
from .test_device import test_allowed as test_a_device
from .test_reset import test_sessions_end
from .test_sign_in import test_a_recovery_code, test_twice_at_once

__all__ = [
    "test_a_code",
    "test_a_device",
    "test_a_recovery_code",
    "test_a_request_that_was_sent_ahead",
    "test_sessions_end",
    "test_twice_at_once",
]


@pytest.fixture(scope="module")
def furnished_there(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSQL) -> tuple[str, House]:
    """Made once, and copied for each test."""
    url, clock = postgresql.database(), Clock()
    mesh = open_mesh(tmp_path_factory.mktemp("house"), HERE, database=url, clock=clock)
    made = House(mesh, clock)
    mesh.close()
    return url, made


@pytest.fixture
def house(tmp_path: Path, postgresql: PostgreSQL, furnished_there: tuple[str, House]) -> Iterator[House]:
    """One's own."""
    url, made = furnished_there
    clock = Clock()
    clock.now = made.clock.now + 30
    mesh = open_mesh(tmp_path, HERE, database=postgresql.copy(url), clock=clock)
    yield House(mesh, clock, furnished=made)
    mesh.close()
