"""Last-Event-ID against arbitrary text: a place in the stream, or a gap and what follows; never a fault, and nothing
that was told before under another name. And what is told, whatever it says, is one frame."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from control.api.events import _text
from control.cli.events import _read
from control.rollout.events import Event, Events, Following

KEPT = 5


async def _all(following: Following) -> list[Event]:
    found = list[Event]()
    while (event := await following.next(0)) is not None:
        found.append(event)
    return found


def _feed(told: int) -> Events:
    feed = Events(lambda: 5.0, KEPT)
    for number in range(told):
        feed.tell("told", number=number + 1)
    return feed


ids = st.one_of(
    st.text(max_size=100),
    st.from_regex(r"\A[0-9a-f]{8}-[0-9]{1,20}\Z"),
    st.builds("-".join, st.lists(st.text("0123456789abcdef-+_ .٣²", max_size=20), max_size=4)),
)


@given(told=st.integers(0, 12), after=ids)
@settings(max_examples=300, deadline=None)
async def test_any_last_id(told: int, after: str) -> None:
    """Of another run of control, or of none: a gap, and then what comes."""
    feed = _feed(told)
    with feed.follow(after) as following:
        assert [event.kind for event in await _all(following)] == ["gap"]
        feed.tell("next")
        assert [event.kind for event in await _all(following)] == ["next"]


@given(told=st.integers(0, 12), number=st.integers(-(2**70), 2**70) | st.integers(-1, 14), padding=st.integers(0, 30))
@settings(max_examples=300, deadline=None)
async def test_any_number_of_this_run(told: int, number: int, padding: int) -> None:
    """What followed it, in order and whole; or a gap, if some of that is forgotten or it was never told."""
    feed = _feed(told)
    after = f"{feed._run}-{number:0{padding}d}"
    with feed.follow(after) as following:
        found = await _all(following)
    if max(0, told - KEPT) <= number <= told and len(after) - 9 <= 15:
        assert [event.number for event in found] == list(range(number + 1, told + 1))
    else:
        assert [event.kind for event in found] == ["gap"]


@given(facts=st.dictionaries(st.text(max_size=10), st.text(max_size=50) | st.integers() | st.booleans(), max_size=5))
@settings(max_examples=200, deadline=None)
def test_any_facts_are_one_frame(facts: dict[str, Any]) -> None:
    """No name or reason that a sidecar gives becomes an event, an id or a retry of its own."""
    feed = _feed(1)
    text = _text(feed, Event(1, 5.0, "nacked", facts))
    assert text.endswith("\n\n")
    assert [line.partition(":")[0] for line in text.split("\n")] == ["id", "event", "data", "", ""]
    (read,) = _read(iter(text.splitlines()))
    assert read is not None
    assert read | facts == read | json.loads(json.dumps(facts))
