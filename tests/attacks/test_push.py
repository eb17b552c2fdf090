"""Hostile peers of the push socket: each ends its own connection, costs little, and nobody else notices."""

import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from control.distribution import Limits
from sidecar.contract.messages import Ack, Nack, Ping, Refresh, Refuse, frame
from tests.control.distribution.memory_core import MemoryCore
from tests.control.distribution.talking import HELLO, LIMITS, Peer, Stage, joining, stage
from tests.link.playing import NOW, Control, Sidecar


def framed(body: bytes) -> bytes:
    """A body with its length."""
    return len(body).to_bytes(4, "big") + body


def packed(value: object) -> bytes:
    """A frame of anything."""
    return framed(msgpack.packb(value))


@asynccontextmanager
async def undisturbed(limits: Limits = LIMITS) -> AsyncIterator[Stage]:
    """A stage on which an honest sidecar was connected first and gets its snapshots before, during and after."""
    async with stage(limits) as st:
        honest = st.connect()
        await honest.enter(joining(replace(HELLO, instance="honest")))
        st.core.publish(1)
        await honest.ack(await honest.hear_push())
        yield st
        st.core.publish(2)
        await honest.ack(await honest.hear_push())
        await wait_all_tasks_blocked()
        views = {view.instance: view for view in await st.server.sidecars()}
        assert (views["honest"].state, views["honest"].version) == ("acked", 2)


async def last_word(peer: Peer) -> str:
    """The code of the Refuse that ends the connection, or "" if it just ends."""
    code = ""
    while (message := await peer.hear()) is not None:
        if isinstance(message, Refuse):
            code = message.code
    return code


HELLO_BODY = frame(joining())[4:]
NESTED = b"\x91" * 5000 + b"\xc0"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "bad_frame"),
        (b"\xff\xff\xff\xff", "bad_frame"),
        ((64 * 1024 + 1).to_bytes(4, "big"), "bad_frame"),
        (framed(b""), "bad_frame"),
        (framed(b"\xc1"), "malformed"),
        (framed(NESTED), "malformed"),
        (framed(b"\xdf\xff\xff\xff\xff"), "malformed"),
        (framed(b"\xdd\x7f\xff\xff\xff"), "malformed"),
        (framed(HELLO_BODY + b"\x00"), "malformed"),
        (packed([1, 2, 3]), "malformed"),
        (packed({"type": 7}), "malformed"),
        (packed({"type": "welcome"}), "unknown_type"),
        (packed({"type": "ack", "nonce": 1, "version": 1, "digest": b"d"}), "unexpected"),
        (packed({"type": "ping", "number": 1}), "unexpected"),
        (packed({"type": "ping", "number": True}), "malformed"),
        (packed({"type": "ping", "number": -1}), "malformed"),
        (packed({"type": "ping", "number": 2**63}), "malformed"),
        (packed({"type": "ping", "number": 1, "extra": 1}), "unknown_key"),
        (framed(b"\x82\xa4type\xa4ping\xa4type\xa5hello"), "malformed"),
        (framed(b"\x81\xa4type\xc7\x01\x05x"), "malformed"),
        (framed(b"\x81\xc4\x04type\xa4ping"), "malformed"),
    ],
    ids=[
        "HTTP", "4 GiB", "one byte over", "empty", "no msgpack", "deep", "map of 4 G", "array of 2 G", "trailing byte",
        "a list", "type is a number", "control's word", "ack first", "ping first", "a bool for a number", "negative",
        "too large", "extra key", "key twice", "extension", "key of bytes",
    ],
)  # fmt: skip
async def test_what_is_not_a_hello_ends_the_connection(data: bytes, code: str) -> None:
    """With one word of reason, and without a trace."""
    async with undisturbed() as st:
        peer = st.connect()
        await peer.raw(data)
        assert await last_word(peer) == code
        assert len(st.core.rows) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(joining()), "unexpected"),
        (frame(Ack(2, 1, b"d")), "unsolicited"),
        (frame(Nack(9, 1, 0, "x")), "unsolicited"),
        (frame(Ack(1, 999, b"d")), "unsolicited"),
        (frame(Ping(1)), "unsolicited"),
        (frame(Ping(1)) * 10_000, "unsolicited"),
        (frame(Ack(1, 1, b"d")) * 2, "unsolicited"),
        (b"\x00\x01\x00\x01", "bad_frame"),
        (b"\x00\x00\x00\x09\x00", "truncated"),
    ],
    ids=["hello twice", "ack of nothing", "nack of nothing", "ack of another version", "a ping of its own",
         "a flood of pings", "ack twice", "a frame over the limit", "cut off"],
)  # fmt: skip
async def test_a_member_that_breaks_the_rules_is_thrown_out(data: bytes, code: str) -> None:
    """Being authenticated is no licence."""
    async with undisturbed() as st:
        peer = st.connect()
        await peer.enter(joining(replace(HELLO, instance="rogue")))
        await peer.hear_push()
        await peer.raw(data)
        if code == "truncated":
            await trio.testing.wait_all_tasks_blocked()
            await peer.stream.send_eof()  # type: ignore[attr-defined]  # a memory stream can
        assert await last_word(peer) == code
        views = {view.instance: view.state for view in await st.server.sidecars()}
        assert views["rogue"] == "away"


