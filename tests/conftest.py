"""For the whole suite: ``SIDECAR_HTTP1=h11`` shuts the express lane, so that the same tests run on both lanes; and one
PostgreSQL for all who ask."""

import os
from collections.abc import Iterator

import pytest

from sidecar.http1.express import SWITCH

from .postgresql import PostgreSQL, serving

SWITCH.open = os.environ.get("SIDECAR_HTTP1") != "h11"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One for the whole run."""
    with serving() as server:
        yield server
