"""Scopes that are described: what a name means, as people are told who are asked to allow it."""

from collections.abc import Iterable


class Scopes:
    """Thread-safe and blocking."""

    def describe(self, names: Iterable[str]) -> dict[str, str]:
        """A sentence for each name, in that order; for one that nobody described, the name itself."""
        raise NotImplementedError
