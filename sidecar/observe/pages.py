"""What the admin endpoint has to say, whoever says it: this process of itself, or a parent of all its workers."""

from collections.abc import Callable
from typing import Any, Protocol

from sidecar.contract.snapshot import redacted

from .metrics import Metrics
from .status import Status


class Pages(Protocol):
    """The four pages. Nothing here ever holds a secret."""

    async def ready(self) -> dict[str, Any]:
        """What /ready tells; its ``ready`` is the answer."""
        ...

    async def metrics(self) -> bytes:
        """The Prometheus text format."""
        ...

    async def snapshot(self) -> dict[str, Any] | None:
        """What is in force, without its secrets; None if nothing is."""
        ...

    def drain(self) -> None:
        """Begin to end."""
        ...


class OwnPages:
    """This process. ``end`` is called to begin the drain; ``clock`` is unix time."""

    def __init__(self, status: Status, metrics: Metrics, end: Callable[[], None], clock: Callable[[], float]) -> None:
        self._status, self._metrics, self._end, self._clock = status, metrics, end, clock

    async def ready(self) -> dict[str, Any]:
        """Snapshot, link, drain."""
        return self._status.report(self._clock())

    async def metrics(self) -> bytes:
        """Its own registry."""
        return self._metrics.exposition()

    async def snapshot(self) -> dict[str, Any] | None:
        """The one in force."""
        return None if self._status.snapshot is None else redacted(self._status.snapshot)

    def drain(self) -> None:
        """Not ready from this moment on."""
        self._status.draining = True
        self._end()
