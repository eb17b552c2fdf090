"""The sessions, and the sidecars as the API sees them: those that are connected and those that are only known.

In memory alone: who is connected is true only now. One sidecar identity may be connected several times (replicas
that share a state directory, worker processes); the same instance coming again replaces its older connection.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .core import KnownSidecar
from .session import Session

MAX_PER_SIDECAR = 64

ViewState = Literal["acked", "nacked", "pending", "idle", "away"]


@dataclass(frozen=True, slots=True)
class SidecarView:
    """One line of ``control status``. ``version`` in use, 0 for none or not known. ``state``: *acked* runs what it
    should, *nacked* refused it for ``reason``, *pending* owes an answer, *idle* has nothing to run, *away* is not
    connected. Times are unix seconds; ``connected_at`` is None when away. ``protocol`` (0: not known) and
    ``capabilities`` are what it said of itself."""

    sidecar_id: str
    service: str
    instance: str
    address: str
    agent: str
    state: ViewState
    version: int
    desired: int
    reason: str
    last_seen: float
    connected_at: float | None
    protocol: int = 0
    capabilities: Sequence[str] = ()

    @property
    def connected(self) -> bool:
        """Is it here now?"""
        return self.state != "away"


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a version has come: in force, refused (and why), not answered yet, not connected. ``elapsed_ms``: from
    the change to the last answer so far owed; None if that was too long ago to be remembered."""

    version: int
    acked: list[SidecarView]
    nacked: list[tuple[SidecarView, str]]
    pending: list[SidecarView]
    away: list[SidecarView]
    elapsed_ms: float | None


def view(session: Session) -> SidecarView:
    """A connected sidecar."""
    desired, reason = 0, ""
    state: ViewState = "idle"
    if session.desired is not None:
        desired = session.desired.version
        state, reason = outcome(session, desired)
    return SidecarView(
        session.sidecar_id,
        session.service,
        session.instance,
        session.address,
        session.agent,
        state,
        session.version,
        desired,
        reason,
        session.seen_at,
        session.connected_at,
        session.protocol,
        session.capabilities,
    )


def outcome(session: Session, version: int) -> tuple[Literal["acked", "nacked", "pending"], str]:
    """What ``session`` made of ``version``, and why."""
    if session.nacked is not None and session.nacked[0] >= version and session.acked < version:
        return "nacked", session.nacked[1]
    return ("acked", "") if session.acked >= version else ("pending", "")


def told(one: SidecarView, version: int) -> tuple[Literal["acked", "nacked", "pending"], str]:
    """What a sidecar that is connected elsewhere made of ``version``, and why."""
    if one.version >= version:
        return "acked", ""
    return ("nacked", one.reason) if one.state == "nacked" and one.desired >= version else ("pending", "")


def _away(known: KnownSidecar, last_seen: float) -> SidecarView:
    """A sidecar that is not connected."""
    return SidecarView(known.id, known.service, known.instance, known.address, "", "away", 0, 0, "", last_seen, None)


class Registry:
    """Sessions by sidecar and by service."""

    def __init__(self) -> None:
        self._by_sidecar: dict[str, dict[str, Session]] = {}
        self._by_service: dict[str, dict[Session, None]] = {}  # in order of arrival

    def __iter__(self) -> Iterator[Session]:
        return iter([session for sessions in self._by_service.values() for session in sessions])

    def __len__(self) -> int:
        return sum(len(sessions) for sessions in self._by_service.values())

    def add(self, session: Session) -> bool:
        """Register it, in place of an older connection of the same instance; False if the sidecar has too many."""
        instances = self._by_sidecar.setdefault(session.sidecar_id, {})
        older = instances.get(session.instance)
        if older is None and len(instances) >= MAX_PER_SIDECAR:
            return False
        if older is not None:
            self.remove(older)
            older.end("replaced", "a newer connection of the same instance took its place")
            instances = self._by_sidecar.setdefault(session.sidecar_id, {})
        instances[session.instance] = session
        self._by_service.setdefault(session.service, {})[session] = None
        return True

    def remove(self, session: Session) -> None:
        """Forget it. Harmless twice."""
        instances = self._by_sidecar.get(session.sidecar_id, {})
        if instances.get(session.instance) is session:
            del instances[session.instance]
            if not instances:
                del self._by_sidecar[session.sidecar_id]
        sessions = self._by_service.get(session.service, {})
        sessions.pop(session, None)
        if not sessions:
            self._by_service.pop(session.service, None)

    def services(self) -> list[str]:
        """The services that someone is connected for."""
        return list(self._by_service)

    def of_service(self, service: str) -> list[Session]:
        """The service's sessions."""
        return list(self._by_service.get(service, ()))

    def of_sidecar(self, sidecar_id: str) -> list[Session]:
        """The sidecar's sessions."""
        return list(self._by_sidecar.get(sidecar_id, {}).values())

    def away(self, known: Sequence[KnownSidecar], last_seen: Callable[[KnownSidecar], float]) -> list[SidecarView]:
        """Those of ``known`` that are neither connected nor revoked."""
        return [_away(one, last_seen(one)) for one in known if one.id not in self._by_sidecar and not one.revoked]
