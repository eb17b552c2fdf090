"""A path into the claims, step by step. Knows nothing of what a claim means."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sidecar.contract.snapshot import ClaimPath

MEMBERS = "[]"
"""The step into every member of a list."""


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()
"""What ``claim_at`` finds where there is nothing: not the same as null."""


def claim_at(claims: Mapping[str, Any], path: ClaimPath) -> Any:
    """The claim that ``path`` leads to, or ABSENT. A name steps into an object, ``[]`` into a list. With ``[]`` in it a
    path leads to the list of all that it finds, and to ABSENT if it finds nothing."""
    if MEMBERS in path:
        return list(_found(claims, path)) or ABSENT
    value: Any = claims
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return ABSENT
        value = value[step]
    return value


def _found(value: Any, path: ClaimPath) -> Iterator[Any]:
    for number, step in enumerate(path):
        if step == MEMBERS:
            for member in value if isinstance(value, list) else ():
                yield from _found(member, path[number + 1 :])
            return
        if not isinstance(value, Mapping) or step not in value:
            return
        value = value[step]
    yield value


def written(path: ClaimPath) -> str:
    """The path as a policy writes it."""
    return ".".join(path)
