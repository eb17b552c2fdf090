"""The snapshot in force, as something that decides. The link swaps it, an exchange pins it; there is no lock,
because neither ever awaits in between. What stays open for long waits for ``changed`` and asks again, in turn."""

from dataclasses import fields

import trio

from sidecar.authz.evaluator import Evaluator
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Snapshot

from .enforceable import check_enforceable

_RULES = tuple(field.name for field in fields(Snapshot) if field.name not in ("version", "issued_at", "revocations"))


class Gate:
    """Shut (503) until the first snapshot."""

    def __init__(self) -> None:
        self.evaluator: Evaluator | None = None
        self.credential_headers: frozenset[bytes] = frozenset()
        """Fields in which some route looks for a credential, whatever they are called."""
        self.changed = trio.Event()
        """Set, and replaced by another, whenever what is refused may have changed."""
        self.turns = trio.Lock()
        """Held by the one long-lived exchange that is asking again."""
        self._closed_for: Reason | None = None

    @property
    def closed_for(self) -> Reason | None:
        """Set while nothing may pass although there is a snapshot: it is too old to be trusted."""
        return self._closed_for

    @closed_for.setter
    def closed_for(self, reason: Reason | None) -> None:
        changed, self._closed_for = reason is not self._closed_for, reason
        if changed:
            self._tell()

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot in force."""
        return self.evaluator.snapshot if self.evaluator else None

    @property
    def version(self) -> int | None:
        """Its version."""
        return self.evaluator.snapshot.version if self.evaluator else None

    def use(self, snapshot: Snapshot) -> None:
        """Compile ``snapshot`` and put it in force. ContractError, and nothing changes, if it cannot be enforced."""
        self.put(self.compiled(snapshot))

    def compiled(self, snapshot: Snapshot) -> Evaluator:
        """``snapshot`` as something that decides, with what the one in force has learnt; may be called in a thread.
        Where only the revocations are others nothing is compiled again."""
        before = self.evaluator
        if before is not None and _only_revocations_differ(before.snapshot, snapshot):
            return before.with_revocations(snapshot)
        check_enforceable(snapshot)
        return Evaluator(snapshot, before)

    def put(self, evaluator: Evaluator) -> None:
        """In force for every exchange that begins from now on, and for every upgrade and event stream that is open."""
        routes = evaluator.snapshot.routes
        if self.evaluator is None or routes is not self.evaluator.snapshot.routes:
            sources = (source for route in routes for source in route.credentials if source.place == "header")
            self.credential_headers = frozenset(source.name.encode() for source in sources)
        self.evaluator = evaluator
        self._tell()

    def _tell(self) -> None:
        before, self.changed = self.changed, trio.Event()
        before.set()


def _only_revocations_differ(one: Snapshot, other: Snapshot) -> bool:
    """By identity, as increments leave the rest: as values, a rule that wants 1 and one that wants True are equal."""
    return all(getattr(one, name) is getattr(other, name) for name in _RULES)
