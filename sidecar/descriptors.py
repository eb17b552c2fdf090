"""File descriptors: as many as the system gives, and never more connections than they are enough for.

A caller's connection needs one, and another towards the service while it is served. Without a bound below the
limit, the process would run into it in the middle of an exchange: callers that were let in would be the ones to suffer.
"""

import resource
from contextlib import suppress
from dataclasses import replace

from .http1.limits import Limits

RESERVED = 64
"""For listeners, the admin endpoint, control, logs and what a library opens."""


def take_all() -> int:
    """Raises the soft limit to the hard one, which is the operator's; the number of descriptors there may be."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def fitted(limits: Limits, descriptors: int) -> Limits:
    """``limits`` with no more connections than ``descriptors`` are enough for."""
    if descriptors == resource.RLIM_INFINITY:
        return limits
    enough = max(1, (descriptors - RESERVED) // 2)
    if limits.connections <= enough:
        return limits
    return replace(limits, connections=enough, upstream_connections=min(limits.upstream_connections, enough))