async def test_bytes_that_drip_do_not_hold_a_seat(autojump_clock: MockClock) -> None:
    """The hello is owed within ten seconds, whole; a byte a second is no hello."""
    async with undisturbed() as st:
        peer = st.connect()
        began = trio.current_time()
        with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
            for byte in frame(joining()):
                await peer.raw(bytes([byte]))
                await trio.sleep(1)
        assert trio.current_time() - began <= 12


async def test_bytes_that_drip_are_no_sign_of_life(autojump_clock: MockClock) -> None:
    """Nor after the hello: three heartbeats without a whole frame, and the session is over."""
    async with stage() as st:
        peer = st.connect()
        await peer.enter()
        began = trio.current_time()
        with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
            for byte in framed(b"x" * 1000):
                await peer.raw(bytes([byte]))
                await trio.sleep(1)
        assert trio.current_time() - began <= 32


async def test_thousands_of_silent_connections_shut_nobody_out(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Seats are few and cheap: newcomers are turned away, or take the seat of who kept silent longest."""
    async with undisturbed(replace(LIMITS, unauthenticated=50, line=0)) as st:
        silent = [st.connect() for _ in range(2000)]
        await wait_all_tasks_blocked()
        assert sum([await _is_open(peer) for peer in silent]) == 50
        assert caplog.text.count("turned_away") < 5  # the log is not the place where it grows either
        await trio.sleep(LIMITS.fair_s)
        late = st.connect()
        await late.enter(joining(replace(HELLO, instance="late")))


async def _is_open(peer: Peer) -> bool:
    with trio.move_on_after(0.001):
        return await peer.hear() is not None
    return True


async def test_joining_with_wrong_secrets_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    """Guesses are refused one by one and are not remembered."""
    async with undisturbed() as st:
        for _ in range(100):
            peer = st.connect()
            hello = joining()
            assert hello.join is not None
            await peer.say(replace(hello, join=replace(hello.join, secret=b"guess")))
            assert await last_word(peer) == "bad_join_token"
        assert len(st.core.rows) == 1


async def test_a_long_length_sets_no_memory_aside() -> None:
    """A thousand peers that announce the most that is allowed cost what they sent, not what they announced."""
    async with undisturbed(replace(LIMITS, unauthenticated=1000)) as st:
        tracemalloc.start()
        try:
            for _ in range(1000):
                await st.connect().raw((64 * 1024).to_bytes(4, "big") + b"x")
            await wait_all_tasks_blocked()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 32 * 1024 * 1024


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        framed(b"\xc1"),
        packed({"type": "hello"}),
        packed({"type": "increments", "nonce": 1, "version": 1, "increments": []}),
        packed(
            {
                "type": "snapshot",
                "nonce": 1,
                "version": 1,
                "payload": b"",
                "signature": b"",
                "key_id": "k",
                "increments": [],
            }
        ),
        packed({"type": "refuse", "code": "\x1b[2J", "message": "x" * 100_000}),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=["4 GiB", "garbage", "a sidecar's word", "no increments", "unwelcome snapshot", "a long refusal", "HTTP"],
)
async def test_a_mad_control_does_not_bring_the_sidecar_down(
    tmp_path: Path, autojump_clock: MockClock, data: bytes
) -> None:
    """The session ends, the policy stays, and the next connection is as good as ever."""
    sidecar = Sidecar(tmp_path / "state", MemoryCore(NOW))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sidecar.link.run)
        control = await sidecar.next_connection()
        await control.welcome()
        assert isinstance(await control.push(1), Ack)
        await control.stream.aclose()
        mad = await sidecar.next_connection()
        await mad.hello()
        await mad.stream.send_all(data)
        assert await _ended(mad)
        control = await sidecar.next_connection()
        hello = await control.welcome()
        assert hello.in_use is not None
        assert hello.in_use.version == 1
        assert sidecar.applied == [(1, "push")]
        nursery.cancel_scope.cancel()


async def _ended(control: Control) -> bool:
    with trio.fail_after(5):
        return await control.hear() is None


async def test_issuers_that_are_made_up_keep_no_true_one_out() -> None:
    """One sidecar that asks for as many as it may: another's request still comes through, and is counted once."""
    async with undisturbed() as st:
        liar, honest = st.connect(), st.connect()
        await liar.enter(joining(replace(HELLO, instance="liar")))
        await honest.enter(joining(replace(HELLO, instance="other")))
        for batch in range(5):
            for n in range(100):
                await liar.say(Refresh(f"made-up-{batch}-{n}"))
            await wait_all_tasks_blocked()
        for _ in range(3):
            await honest.say(Refresh("partner"))
        await wait_all_tasks_blocked()
        assert st.core.refreshes.count(("partner", "orders")) == 1


@pytest.mark.parametrize("capability", ["x" * 201, "\x1b[2J", "a\0", "é", "a\nb"])
async def test_a_capability_is_a_short_word(capability: str) -> None:
    """It is shown to operators and kept for each session: not 60 KB of it, and nothing for their terminals to obey."""
    async with undisturbed() as st:
        peer = st.connect()
        await peer.say(joining(replace(HELLO, capabilities=("cel", capability))))
        assert await last_word(peer) == "malformed"
