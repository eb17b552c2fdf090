"""Which workload calls, known by the subject of its own service token (RFC 6749 section 4.4, client credentials).

A token in which subject and client differ is a user's, got through some client: its subject names no workload.
"""

from collections.abc import Iterable

from sidecar.authn.principal import Principal
from sidecar.contract.snapshot import Workload

_NONE: frozenset[str] = frozenset()


class Workloads:
    """The workloads that a policy may name as callers."""

    def __init__(self, workloads: Iterable[Workload]) -> None:
        names: dict[tuple[str, str], set[str]] = {}
        for workload in workloads:
            for subject in workload.subjects:
                names.setdefault((workload.issuer, subject), set()).add(workload.name)
        self._names = {key: frozenset(found) for key, found in names.items()}

    def named(self, principal: Principal | None) -> frozenset[str]:
        """The workloads that the principal is; none for a user."""
        if principal is None or principal.client != principal.subject:
            return _NONE
        return self._names.get((principal.issuer_name, principal.subject), _NONE)
