"""What the push server needs of the rest of control, and no more. ``control.mesh.Mesh`` is one; tests have another.

Methods block and are called in worker threads, but for ``server_context`` and ``subscribe``, which do not. ``Denied``
is the one error that a sidecar hears of; its code and message go into the Refuse.
"""

import ssl
from collections.abc import Callable, Sequence
from typing import Protocol

from control.errors import Denied
from control.lines import Lines
from sidecar.contract.envelope import Sealed
from sidecar.contract.messages import Join


class KnownSidecar(Protocol):
    """A sidecar that has joined once, connected or not."""

    @property
    def id(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def instance(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def last_seen(self) -> int: ...
    @property
    def revoked(self) -> bool: ...


class Issued(Protocol):
    """What joining and renewal give: the sidecar, and its certificate in DER."""

    @property
    def sidecar(self) -> KnownSidecar: ...
    @property
    def certificate(self) -> bytes: ...


class Core(Protocol):
    """The identity of sidecars and the snapshots they should run."""

    @property
    def signing_public_key(self) -> bytes: ...

    def server_context(self) -> ssl.SSLContext:
        """TLS 1.3; client certificates optional, of our own CA alone, their time left to ``authenticate``."""
        ...

    def enrol(self, join: Join, service: str, instance: str, csr: bytes, address: str) -> Issued:
        """A new sidecar, or Denied."""
        ...

    def authenticate(self, presented: Sequence[tuple[bytes, str, bool]]) -> Sequence[KnownSidecar | Denied]:
        """Whose certificates (DER) these are; with each the service that it is shown for, and is it to be renewed? Then
        one that expired of late is good enough."""
        ...

    def renew(self, sidecar_id: str, csr: bytes) -> Issued:
        """A fresh certificate; the one before stays good until it expires. Or Denied."""
        ...

    def revoked(self) -> Sequence[str]:
        """The sidecars that were taken out of the mesh."""
        ...

    def seen(self, sightings: Sequence[tuple[str, str, float]]) -> None:
        """Sidecar ids, each with its address, and when it was here (unix seconds)."""
        ...

    def sidecars(self) -> Sequence[KnownSidecar]:
        """All that ever joined and were not forgotten, the revoked included."""
        ...

    def lines_for(self, service: str) -> Lines | None:
        """What the service's sidecars should run now; None when there is no policy yet."""
        ...

    def increments_after(self, version: int) -> tuple[Sealed, ...] | None:
        """What leads from ``version`` to the newest one, for every service alike; None if increments alone do not."""
        ...

    def refresh_requested(self, issuer: str, service: str) -> None:
        """A sidecar of ``service`` met a token of ``issuer`` that names a key which it lacks. May do nothing."""
        ...

    def subscribe(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call back, from any thread, after every change that sidecars should hear of; the result ends it."""
        ...
