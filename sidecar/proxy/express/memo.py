"""What was met before, in bounded memory, found by one look into a dict.

Two generations: what is met goes into the younger one; when that is full the older one is dropped and the younger takes
its place. What is used in between moves back into the younger. So a flood of things that are met once pushes out
nothing that is in use, and costs no more than its own entries.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """At most twice ``most`` entries, or as many as ``weigh`` that together. ``young`` may be looked into directly;
    what is not there, ``recall`` may know. No value is false."""

    __slots__ = ("_most", "_old", "_weigh", "_weight", "young")

    def __init__(self, most: int, weigh: Callable[[V], int] = lambda _value: 1) -> None:
        self.young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._most, self._weigh = most, weigh
        self._weight = 0

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def get(self, key: K) -> V | None:
        """What was put under ``key``, if it is still known."""
        return self.young.get(key) or self.recall(key)

    def recall(self, key: K) -> V | None:
        """As ``get``, of what is not in ``young``."""
        found = self._old.pop(key, None)
        if found is not None:
            self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        """Remember it."""
        before = self.young.get(key)
        added = self._weigh(value) - (0 if before is None else self._weigh(before))
        if self._weight + added > self._most:
            self._old, self.young = self.young, {}
            self._weight, added = 0, self._weigh(value)
        self.young[key] = value
        self._weight += added

    def clear(self) -> None:
        """Forget everything."""
        self.young, self._old, self._weight = {}, {}, 0
