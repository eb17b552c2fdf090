"""The tables say what was seen, and say when they do not know."""

from pathlib import Path

from bench.proxies.goals import GOALS
from bench.proxies.report import report
from bench.proxies.results import Book, Run
from bench.proxies.scenarios import SCENARIOS

ABOUT = {"Machine": "2 CPUs, a processor"}


def run(scenario: str, target: str, rate: float, *, cpu: float = 10, rest: float = 0.5, wrong: int = 0) -> Run:
    """A run with 48 MiB."""
    return Run(scenario, target, rate, cpu, 900, 1900, wrong, rest, 0.01, 48.0, "2026-11-30 00:00", 0.5)


def book(*runs: Run) -> Book:
    """Of these."""
    return Book(ABOUT, runs)


def row(text: str, begins: str) -> str:
    """The first line of a table that begins so."""
    return next(line for line in text.splitlines() if line.startswith(f"| {begins} |"))


def test_a_row_holds_the_median_its_spread_and_how_far_ahead_we_are() -> None:
    """Three repeats each; ours is twice as fast as the peer."""
    runs = [
        run("hot", name, rate) for name, of in (("ours", 100), ("envoy", 50)) for rate in (of * 18, of * 20, of * 22)
    ]
    assert row(report(book(*runs)), "hot") == "| hot | 2,000 ±10% | 1,000 ±10% | 2.00 |"


def test_a_rate_that_the_load_limits_is_marked() -> None:
    """So that nobody takes it for the proxy's own."""
    text = report(book(run("hot", "ours", 30_000, rest=0.99)))
    assert row(text, "hot") == "| hot | 30,000* ±0% |"


def test_wrong_answers_are_shouted() -> None:
    """A rate of refusals is no rate."""
    assert "(3 WRONG)" in row(report(book(run("hot", "ours", 9_000, wrong=3))), "hot")


def test_a_goal_is_reached_missed_or_not_measured() -> None:
    """1.25 times Envoy, and no guess where nothing was run."""
    seen = book(
        run("hot", "ours", 126), run("hot", "envoy", 100), run("distinct", "ours", 124), run("distinct", "envoy", 100)
    )
    said = {goal.says: goal.judged(seen) for goal in GOALS}
    assert said["hot: rate at least 1.25 x envoy"] == ("1.26", "yes")
    assert said["distinct: rate at least 1.25 x envoy"] == ("1.24", "no")
    assert said["realistic: rate at least 1.25 x envoy"] == ("not measured", "?")
    assert said["memory after hot: at most 48 MiB"] == ("48.0", "yes")


def test_where_the_load_was_the_limit_processor_time_is_judged() -> None:
    """Both reached what the load could give; ours took half the time for it."""
    seen = book(run("hot", "ours", 99, cpu=10, rest=0.99), run("hot", "envoy", 100, cpu=20))
    assert next(goal for goal in GOALS if goal.says.startswith("hot:")).judged(seen) == ("2.00 by CPU time", "yes")


def test_a_latency_goal_counts_the_other_way() -> None:
    """Less is better: twice the latency is half as good."""
    slow = Run("paced", "ours", 500, 10, 800, 1000, 0, 0.1, 0, 40, "", 0)
    quick = Run("paced", "envoy", 500, 10, 400, 2000, 0, 0.1, 0, 60, "", 0)
    said = {goal.says: goal.judged(book(slow, quick)) for goal in GOALS}
    assert said["paced: p50 at most envoy's"] == ("0.50", "no")
    assert said["paced: p99 at most envoy's"] == ("2.00", "yes")


def test_what_was_seen_is_kept_and_run_again_alone(tmp_path: Path) -> None:
    """A file holds the runs of several commands; a scenario that is run again loses its old ones."""
    file = tmp_path / "runs.json"
    book(run("hot", "ours", 1), run("badsig", "ours", 2)).write(file)
    kept = Book.read(file)
    kept.forget(["hot"])
    assert kept.runs == [run("badsig", "ours", 2)]
    assert kept.about == ABOUT


def test_goals_speak_of_scenarios_that_there_are() -> None:
    """A renamed scenario would leave a goal that is never measured."""
    names = {scenario.name for scenario in SCENARIOS}
    asked = {side for goal in GOALS for side in (getattr(goal, "scenario", None) or goal.ours[0],)}  # type: ignore[union-attr]
    assert asked <= names
