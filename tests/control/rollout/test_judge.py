"""The judge: what he needs, what he sees, and how seldom he is wrong."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.rollout.judge import Facts, Member, Tally, Terms, compared, judge, surely_more

TERMS = Terms(min_s=60, min_requests=100)
ACKED = Member("orders/1", "orders", "acked")


def facts(
    candidate: tuple[float, float, float] = (1000, 10, 5),
    stable: tuple[float, float, float] = (9000, 90, 45),
    before: tuple[float, float, float] | None = None,
    **more: object,
) -> Facts:
    """One service; (requests, denied, failed) of each line."""
    tallies = [Tally("orders", "candidate", *candidate), Tally("orders", "stable", *stable)]
    tallies += [Tally("orders", "before", *before)] if before else []
    made = Facts(100, 0, (ACKED,), tallies)
    return replace(made, **more)  # type: ignore[arg-type]  # as the caller names them


def test_enough_good_reports_promote() -> None:
    """With how many requests, in what time."""
    verdict = judge(facts(), TERMS)
    assert (verdict.action, verdict.sentence) == ("promote", "good: 1000 requests in 100 s, 1 sidecar")


def test_a_refusal_aborts_with_its_reason() -> None:
    """Whatever the numbers say."""
    refused = Member("orders/2", "orders", "nacked", "unknown requirement mtls")
    verdict = judge(facts(members=(ACKED, refused)), TERMS)
    assert (verdict.action, verdict.sentence) == ("abort", "orders/2 refused it: unknown requirement mtls")


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((300, 300, 0), "orders: 100.0% of 300 requests were denied, and 1.0% of 9000 elsewhere"),
        ((300, 0, 90), "orders: 30.0% of 300 requests failed, and 0.5% of 9000 elsewhere"),
        ((20, 20, 0), "orders: 100.0% of 20 requests were denied, and 1.0% of 9000 elsewhere"),
    ],
)
def test_worse_rates_abort(counts: tuple[float, float, float], said: str) -> None:
    """At once, before the time is over, as soon as there are enough requests to tell."""
    verdict = judge(facts(counts, elapsed_s=1), TERMS)
    assert (verdict.action, verdict.sentence) == ("abort", said)


def test_few_requests_prove_nothing() -> None:
    """Three of three may be one caller who tries again; twenty are something else."""
    assert judge(facts((19, 19, 19)), TERMS).action == "wait"
    assert judge(facts((20, 20, 20)), TERMS).action == "abort"


def test_where_the_others_have_nothing_to_do_it_is_compared_with_before() -> None:
    """A service with one sidecar has no others."""
    quiet = facts((500, 480, 0), (0, 0, 0), (2000, 20, 0))
    assert judge(quiet, TERMS).sentence.endswith("and 1.0% of 2000 before")
    assert judge(facts((500, 5, 0), (0, 0, 0), (2000, 20, 0)), TERMS).action == "promote"
    nothing = judge(facts((500, 500, 0), (0, 0, 0)), TERMS)
    assert nothing.action == "wait"
    assert "orders: 0 of 100 requests elsewhere" in nothing.missing


def test_services_are_compared_with_themselves() -> None:
    """One that is denied much, as ever, does not make the other look good."""
    tallies = [
        Tally("login", "candidate", 1000, 500, 0),
        Tally("login", "stable", 1000, 500, 0),
        Tally("orders", "candidate", 100, 40, 0),
        Tally("orders", "stable", 1000, 0, 0),
    ]
    verdict = judge(facts(tallies=tallies), TERMS)
    assert (verdict.action, verdict.sentence.partition(":")[0]) == ("abort", "orders")


def test_waiting_says_what_is_missing() -> None:
    """Time, answers, requests."""
    verdict = judge(facts((10, 0, 0), members=(replace(ACKED, state="pending"),), elapsed_s=10.5), TERMS)
    assert verdict.action == "wait"
    assert verdict.missing == (
        "50 s of 60 s",
        "orders/1 has not answered",
        "10 of 100 requests that can be compared",
    )


def test_nobody_left_aborts_after_a_while() -> None:
    """A restart of control, when everybody comes back, is no reason."""
    assert judge(facts(members=(), alone_s=59), TERMS).action == "wait"
    assert judge(facts(members=(), alone_s=60), TERMS).sentence == "nobody is left in the canary for 60 s"


def test_a_freeze_holds_a_promotion_and_no_abortion() -> None:
    """The sentence says by whom."""
    held = judge(facts(frozen="frozen by ann"), TERMS)
    assert (held.action, held.missing) == ("wait", ("frozen by ann",))
    assert judge(facts((300, 300, 0), frozen="frozen by ann"), TERMS).action == "abort"


def test_one_that_lies_does_not_outweigh_the_others() -> None:
    """A billion good requests of one sidecar do not hide what four others report."""
    tallies = [Tally("orders", "candidate", 100, 90, 0) for _ in range(4)]
    tallies += [Tally("orders", "candidate", 1e9, 0, 0), Tally("orders", "stable", 1000, 0, 0)]
    assert judge(facts(tallies=tallies), TERMS).action == "abort"
    (one,) = compared(tallies, TERMS)
    assert one.candidate.requests == 800


COUNT = st.integers(0, 2000)


@given(COUNT, COUNT, COUNT, COUNT)
def test_the_interval_agrees_with_a_simple_model(x1: int, n1: int, x2: int, n2: int) -> None:
    """It is below the difference seen, at most 1, the same for the same rates whichever of both succeed or fail, and
    never above what the textbook's interval gives by much where that one holds."""
    n1, n2 = n1 + x1, n2 + x2
    low = surely_more(x1, n1, x2, n2)
    if not n1 or not n2:
        assert low == -1.0
        return
    p1, p2 = x1 / n1, x2 / n2
    assert -1.0001 <= low <= p1 - p2 + 1e-9
    assert math.isclose(low, surely_more(n2 - x2, n2, n1 - x1, n1), abs_tol=1e-9)
    if min(x1, x2, n1 - x1, n2 - x2) >= 50:
        textbook = p1 - p2 - 3.29 * math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
        assert abs(low - textbook) < 0.03


