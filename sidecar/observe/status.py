"""How the sidecar stands, in one place: the link and the app write it, the admin endpoint and metrics read it."""

from dataclasses import dataclass
from typing import Literal, Protocol

from sidecar.contract.snapshot import Snapshot

Source = Literal["none", "control", "last-good", "file"]


class Certificate(Protocol):
    """The port's, where it speaks TLS. ``error`` says why what is in the files now is not in use."""

    @property
    def expires_at(self) -> float: ...
    @property
    def error(self) -> str: ...


@dataclass(slots=True)
class Status:
    """Written by whoever knows, synchronously, so that a reader between two awaits sees one state. ``since`` is when
    ``control_connected`` last changed, in unix seconds; ``control_error`` is for people and holds no secret."""

    service: str
    since: float = 0.0
    snapshot: Snapshot | None = None
    snapshot_source: Source = "none"
    control_connected: bool = False
    control_error: str = ""
    control_address: str = ""
    """Which of control's addresses is in use, or tried."""
    state_written: bool = True
    """Would a restart begin with what is in force?"""
    draining: bool = False
    stale: bool = False
    """Has control been silent for longer than ``max_staleness``?"""
    staleness_s: float | None = None
    """Seconds since control was last heard, where ``max_staleness`` is set."""
    certificate: Certificate | None = None

    @property
    def ready(self) -> bool:
        """Should callers come here?"""
        return self.snapshot is not None and not self.draining and not self.stale

    def use(self, snapshot: Snapshot, source: Source) -> None:
        """This snapshot is in force now."""
        self.snapshot, self.snapshot_source = snapshot, source

    def control(self, connected: bool, now: float, error: str = "", address: str = "") -> None:
        """The link's state, at a change or a new error."""
        if connected != self.control_connected:
            self.since = now
        self.control_connected, self.control_error, self.control_address = connected, error, address

    def report(self, now: float) -> dict[str, object]:
        """What ``/ready`` tells."""
        snapshot, certificate = self.snapshot, self.certificate
        return {
            "ready": self.ready,
            "service": self.service,
            "version": snapshot.version if snapshot else None,
            "snapshot_age_s": round(max(0.0, now - snapshot.issued_at), 3) if snapshot else None,
            "source": self.snapshot_source,
            "control": "connected" if self.control_connected else "disconnected",
            "control_address": self.control_address,
            "since": self.since,
            "last_error": self.control_error,
            "draining": self.draining,
            "stale": self.stale,
            "staleness_s": None if self.staleness_s is None else round(self.staleness_s, 3),
            "certificate_expires_in_s": round(certificate.expires_at - now) if certificate else None,
            "certificate_error": certificate.error if certificate else "",
        }
