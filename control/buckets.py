"""Token buckets, and what counts as one place that tries something. Pure: ``now`` is any clock that never goes back."""

import ipaddress
import math
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """A level that time fills up to ``capacity``. It may be overdrawn, by tries that were under way together."""

    capacity: float
    refill_per_s: float
    level: float
    at: float
    suspect_until: float = -math.inf

    def look(self, now: float) -> float:
        """The level at ``now``."""
        self.level = min(self.capacity, self.level + max(0.0, now - self.at) * self.refill_per_s)
        self.at = now
        return self.level


def network_of(address: str) -> str:
    """What counts as one place: an IPv4 address, or an IPv6 /64, which is what one customer gets."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "local"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
