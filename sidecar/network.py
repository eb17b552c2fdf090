"""Has the network gone away under us?

A sidecar that shares its service's network namespace (``network_mode: "service:..."``) is left with ``lo`` alone when
the service's container is replaced: it would run on for ever, reachable by nobody. It says so and exits, so that its
restart policy puts it into the new namespace. A machine that never had more than ``lo`` is none of this.
"""

import socket
from collections.abc import Callable

import trio

CHECK_EVERY_S = 2.0


def interfaces() -> frozenset[str]:
    """The names of this namespace's interfaces, loopback left out."""
    return frozenset(name for _, name in socket.if_nameindex() if name != "lo")


async def wait_until_isolated(look: Callable[[], frozenset[str]] = interfaces) -> None:
    """Returns when only ``lo`` is left of more; never, where there was nothing else to begin with."""
    if _alone(look):
        await trio.sleep_forever()
    while not _alone(look):  # noqa: ASYNC110  # the kernel tells nobody without a netlink socket
        await trio.sleep(CHECK_EVERY_S)


def _alone(look: Callable[[], frozenset[str]]) -> bool:
    try:
        return not look()
    except OSError:  # looking needs a descriptor: a crowd of callers can leave none, and is no reason to exit
        return False
