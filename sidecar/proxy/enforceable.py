"""Can this data plane do all that a snapshot asks of it? Asked before the snapshot is put in force, so that what it
cannot do is said to control and never found out by a caller.
"""

from sidecar.contract.snapshot import Snapshot

from .answers import check_answer
from .changes import check_changes
from .forwarding import check_policy


def check_enforceable(snapshot: Snapshot) -> None:
    """ContractError if something in ``snapshot`` cannot be done, or must not be."""
    check_policy(snapshot.forward)
    check_changes(snapshot)
    for route in snapshot.routes:
        check_answer(route)
