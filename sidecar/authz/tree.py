"""Patterns as a tree of segments: which of them a path matches costs its depth, however many there are."""

from dataclasses import dataclass, field

from .pattern import Pattern


@dataclass(slots=True)
class _Node:
    """A place in the tree: the literals that lead on, the one wildcard, and the patterns that end here."""

    literals: dict[str, "_Node"] = field(default_factory=dict)
    wildcard: "_Node | None" = None
    here: list[int] = field(default_factory=list)
    rest: list[int] = field(default_factory=list)


class PathTree:
    """Numbered patterns."""

    def __init__(self) -> None:
        self._root = _Node()

    def plant(self, number: int, pattern: Pattern) -> None:
        """Add ``pattern`` under ``number``."""
        node = self._root
        for segment in pattern.segments:
            if segment is not None:
                node = node.literals.setdefault(segment, _Node())
            else:
                node.wildcard = node.wildcard or _Node()
                node = node.wildcard
        (node.rest if pattern.rest else node.here).append(number)

    def numbers(self, segments: tuple[str, ...]) -> list[int]:
        """The numbers of the patterns that match, in no order."""
        nodes, numbers = [self._root], list(self._root.rest)
        for segment in segments:
            reached: list[_Node] = []
            for node in nodes:
                if (literal := node.literals.get(segment)) is not None:
                    reached.append(literal)
                if node.wildcard is not None:
                    reached.append(node.wildcard)
            nodes = reached
            if not nodes:
                break
            for node in nodes:
                numbers += node.rest
        for node in nodes:
            numbers += node.here
        return numbers
