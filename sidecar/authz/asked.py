"""What a decision looked at, as it is written down: enough to decide again under other rules, and no credential.

Of header fields and query parameters only those that some rule of the service looks at, each with its value, None where
it was not there, and True where rules ask only whether it is: what it says may be a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sidecar.authn.rejection import Rejection

from .fields import FieldReader

Seen = str | bool | None


@dataclass(frozen=True, slots=True)
class Asked:
    """``callers``: the workloads that the principal is."""

    headers: Mapping[str, Seen] = field(default_factory=dict)
    query: Mapping[str, Seen] = field(default_factory=dict)
    callers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LookedAt:
    """Names that rules look at, and whether a rule compares what it says."""

    headers: Mapping[str, bool]
    query: Mapping[str, bool]

    def asked(self, reader: FieldReader, headers: list[tuple[bytes, bytes]], query: str) -> Asked:
        """What a request gave of them; nothing if it has two readings."""
        found = reader.read(headers, query)
        if isinstance(found, Rejection):
            return Asked()
        return Asked(_seen(self.headers, found.headers), _seen(self.query, found.query))


def _seen(names: Mapping[str, bool], values: Mapping[str, str]) -> dict[str, Seen]:
    return {
        name: None if name not in values else values[name] if compared else True for name, compared in names.items()
    }
