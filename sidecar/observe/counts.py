"""What is counted for every exchange, in plain numbers that become samples when somebody asks. One thread counts,
so that nothing is locked.
"""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

Key = tuple[str | int, ...]


class Counts(Collector):
    """A counter with labels, as bounded as those are. A class of statuses is a number here, ``5xx`` when shown."""

    def __init__(self, registry: CollectorRegistry, name: str, text: str, labels: tuple[str, ...]) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._counts: dict[Key, int] = {}
        registry.register(self)

    def add(self, key: Key) -> None:
        """One more."""
        self._counts[key] = self._counts.get(key, 0) + 1

    def collect(self) -> Iterable[CounterMetricFamily]:
        """A sample for each combination that there was."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for key, count in list(self._counts.items()):
            family.add_metric([f"{part}xx" if isinstance(part, int) else part for part in key], count)
        yield family


class Spread(Collector):
    """A histogram. ``bounds``: the upper ends of its buckets, ascending; what is more is in one without end."""

    def __init__(self, registry: CollectorRegistry, name: str, text: str, bounds: tuple[float, ...]) -> None:
        self._name, self._text, self._bounds = name, text, bounds
        self._counts, self._sum = [0] * (len(bounds) + 1), 0.0
        registry.register(self)

    def add(self, value: float) -> None:
        """One more, of this size."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """How many there were up to each bound, and their sum."""
        ends = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        buckets = list(zip(ends, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily(self._name, self._text, buckets=buckets, sum_value=self._sum)
