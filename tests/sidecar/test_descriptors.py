"""Connections never outgrow descriptors."""

import resource

import pytest

from sidecar.descriptors import RESERVED, fitted, take_all
from sidecar.http1.limits import Limits


def test_everything_the_system_gives_is_taken() -> None:
    """The soft limit is the hard one afterwards."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert take_all() == before[1] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("descriptors", "connections"),
    [(resource.RLIM_INFINITY, 500), (1_000_000, 500), (200, (200 - RESERVED) // 2), (RESERVED, 1), (3, 1)],
)
def test_connections_fit(descriptors: int, connections: int) -> None:
    """Two descriptors a connection."""
    assert fitted(Limits(connections=500), descriptors).connections == connections
