"""One difference between two policies, and how values are written in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``where`` is ``orders`` or ``issuer partner``; ``allows_more``: what was refused may pass."""

    kind: Kind
    where: str
    what: str
    allows_more: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (" (allows more)" if self.allows_more else "")

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {"kind": self.kind, "where": self.where, "what": self.what, "allows_more": self.allows_more}


def listed(words: Sequence[str], sep: str = " ") -> str:
    """The words, or ``none``."""
    return sep.join(words) or "none"
