"""A path into the claims, step by step. Knows nothing of what a claim means."""

from collections.abc import Mapping
from typing import Any, Final

from sidecar.contract.snapshot import ClaimPath


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()
"""What ``claim_at`` finds where there is nothing: not the same as null."""


def claim_at(claims: Mapping[str, Any], path: ClaimPath) -> Any:
    """The claim that ``path`` leads to, or ABSENT. Only objects are stepped into."""
    value: Any = claims
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return ABSENT
        value = value[step]
    return value
