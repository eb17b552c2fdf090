"""Places for exchanges are for those who were let in: neither half a head nor a refused body takes one."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sidecar.http1.limits import Limits, Timeouts
from tests.proxy.stage import Stage, snapshot

REFUSED = b"POST /orders/7 HTTP/1.1\r\nHost: orders\r\nContent-Length: 60000\r\n\r\n"
GOOD = b"GET /public/x HTTP/1.1\r\nHost: orders\r\n\r\n"


@pytest.mark.parametrize("sent", [b"G", REFUSED])
async def test_strangers_hold_no_place(nursery: trio.Nursery, sent: bytes) -> None:
    """With one place, and more who dawdle than that, who asks properly is served."""
    stage = Stage(nursery, limits=Limits(in_flight=1), snapshot=snapshot())
    dawdling = [stage.client() for _ in range(3)]
    for client in dawdling:
        await client.send(sent)
    await wait_all_tasks_blocked()
    asking = stage.client()
    await asking.send(GOOD)
    assert (await asking.response())[0].status == 200
    for client in (*dawdling, asking):
        await client.close()


async def test_drops_of_a_refused_body_are_not_waited_for(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A byte now and then keeps no refused connection open."""
    stage = Stage(nursery, snapshot=snapshot())
    client = stage.client()
    await client.send(REFUSED)
    assert (await client.response())[0].status == 401
    begun = trio.current_time()
    with pytest.raises(trio.BrokenResourceError):
        while trio.current_time() < begun + 600:
            await client.send(b"x")
            await trio.sleep(1)
    assert trio.current_time() <= begun + 3 * Timeouts().linger_s
    await client.close()
