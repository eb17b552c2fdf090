"""How often a secret may be tried: token buckets, one an address and one for all. In memory, bounded.

A try that succeeds costs 1, one that fails costs ``FAILURE``: who knows the secret hardly meets the limit, who
guesses meets it after twenty tries. An address that has overdrawn is refused before the secret is looked at. The
bucket for all binds those alone that have failed within ``SUSPECT_S``: a crowd of strangers that guesses slows itself
down, and not who has done nothing wrong.

What was right lately is tried from where it was right whatever the buckets say, so that who guesses beside the rightful
operator, behind one address, does not lock them out. It gives away nothing: such a guess would have to be right.
"""

import hashlib
from collections import OrderedDict

from control.buckets import Bucket, network_of

CAPACITY = 2000.0
REFILL_PER_S = 100.0
FAILURE = 100.0
OVERALL = 25
"""The bucket for all addresses is as large as this many of one."""
SUSPECT_S = 3600.0
MAX_ADDRESSES = 10_000
MAX_PROVEN = 1000


class Attempts:
    """Counts tries of secrets. ``now`` is any clock that never goes back."""

    def __init__(self, now: float) -> None:
        self._everyone = Bucket(CAPACITY * OVERALL, REFILL_PER_S * OVERALL, CAPACITY * OVERALL, now)
        self._by_address: OrderedDict[str, Bucket] = OrderedDict()
        self._proven: OrderedDict[bytes, None] = OrderedDict()

    def begin(self, address: str, now: float, shown: bytes = b"") -> float:
        """Counts one try. 0 if it may go on, else in how many seconds to come back. ``shown``: what is tried."""
        proof = _proof(address, shown)
        if proof in self._proven:
            self._proven.move_to_end(proof)
            return 0.0
        own = self._bucket(address, now)
        buckets = (own, self._everyone) if now < own.suspect_until else (own,)
        waits = [(1.0 - bucket.look(now)) / bucket.refill_per_s for bucket in buckets]
        if max(waits) > 0:
            return max(waits)
        self._charge(address, 1.0, now)
        return 0.0

    def succeeded(self, address: str, shown: bytes) -> None:
        """The try knew the secret."""
        self._proven[_proof(address, shown)] = None
        if len(self._proven) > MAX_PROVEN:
            self._proven.popitem(last=False)

    def failed(self, address: str, now: float, shown: bytes = b"") -> None:
        """The try did not know the secret, or no longer."""
        self._proven.pop(_proof(address, shown), None)
        self._charge(address, FAILURE - 1.0, now)
        self._bucket(address, now).suspect_until = now + SUSPECT_S

    def _charge(self, address: str, cost: float, now: float) -> None:
        for bucket in (self._bucket(address, now), self._everyone):
            bucket.look(now)
            bucket.level -= cost

    def _bucket(self, address: str, now: float) -> Bucket:
        key = network_of(address)
        bucket = self._by_address.get(key)
        if bucket is None:
            bucket = self._by_address[key] = Bucket(CAPACITY, REFILL_PER_S, CAPACITY, now)
            if len(self._by_address) > MAX_ADDRESSES:
                self._by_address.popitem(last=False)
        self._by_address.move_to_end(key)
        return bucket


def _proof(address: str, shown: bytes) -> bytes:
    return hashlib.sha256(network_of(address).encode() + b"\0" + shown).digest()
