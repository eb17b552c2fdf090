"""One seed decides everything. trio's scheduler is made to draw from it, and so is ``os.urandom``, which makes ids and
join tokens. What OpenSSL draws (keys, ECDSA's nonces) stays random: nothing that happens depends on those bytes, as the
latency of the network does not depend on sizes. Sets of strings are the one thing left: the command fixes
``PYTHONHASHSEED`` before Python starts.
"""

import os
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import TypeVar

import trio
from trio._core import _run
from trio.testing import MockClock

T = TypeVar("T")


def run(seed: int, work: Callable[[], Awaitable[T]]) -> T:
    """``work`` on a virtual clock, the same in each run with this seed."""
    with _seeded(seed):
        return trio.run(work, clock=MockClock(autojump_threshold=0))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    drawn = Random(f"{seed} bytes").randbytes
    before = _run._ALLOW_DETERMINISTIC_SCHEDULING, _run._r.getstate(), os.urandom, random._urandom
    _run._ALLOW_DETERMINISTIC_SCHEDULING = True
    _run._r.seed(f"{seed} scheduler")
    os.urandom = random._urandom = drawn
    try:
        yield
    finally:
        _run._ALLOW_DETERMINISTIC_SCHEDULING, state, os.urandom, random._urandom = before
        _run._r.setstate(state)
