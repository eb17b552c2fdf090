"""What is wrong with a policy, said to people: where it stands, which value, and what to write instead.

Every check collects problems rather than stopping at the first, so that one reading of a file shows all of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""Steps from the top of the document: ``("services", "orders", "routes", 2)``."""

MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One sentence about one place. ``line`` counts from 1; 0 means the file as a whole."""

    line: int
    path: str
    message: str

    def format(self, name: str) -> str:
        """``policy.yaml:14: services.orders.routes[2].require: unknown key 'scope'``."""
        where = f"{name}:{self.line}" if self.line else name
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {"line": self.line, "path": self.path, "message": self.message}


class PolicyErrors(Exception):  # noqa: N818  # it carries several
    """A policy that cannot be used. ``problems`` is sorted by line and never empty."""

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.name = name
        self.problems = sorted(set(problems), key=lambda p: (p.line, p.path, p.message))[:MAX_PROBLEMS]
        super().__init__(self.format())

    def format(self) -> str:
        """One problem a line."""
        return "\n".join(problem.format(self.name) for problem in self.problems)


def spell(path: Path) -> str:
    """The path as people write it: ``services.orders.routes[2]``; a step that is no plain word is quoted."""
    return "".join(_steps(path))


def _steps(path: Path) -> Iterator[str]:
    for number, step in enumerate(path):
        if isinstance(step, int):
            yield f"[{step}]"
            continue
        word = step if step.replace("_", "").replace("-", "").isalnum() and step.isascii() else quoted(step)
        yield f".{word}" if number else word


def quoted(text: str) -> str:
    """The text within quotes, shortened and without control characters: safe to print."""
    return repr(str(text) if len(text) <= 60 else text[:57] + "...")


def suggestion(word: str, known: Sequence[str], cutoff: float = 0.6) -> str:
    """ " — did you mean 'scopes'?" or, if nothing comes near and the choice is short, what there is; else ""."""
    near = get_close_matches(word[:80], known, n=1, cutoff=cutoff)
    if near:
        return f" — did you mean {quoted(near[0])}?"
    return f" (known: {', '.join(known)})" if 0 < len(known) <= 12 else ""
