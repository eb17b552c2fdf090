"""Whatever is in a decision log: decisions, lines of other kinds, or one sentence. Never anything else."""

import json

from hypothesis import given
from hypothesis import strategies as st

from control.policy import load
from control.policy.recorded import Recorded, read_line
from control.policy.replay import Replay, Workloads

POLICY = """\
trust_domain: shop.test
issuers: {own: {builtin: true}}
services: {orders: {routes: [{path: "/a/{id}", require: {callers: [orders], when: 'claims.sub == path.id'}}]}}
"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TEXT = st.text(max_size=8)
SEEN = st.dictionaries(TEXT, st.none() | st.just(True) | TEXT, max_size=2)
WHOLE = st.fixed_dictionaries(
    {
        "decision_id": TEXT,
        "service": st.sampled_from(["orders", "other"]),
        "method": TEXT | st.just("GET"),
        "path": TEXT | st.just("/a/7"),
        "host": TEXT,
        "address": TEXT,
        "scheme": TEXT,
        "headers": SEEN,
        "query": SEEN,
        "issuer": st.sampled_from(["own", "", "gone"]),
        "claims": st.none() | st.dictionaries(st.sampled_from(["sub", "aud", "exp"]) | TEXT, JSON, max_size=4),
        "callers": st.lists(TEXT, max_size=2),
        "reason": st.sampled_from(["allowed", "invalid_token", "rate_limited", "no_route", "upstream_broke"]),
        "route": TEXT,
        "time": st.integers(0, 2**40) | st.floats(0, 2**40),
    }
)


def _read(said: object) -> Recorded | None:
    text = json.dumps({"kind": "decision", **said} if isinstance(said, dict) else said, separators=(",", ":"))
    try:
        return read_line(text)
    except ValueError as error:
        assert str(error)
        return None


@given(JSON | st.builds(lambda whole, more: {**whole, **(more if isinstance(more, dict) else {})}, WHOLE, JSON))
def test_any_line_is_read_or_told(said: object) -> None:
    """Whatever stands in it."""
    _read(said)


@given(st.text(max_size=200))
def test_any_text_is_read_or_told(text: str) -> None:
    """Beside the mark of a decision, too."""
    for line in (text, '"kind":"decision"' + text, '{"kind":"decision",' + text):
        try:
            read_line(line)
        except ValueError as error:
            assert str(error)


@given(WHOLE)
def test_whatever_was_decided_is_decided_again(said: dict[str, object]) -> None:
    """And counted once: as it was, otherwise or untold."""
    one = _read(said)
    assert one is not None
    workloads = Workloads()
    workloads.note(one)
    run = Replay(load(POLICY, {}, {}), workloads)
    run.add(one)
    outcome = run.outcome
    assert outcome.decisions == outcome.same + outcome.otherwise.total() + outcome.untold.total() == 1
    json.dumps(outcome.as_json())
