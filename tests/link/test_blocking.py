"""Who keeps a push from being in force everywhere, and why, as control shows it: a real link, the real push server."""

from dataclasses import replace
from pathlib import Path
from random import Random

import trio
from trio.testing import MockClock

from sidecar.contract.envelope import seal
from sidecar.contract.increment import Chain
from sidecar.contract.snapshot import Snapshot, encode
from sidecar.link import Link, LinkSettings, StateDir
from tests.control.distribution.talking import stage

from .playing import NOW, in_place


async def test_a_sidecar_that_lacks_a_capability_is_named_with_it(tmp_path: Path, autojump_clock: MockClock) -> None:
    """It goes on with what it has, and the receipt says which capability it is that an older sidecar lacks."""
    async with stage() as st, trio.open_nursery() as nursery:
        st.core.publish(1)

        async def dial(_address: str, _context: object) -> trio.abc.Stream:
            return st.connect().stream

        async def resolve(address: str) -> list[str]:
            return [address]

        settings = LinkSettings("orders", ("c:1",), "orders-1", "sidegate/old", st.core.token())
        state, facts = StateDir(tmp_path / "state", "orders"), {"dial": dial, "resolve": resolve, "blocking": in_place}
        link = Link(settings, state, lambda *_: lambda: None, now=lambda: NOW, rng=Random(1), **facts)
        nursery.start_soon(link.run)
        await trio.sleep(1)
        newer = replace(Snapshot("shop.test", "orders", 2, 1), requires=("teleport",))
        st.core.chains["orders"] = Chain.begin(2, seal(encode(newer), st.core.signing))
        st.core._tell(2)
        rollout = await st.server.wait_rollout(2, timeout_s=5)
        ((blocking, why),) = rollout.nacked
        assert (blocking.instance, blocking.agent, blocking.version) == ("orders-1", "sidegate/old", 1)
        assert why == "lacks_capability: this sidecar cannot enforce: teleport"
        assert link.status.in_use == 1
        nursery.cancel_scope.cancel()
