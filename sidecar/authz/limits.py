"""A route's rate limits: whose bucket a request takes from.

A bucket is known by its route and its limit as they are written, so that a policy that leaves both as they were does
not fill it. Callers who did not say who they are count by address; an IPv6 one by its /64, of which a caller has as
many addresses as he likes. Knows nothing of what is answered.
"""

import ipaddress
import math
from hashlib import blake2b

from sidecar.authn.claims import claim_at
from sidecar.contract.snapshot import RateLimit, Route

from .asking import Asking
from .buckets import Buckets, Rate
from .deny import read_address

_DIGEST = 16


class CompiledLimits:
    """All the limits of one route: a request passes if every one lets it, and takes from each or from none."""

    def __init__(self, route: Route, buckets: Buckets) -> None:
        self._buckets = buckets
        place = repr((route.path, route.methods, route.hosts, route.headers, route.query))
        self._limits = tuple(
            (limit, blake2b(f"{place} {limit!r}".encode(), digest_size=_DIGEST).digest(), _rate(limit))
            for limit in route.rate_limits
        )

    def wait_s(self, asking: Asking, steps: list[str] | None = None, spend: bool = True) -> int:
        """0: it passes, and has been counted if ``spend``. Else after how many whole seconds it may come again."""
        asked = [(limit, place + _whose(limit, asking), rate) for limit, place, rate in self._limits]
        waits = [self._buckets.wait_s(key, rate, asking.now) for _, key, rate in asked]
        if steps is not None:
            steps += [self._told(limit, key, rate, asking.now) for limit, key, rate in asked]
        if any(waits):
            return math.ceil(max(waits))
        if spend:
            for _, key, rate in asked:
                self._buckets.take(key, rate, asking.now)
        return 0

    def keys(self, asking: Asking) -> tuple[tuple[bytes, Rate], ...] | None:
        """What ``spend`` takes for whoever asks, however often; None if that depends on where he asks from."""
        if any(limit.by == "ip" or (limit.by != "route" and asking.principal is None) for limit, _, _ in self._limits):
            return None
        return tuple((place + _whose(limit, asking), rate) for limit, place, rate in self._limits)

    def _told(self, limit: RateLimit, key: bytes, rate: Rate, now: float) -> str:
        wait = self._buckets.wait_s(key, rate, now)
        state = f"empty for {wait:.1f} s" if wait else f"{self._buckets.level(key, rate, now):.0f} left"
        by = f"claim {'.'.join(limit.claim)}" if limit.by == "claim" else limit.by
        return f"rate limit: {limit.requests} in {limit.per_ms} ms by {by}: {state}"


def _rate(limit: RateLimit) -> Rate:
    return Rate(limit.requests * 1000 / limit.per_ms, limit.burst)


def _whose(limit: RateLimit, asking: Asking) -> bytes:
    who = asking.principal
    if limit.by == "route":
        return b""
    if limit.by == "ip" or who is None:
        owner: tuple[object, ...] = ("ip", _network(asking.request.address))
    elif limit.by == "claim":
        value = claim_at(who.claims, limit.claim)
        owner = ("claim", type(value).__name__, repr(value))
    elif limit.by == "client" and who.client is not None:
        owner = ("client", who.issuer_name, who.client)
    else:
        owner = ("subject", who.issuer_name, who.subject)
    return blake2b(repr(owner).encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()


def _network(text: str) -> str:
    if ":" not in text:
        return text
    address = read_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(int(address) >> 64)
    return str(address)
