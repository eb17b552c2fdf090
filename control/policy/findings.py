"""What reading a policy has found so far: the document with its problems, and the warnings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from .document import Document
from .problems import Path, Problem, quoted, spell, suggestion


@dataclass(slots=True)
class Findings:
    """Handed from section to section; each adds what it finds."""

    document: Document
    warnings: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of ``path``."""
        return self.document.line(path)

    def problem(self, path: Path, message: str) -> None:
        """Something that makes the policy unusable."""
        self.document.problem(path, message)

    def warn(self, path: Path, message: str) -> None:
        """Something allowed, and yet probably not meant."""
        self.warnings.append(Problem(self.line(path), spell(path), message))

    def known_issuers(self, names: Sequence[str], known: Sequence[str], path: Path) -> tuple[str, ...]:
        """Those of ``names`` that are among ``known``, once each; a problem for every other."""
        for number, name in enumerate(names):
            if name not in known:
                self.problem((*path, number), f"{quoted(name)} is no issuer here{suggestion(name, known)}")
        return tuple(dict.fromkeys(name for name in names if name in known))
