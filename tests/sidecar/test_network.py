"""A network that goes away is noticed; one that never was is not missed."""

from collections.abc import Iterator

import pytest
import trio

from sidecar.network import interfaces, wait_until_isolated


def test_loopback_does_not_count() -> None:
    """What is left is what others can come in by."""
    assert "lo" not in interfaces()


async def test_it_returns_when_only_loopback_is_left(autojump_clock: object) -> None:
    """After the look at which the last one was gone, and not for a look that failed."""
    looks: Iterator[frozenset[str] | OSError] = iter(
        [frozenset({"eth0", "eth1"}), frozenset({"eth0"}), OSError("no descriptor left"), frozenset()]
    )

    def look() -> frozenset[str]:
        found = next(looks)
        if isinstance(found, OSError):
            raise found
        return found

    await wait_until_isolated(look)
    assert next(looks, None) is None


async def test_a_machine_without_a_network_is_none_of_this(autojump_clock: object) -> None:
    """It never returns."""
    with pytest.raises(trio.TooSlowError), trio.fail_after(1_000_000):
        await wait_until_isolated(frozenset)
