"""How often people's passwords and codes may be tried, by account and by address: token buckets, in memory, bounded.

A try is paid for before anything is looked at, and given back if it was right; so guesses that come together are
counted together. Nobody is locked out for good: time fills a bucket up again. Who guesses for an account slows down
those alone whom we do not know for it: where somebody got in lately, and a browser that they have used, have a bucket
of their own.

Each control counts for itself, and anew after a start. What is counted is found by a hash under a key of this process,
in a fixed number of places: nobody can push an entry out, or make two fall together on purpose.
"""

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from control.buckets import Bucket

PLACES = 16_384
MAX_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many tries at once, and one more every ``refill_s`` seconds."""

    tries: float
    refill_s: float


ACCOUNT = Allowance(10, 60)
"""Passwords of one person, from wherever."""
ADDRESS = Allowance(30, 10)
"""Wrong ones from one place, whosoever."""
CODE = Allowance(10, 300)
"""Second factors: of a million codes three are right at a time."""
Key = tuple[Allowance, str]
"""What is counted, under what name."""


class Throttle:
    """Thread-safe."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock, self._secret = clock, threading.Lock(), secrets.token_bytes(32)
        self._buckets = dict[tuple[Allowance, int], Bucket]()
        self._known = OrderedDict[int, None]()

    def begin(self, *keys: Key) -> float:
        """One try, paid for by each of ``keys``: 0. Or, if one of them cannot pay, in how many seconds it can; nothing
        is paid then."""
        with self._lock:
            now = self._clock()
            pairs = [(self._bucket(key, now), key[0]) for key in keys]
            wait_s = max((1.0 - bucket.look(now)) * allowance.refill_s for bucket, allowance in pairs)
            if wait_s > 0:
                return wait_s
            for bucket, _ in pairs:
                bucket.level -= 1.0
            return 0.0

    def was_right(self, *keys: Key) -> None:
        """What it cost is given back."""
        with self._lock:
            for key in keys:
                bucket = self._bucket(key, self._clock())
                bucket.level = min(bucket.capacity, bucket.level + 1.0)

    def remember(self, account: str, place: str) -> None:
        """That person got in from there."""
        with self._lock:
            number = self._number(f"{account}\n{place}", 2**64)
            self._known[number] = None
            self._known.move_to_end(number)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)

    def knows(self, account: str, place: str) -> bool:
        """Did they, lately?"""
        with self._lock:
            return self._number(f"{account}\n{place}", 2**64) in self._known

    def _bucket(self, key: Key, now: float) -> Bucket:
        allowance, name = key
        place = (allowance, self._number(name, PLACES))
        if place not in self._buckets:
            self._buckets[place] = Bucket(allowance.tries, 1 / allowance.refill_s, allowance.tries, now)
        return self._buckets[place]

    def _number(self, name: str, below: int) -> int:
        digest = hashlib.blake2b(name.encode(errors="surrogatepass"), key=self._secret, digest_size=8).digest()
        return int.from_bytes(digest, "big") % below
