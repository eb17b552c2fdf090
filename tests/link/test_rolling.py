"""Two releases at once: a newer sidecar with an older control and the reverse, by frames that the older one sent."""

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sidecar.contract.messages import PROTOCOL, Ack, Hello, Nack, Ping, Refuse, Report, Welcome
from tests.contract.test_wire import golden
from tests.control.distribution.talking import joining, stage

from .playing import Control, Sidecar

NO = Refuse("protocol", "this control speaks protocol 2, not 3")


async def older(control: Control) -> Hello:
    """A control of the release before answers: in its own protocol, or not at all."""
    hello = await control.hello()
    if hello.protocol != 2:
        await control.say(NO)
    else:
        assert hello.join is not None and hello.csr is not None
        enrolled = control.core.enrol(hello.join, hello.service, hello.instance, hello.csr, "")
        key = control.core.signing_public_key
        await control.say(Welcome(enrolled.sidecar.id, key, 10, enrolled.certificate, 2))
    return hello


async def test_a_sidecar_falls_back_at_once_and_only_for_that_address(
    sidecar: Sidecar, autojump_clock: MockClock
) -> None:
    """Refused in its own protocol it comes back in the one before, says nothing there that came later, and speaks its
    own again at the connection after."""
    sidecar.reports.append(Report(1, 7, 0, 0, 10))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sidecar.link.run)
        first = await sidecar.next_connection()
        assert (await older(first)).protocol == PROTOCOL
        second = await sidecar.next_connection()
        assert (await older(second)).protocol == 2
        assert trio.current_time() - sidecar.dialled[0][0] < 1
        assert isinstance(await second.push(1), Ack)
        with trio.move_on_after(25):
            raise AssertionError(f"said unasked: {await second.hear()}")
        assert sidecar.link.status.state == "connected"
        await second.stream.aclose()
        third = await sidecar.next_connection()
        assert (await third.welcome()).protocol == PROTOCOL
        assert await third.hear() == sidecar.reports[0]
        nursery.cancel_scope.cancel()


async def test_what_is_refused_in_both_waits_as_ever(sidecar: Sidecar, autojump_clock: MockClock) -> None:
    """No storm of hellos, and no protocol below the oldest."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sidecar.link.run)
        spoken: list[int] = []
        for _ in range(4):
            control = await sidecar.next_connection()
            spoken.append((await control.hello()).protocol)
            await control.say(NO)
            await wait_all_tasks_blocked()
        assert spoken == [3, 2, 3, 2]
        assert sidecar.dialled[2][0] - sidecar.dialled[1][0] >= 5
        nursery.cancel_scope.cancel()


async def test_an_older_sidecar_is_answered_in_its_own_protocol() -> None:
    """By the very bytes of its release; what it does not know is not sent to it."""
    frames = golden(2)
    async with stage() as st:
        st.core.publish(41)
        st.core.rows.clear()
        peer = st.connect()
        await peer.say(joining(hello=Hello("orders", "orders-1", "sidegate/0.1", (), protocol=2)))
        welcome = await peer.hear()
        assert isinstance(welcome, Welcome)
        assert welcome.protocol == 2
        await peer.ack(await peer.hear_push())
        await peer.raw(frames["refresh"])
        await wait_all_tasks_blocked()
        (seen,) = await st.server.sidecars()
        assert (seen.state, seen.version) == ("acked", 41)
        assert [issuer for issuer, _ in st.core.refreshes] == ["auth0"]


async def test_a_report_in_a_protocol_that_has_none_ends_the_connection() -> None:
    """Whoever says 2 speaks 2."""
    async with stage() as st:
        st.core.publish(43)
        peer = st.connect()
        await peer.say(joining(hello=Hello("orders", "orders-1", "sidegate/0.1", (), protocol=2)))
        assert isinstance(await peer.hear(), Welcome)
        await peer.hear_push()
        await peer.raw(golden(3)["report"])
        refusal = await peer.hear()
        assert isinstance(refusal, Refuse)
        assert refusal.code == "unexpected"


async def test_every_frame_of_the_older_control_is_understood(sidecar: Sidecar) -> None:
    """Pings and pushes as bytes of its release: answered, and not refused as unknown."""
    frames = golden(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sidecar.link.run)
        await older(await sidecar.next_connection())
        control = await sidecar.next_connection()
        await older(control)
        await control.stream.send_all(frames["ping"])
        assert await control.hear() == Ping(128)
        for name, code in (("snapshot", "bad_signature"), ("increments", "gap")):
            await control.stream.send_all(frames[name])
            answer = await control.hear()
            assert isinstance(answer, Nack)
            assert answer.reason.startswith(code)
        await control.stream.send_all(frames["refuse"])
        assert await control.hear() is None
        nursery.cancel_scope.cancel()