@given(st.integers(1, 5000), st.floats(0, 1), st.floats(0, 1))
def test_the_same_rates_never_abort(n: int, denied: float, failed: float) -> None:
    """However few, however bad: what is no worse than elsewhere is not the policy's fault."""
    same = (n, round(n * denied), round(n * failed))
    assert judge(facts(same, same), TERMS).action != "abort"


@given(st.integers(1, 500), st.integers(0, 500), st.integers(0, 500))
def test_more_denials_never_make_it_better(n: int, denied: int, more: int) -> None:
    """From abort there is no way back by failing more."""
    fewer, worse = min(denied, n), min(denied + more, n)
    order = {"abort": 0, "wait": 1, "promote": 2}
    first, second = (judge(facts((n, x, 0)), TERMS).action for x in (fewer, worse))
    assert order[second] <= order[first]


def _trial(chance: random.Random, good: float, bad: float, looks: int = 60, step: int = 20) -> tuple[str, int]:
    """Requests come in and are judged after each few; the first verdict that is no waiting, and after how many."""
    x1 = x2 = 0
    for look in range(1, looks + 1):
        x1 += sum(chance.random() < bad for _ in range(step))
        x2 += sum(chance.random() < good for _ in range(step * 3))
        # Not promoted before the last look, so that each look may be the wrong one.
        elapsed_s = 100 if look == looks else 1
        verdict = judge(facts((look * step, x1, 0), (look * step * 3, x2, 0), elapsed_s=elapsed_s), TERMS)
        if verdict.action != "wait":
            return verdict.action, look * step
    return "wait", looks * step


def test_how_often_he_is_wrong_and_how_fast_he_is_right() -> None:
    """Simulated, with fixed seeds: of 300 harmless ones, judged 60 times each, at most three are aborted; a policy
    that denies a third more is aborted each time, within 200 requests."""
    chance = random.Random(7)
    wrong = sum(_trial(chance, 0.1, 0.1)[0] == "abort" for _ in range(300))
    assert wrong <= 3
    for _ in range(50):
        action, requests = _trial(chance, 0.1, 0.45)
        assert action == "abort"
        assert requests <= 200


@pytest.mark.parametrize("lie", [(2.0**53, 0, 0), (2.0**60, 2.0**60, 0), (1.0, 0, 0)])
def test_one_of_two_cannot_outvote_the_other(lie: tuple[float, float, float]) -> None:
    """However much it claims to have had, and however well it went: what the other saw is still seen."""
    said = [Tally("orders", "candidate", 1000, 0, 500), Tally("orders", "candidate", *lie)]
    others = [Tally("orders", "stable", 5000, 0, 0), Tally("orders", "stable", 4000, 0, 0)]
    assert judge(facts(tallies=[*said, *others]), TERMS).action == "abort"
