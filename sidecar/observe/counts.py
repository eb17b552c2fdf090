"""What is counted for every exchange, in plain numbers that become samples when somebody asks. One thread counts,
so that nothing is locked.
"""

from bisect import bisect_left
from itertools import accumulate

from .exposition import Family, Sample

Key = tuple[str | int, ...]


class Counts:
    """A counter with labels, as bounded as those are. A class of statuses is a number here, ``5xx`` when shown."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...]) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._counts: dict[Key, int] = {}

    def add(self, key: Key) -> None:
        """One more."""
        self._counts[key] = self._counts.get(key, 0) + 1

    def family(self) -> Family:
        """A sample for each combination that there was."""
        return Family(self._name, "counter", self._text, [self._sample(*item) for item in self._counts.items()])

    def _sample(self, key: Key, count: int) -> Sample:
        texts = (f"{part}xx" if isinstance(part, int) else part for part in key)
        return Sample(count, dict(zip(self._labels, texts, strict=True)))


class Spread:
    """A histogram. ``bounds``: the upper ends of its buckets, ascending; what is more is in one without end."""

    def __init__(self, name: str, text: str, bounds: tuple[float, ...]) -> None:
        self._name, self._text, self._bounds = name, text, bounds
        self._counts, self._sum = [0] * (len(bounds) + 1), 0.0

    def add(self, value: float) -> None:
        """One more, of this size."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self) -> Family:
        """How many there were up to each bound, and their sum."""
        ends = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        up_to = list(accumulate(self._counts))
        samples = [Sample(count, {"le": end}, "_bucket") for end, count in zip(ends, up_to, strict=True)]
        samples += Sample(up_to[-1], suffix="_count"), Sample(self._sum, suffix="_sum")
        return Family(self._name, "histogram", self._text, samples)
