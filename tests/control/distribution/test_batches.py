"""One look-up for many who ask."""

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from control.distribution.batches import Batches
from control.errors import Denied

from .talking import InPlace


async def test_who_comes_alone_is_answered_at_once_and_a_crowd_together(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A thousand within a tenth of a second are eleven look-ups, and nobody waits for more than a hundredth."""
    asked, longest = list[int](), 0.0

    def look_up(questions: Sequence[int]) -> list[int | Denied]:
        asked.append(len(questions))
        return [-one for one in questions]

    batches = Batches[int, int](look_up, InPlace())
    nursery.start_soon(batches.run)
    assert await batches.ask(7) == -7
    assert trio.current_time() == 0
    await trio.sleep(1)

    async def ask(number: int) -> None:
        nonlocal longest
        await trio.sleep(number / 10_000)
        begun = trio.current_time()
        assert await batches.ask(number) == -number
        longest = max(longest, trio.current_time() - begun)

    async with trio.open_nursery() as crowd:
        for number in range(1000):
            crowd.start_soon(ask, number)
    assert sum(asked) == 1001
    assert len(asked) <= 13
    assert longest <= 0.0101


async def test_each_hears_what_became_of_its_own_question(nursery: trio.Nursery) -> None:
    """A refusal is for the one who asked; an error for all of them."""

    def look_up(questions: Sequence[str]) -> list[str | Denied]:
        if "break" in questions:
            raise RuntimeError("the database is away")
        return [Denied("no", "revoked") if one == "bad" else one for one in questions]

    batches = Batches[str, str](look_up, InPlace())
    nursery.start_soon(batches.run)
    assert await batches.ask("good") == "good"
    with pytest.raises(Denied, match="no"):
        await batches.ask("bad")
    with pytest.raises(RuntimeError, match="away"):
        await batches.ask("break")
