"""Rate limits: whose bucket, when again, and what outlives a snapshot."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.authz.buckets import Buckets, Rate
from sidecar.authz.evaluator import Evaluator
from sidecar.authz.explain import explain
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import RateLimit, Requirement, Route, Snapshot
from tests.authn.minting import NOW, snapshot

from .asking import bearer, facts


def _policy(*limits: RateLimit, **route: Any) -> Snapshot:
    return snapshot(routes=(Route("/**", access="optional", rate_limits=limits, **route),))


def _two(by: Any = "route", **more: Any) -> RateLimit:
    return RateLimit(2, 60_000, 2, by, **more)


ROWS: dict[str, tuple[RateLimit, dict[str, Any], dict[str, Any]]] = {
    "subject": (_two("subject"), {"token": bearer()}, {"token": bearer(sub="8")}),
    "anonymous by address": (_two("subject"), {"address": "192.0.2.1"}, {"address": "192.0.2.2"}),
    "client": (_two("client"), {"token": bearer(azp="a", sub="1")}, {"token": bearer(azp="b", sub="1")}),
    "ip": (_two("ip"), {"address": "192.0.2.1", "token": bearer()}, {"address": "192.0.2.2", "token": bearer()}),
    "IPv6 by /64": (_two("ip"), {"address": "2001:db8::1"}, {"address": "2001:db8:0:1::1"}),
    "claim": (_two("claim", claim=("t",)), {"token": bearer(t="a")}, {"token": bearer(t="b")}),
    "claim of another type": (_two("claim", claim=("t",)), {"token": bearer(t=1)}, {"token": bearer(t=True)}),
}


@pytest.mark.parametrize(("limit", "one", "other"), ROWS.values(), ids=ROWS.keys())
def test_each_has_a_bucket(limit: RateLimit, one: dict[str, Any], other: dict[str, Any]) -> None:
    """One caller uses up his own, and another has his still."""
    evaluator = Evaluator(_policy(limit))
    assert [evaluator.evaluate(facts(**one), NOW).allowed for _ in range(3)] == [True, True, False]
    assert evaluator.evaluate(facts(**other), NOW).allowed


def test_those_who_are_one_share_a_bucket() -> None:
    """A client's users by client, one network's addresses, IPv4 in either form, all callers of a route."""
    pairs: list[tuple[RateLimit, dict[str, Any], dict[str, Any]]] = [
        (_two("client"), {"token": bearer(azp="a", sub="1")}, {"token": bearer(azp="a", sub="2")}),
        (_two("ip"), {"address": "2001:db8::1"}, {"address": "2001:db8::2"}),
        (_two("ip"), {"address": "192.0.2.1"}, {"address": "::ffff:192.0.2.1"}),
        (_two("route"), {"address": "192.0.2.1"}, {"token": bearer()}),
        (_two("claim", claim=("t",)), {"token": bearer(sub="1")}, {"token": bearer(sub="2")}),
    ]
    for limit, one, other in pairs:
        evaluator = Evaluator(_policy(limit))
        assert [evaluator.evaluate(facts(**who), NOW).allowed for who in (one, other, one)] == [True, True, False]


def test_says_when_to_come_again() -> None:
    """Whole seconds, rounded up, and by then it passes (RFC 9110 section 10.2.3)."""
    evaluator = Evaluator(_policy(_two()))
    evaluator.evaluate(facts(), NOW)
    evaluator.evaluate(facts(), NOW)
    refused = evaluator.evaluate(facts(), NOW + 0.5)
    assert (refused.reason, refused.retry_after_s) == (Reason.RATE_LIMITED, 30)
    assert not evaluator.evaluate(facts(), NOW + 29.9).allowed
    assert evaluator.evaluate(facts(), NOW + 30).allowed


def test_every_limit_counts_and_a_refused_request_takes_nothing() -> None:
    """Ten an hour and two a minute: what the second refuses is not taken from the first."""
    evaluator = Evaluator(_policy(RateLimit(3, 3_600_000, 3, "route"), _two()))
    told = [evaluator.evaluate(facts(), NOW).allowed for _ in range(9)]
    assert told == [True, True] + [False] * 7
    assert evaluator.evaluate(facts(), NOW + 60).allowed
    assert not evaluator.evaluate(facts(), NOW + 60).allowed


def test_only_what_passes_is_counted() -> None:
    """A request that is refused for another reason takes nothing; nor does one that is only explained."""
    policy = _policy(_two("route"), require=Requirement(scopes=("orders:read",)))
    evaluator = Evaluator(policy)
    poor = facts(token=bearer(scope=""))
    for _ in range(5):
        assert evaluator.evaluate(poor, NOW).reason is Reason.INSUFFICIENT_SCOPE
        assert evaluator.evaluate(facts(token=bearer()), NOW, spend=False).allowed
    assert [evaluator.evaluate(facts(), NOW).allowed for _ in range(3)] == [True, True, False]
    assert evaluator.evaluate(facts(), NOW, spend=False).allowed
    assert "rate limit: 2 in 60000 ms by route: empty for 30.0 s" in explain(evaluator, facts(), NOW)


def test_a_new_snapshot_gives_nothing_back() -> None:
    """A limit that stands as it was goes on counting; one that is new begins."""
    used = Evaluator(_policy(_two()))
    for _ in range(2):
        used.evaluate(facts(), NOW)
    assert not Evaluator(_policy(_two()), used).evaluate(facts(), NOW).allowed
    assert not used.with_revocations(used.snapshot).evaluate(facts(), NOW).allowed
    assert Evaluator(_policy(_two(), methods=("GET",)), used).evaluate(facts(), NOW).allowed
    assert Evaluator(_policy(RateLimit(3, 60_000, 3, "route")), used).evaluate(facts(), NOW).allowed
    assert Evaluator(_policy(_two())).evaluate(facts(), NOW).allowed


def test_buckets_are_bounded() -> None:
    """The one touched longest ago is forgotten, never one in use."""
    buckets, rate = Buckets(most=3), Rate(1.0, 1)
    for name in (b"a", b"b", b"c", b"a", b"d"):
        buckets.take(name, rate, NOW)
    assert len(buckets) == 3
    assert [buckets.wait_s(name, rate, NOW) > 0 for name in (b"a", b"b", b"c", b"d")] == [True, False, True, True]


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(1, 10),
    st.lists(st.floats(-5, 20, allow_nan=False, width=32), min_size=1, max_size=40),
)
def test_no_window_lets_more_through_than_it_may(requests: int, burst: int, waits: list[float]) -> None:
    """In any span of time, at most the burst and what flowed in meanwhile, however the clock jumps."""
    buckets, rate, now = Buckets(), Rate(requests / 10, burst), float(NOW)
    passed: list[float] = []
    clock = 0.0  # how much time went forward
    for wait in waits:
        now, clock = now + wait, clock + max(0.0, wait)
        if buckets.wait_s(b"k", rate, now) == 0.0:
            buckets.take(b"k", rate, now)
            passed.append(clock)
    for first, start in enumerate(passed):
        for last, end in enumerate(passed[first:]):
            assert last + 1 <= burst + (end - start) * rate.per_s + 1e-6
