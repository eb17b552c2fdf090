"""The tables, as Markdown. Rates and latencies compare within a row alone; CPU time compares a little further."""

from collections.abc import Callable, Iterable, Sequence

from .goals import GOALS
from .results import SATURATED, Book, Run
from .scenarios import SCENARIOS, Scenario

AT_A_SET_PACE = ("paced", "events")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """One, the first column to the left."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def report(book: Book) -> str:
    """All of it."""
    parts = [
        "\n".join(f"{name}: {text}" for name, text in book.about.items()) + "\n",
        "### Requests (frames, events) a second, one core each\n",
        _compared(book, lambda run: run.rate, _rate, better="more"),
        f"`*`: the load's side used {SATURATED:.0%} of its processor, which may be the limit: CPU time compares.\n",
        "### CPU us a request of the proxy\n",
        _compared(book, lambda run: run.cpu_us, _cpu, better="less"),
        "### Latency, p50 / p99 in us\n",
        _latencies(book),
        "### Memory and start\n",
        _standing(book),
        "### Goals\n",
        table(["goal", "seen", "reached"], ([goal.says, *goal.judged(book)] for goal in GOALS)),
    ]
    return "\n".join(parts)


def _targets(book: Book) -> list[str]:
    return list(dict.fromkeys(run.target for run in book.runs))


def _loaded(book: Book) -> list[Scenario]:
    seen = {run.scenario for run in book.runs}
    return [scenario for scenario in SCENARIOS if scenario.name in seen and scenario.tool != "start"]


def _compared(book: Book, figure: Callable[[Run], float], cell: Callable[[Book, str, str], str], *, better: str) -> str:
    """Scenarios by targets, and how far ours is ahead of each peer: above 1, ours is better."""
    targets = _targets(book)
    peers = [name for name in targets if name not in ("ours", "direct")]
    head = ["scenario", *targets, *(f"ahead of {peer}" for peer in peers)]

    def ahead(one: Scenario, peer: str) -> str:
        ours, theirs = (book.median(one.name, name, figure) for name in ("ours", peer))
        if not ours or not theirs or (better == "more" and one.tool in AT_A_SET_PACE):
            return ""
        return f"{ours / theirs if better == 'more' else theirs / ours:.2f}"

    return table(
        head,
        (
            [one.name, *(cell(book, one.name, name) for name in targets), *(ahead(one, peer) for peer in peers)]
            for one in _loaded(book)
        ),
    )


def _rate(book: Book, scenario: str, target: str) -> str:
    rate = book.median(scenario, target, lambda run: run.rate)
    if rate is None:
        return ""
    wrong = sum(run.wrong for run in book.of(scenario, target))
    half = book.spread(scenario, target, lambda run: run.rate) / 2
    said = f"{rate:,.0f}{'*' if book.saturated(scenario, target) else ''} ±{half:.0%}"
    return f"{said} ({wrong} WRONG)" if wrong else said


def _cpu(book: Book, scenario: str, target: str) -> str:
    cost = book.median(scenario, target, lambda run: run.cpu_us)
    return "" if cost is None else f"{cost:,.1f}"


def _latencies(book: Book) -> str:
    targets = _targets(book)

    def cell(scenario: str, target: str) -> str:
        p50, p99 = (book.median(scenario, target, figure) for figure in (_p50, _p99))
        return "" if p50 is None or p99 is None else f"{p50:,.0f} / {p99:,.0f}"

    return table(
        ["scenario", *targets, "load busy (ours)", "other work"],
        (
            [one.name, *(cell(one.name, target) for target in targets), *_conditions(book, one.name)]
            for one in _loaded(book)
        ),
    )


def _conditions(book: Book, scenario: str) -> tuple[str, str]:
    """How busy the load's processors were with ours, and the most that other work took from any proxy's."""
    busy = book.median(scenario, "ours", lambda run: run.rest_share)
    foreign = max(run.foreign for run in book.runs if run.scenario == scenario and run.target != "direct")
    return "" if busy is None else f"{busy:.0%}", f"{foreign:.0%}"


def _standing(book: Book) -> str:
    targets = [name for name in _targets(book) if name != "direct"]

    def cell(scenario: str, figure: Callable[[Run], float], target: str) -> str:
        seen = book.median(scenario, target, figure)
        return "" if seen is None else f"{seen:,.1f}"

    rows: list[tuple[str, str, Callable[[Run], float]]] = [
        ("start to first 200, ms", "start", lambda run: run.p50_us / 1000),
        ("memory at the start, MiB", "start", lambda run: run.rss_mib),
        ("memory after hot, MiB", "hot", lambda run: run.rss_mib),
        ("memory after distinct-10000, MiB", "distinct-10000", lambda run: run.rss_mib),
    ]
    return table(
        ["", *targets],
        ([says, *(cell(scenario, figure, target) for target in targets)] for says, scenario, figure in rows),
    )


def _p50(run: Run) -> float:
    return run.p50_us


def _p99(run: Run) -> float:
    return run.p99_us
