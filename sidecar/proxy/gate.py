"""The snapshot in force, as something that decides. The link swaps it, an exchange pins it; there is no lock,
because neither ever awaits in between."""

from sidecar.authz.evaluator import Evaluator
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Snapshot

from .forwarding import check_policy


class Gate:
    """Shut (503) until the first snapshot."""

    def __init__(self) -> None:
        self.evaluator: Evaluator | None = None
        self.closed_for: Reason | None = None
        """Set while nothing may pass although there is a snapshot: it is too old to be trusted."""

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot in force."""
        return self.evaluator.snapshot if self.evaluator else None

    @property
    def version(self) -> int | None:
        """Its version."""
        return self.evaluator.snapshot.version if self.evaluator else None

    def use(self, snapshot: Snapshot) -> None:
        """Compile ``snapshot`` and put it in force for every exchange that begins from now on. ContractError, and
        nothing changes, if it cannot be enforced."""
        check_policy(snapshot.forward)
        self.evaluator = Evaluator(snapshot)
