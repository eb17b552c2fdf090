"""What the project wants of itself, as data, and whether a book shows it."""

from collections.abc import Callable
from dataclasses import dataclass

from .results import Book, Run

Figure = Callable[[Run], float]


def _rate(run: Run) -> float:
    return run.rate


def _cpu(book: Book, side: tuple[str, str]) -> float:
    return book.median(*side, lambda run: run.cpu_us) or 0.0


@dataclass(frozen=True, slots=True)
class Ratio:
    """One median over another, at least ``at_least``. Each side is a scenario and a target. Where the load's side was
    the limit of either, processor time is judged instead of the rate."""

    says: str
    ours: tuple[str, str]
    theirs: tuple[str, str]
    at_least: float
    figure: Figure = _rate
    less_is_better: bool = False

    def judged(self, book: Book) -> tuple[str, str]:
        """What was seen, and whether that is enough."""
        ours, theirs = (book.median(*side, self.figure) for side in (self.ours, self.theirs))
        if not ours or not theirs:
            return "not measured", "?"
        ratio, how = theirs / ours if self.less_is_better else ours / theirs, ""
        if self.figure is _rate and (book.saturated(*self.ours) or book.saturated(*self.theirs)):
            ratio, how = _cpu(book, self.theirs) / _cpu(book, self.ours), " by CPU time"
        return f"{ratio:.2f}{how}", "yes" if ratio >= self.at_least else "no"


@dataclass(frozen=True, slots=True)
class Limit:
    """A median of ours, at most so much."""

    says: str
    scenario: str
    figure: Figure
    at_most: float

    def judged(self, book: Book) -> tuple[str, str]:
        """What was seen, and whether that is little enough."""
        seen = book.median(self.scenario, "ours", self.figure)
        if seen is None:
            return "not measured", "?"
        return f"{seen:,.1f}", "yes" if seen <= self.at_most else "no"


def _against(scenario: str, peer: str, at_least: float) -> Ratio:
    return Ratio(f"{scenario}: rate at least {at_least:g} x {peer}", (scenario, "ours"), (scenario, peer), at_least)


_KINDS = ("hot", "distinct", "hot-es256", "distinct-es256", "realistic")
_PACED = ("paced", "ours"), ("paced", "envoy"), 1.0
GOALS: tuple[Ratio | Limit, ...] = (
    *(_against(kind, "envoy", 1.25) for kind in _KINDS),
    *(_against(kind, "haproxy", 1.0) for kind in _KINDS),
    _against("resp64k", "envoy", 1.0),
    _against("resp64k", "haproxy", 1.0),
    _against("badsig", "envoy", 1.0),
    _against("upload1m", "envoy", 1.0),
    _against("upload1m", "haproxy", 1.0),
    Ratio("paced: p50 at most envoy's", *_PACED, lambda run: run.p50_us, less_is_better=True),
    Ratio("paced: p99 at most envoy's", *_PACED, lambda run: run.p99_us, less_is_better=True),
    Ratio("everything: at least 0.8 x our own hot", ("everything", "ours"), ("hot", "ours"), 0.8),
    Ratio("two workers on two processors: at least 1.8 x one", ("workers-2", "ours"), ("workers-1", "ours"), 1.8),
    Limit("memory after hot: at most 48 MiB", "hot", lambda run: run.rss_mib, 48),
    Limit("start to first 200: at most 500 ms", "start", lambda run: run.p50_us / 1000, 500),
)
