"""The small parts of the link: the state table, the backoff, addresses, frames."""

from random import Random

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from sidecar.contract.envelope import Sealed
from sidecar.contract.framing import FrameBuffer
from sidecar.contract.messages import Increments, Ping, Push, Refuse, ToSidecar, Welcome
from sidecar.contract.strict import ContractError
from sidecar.link.backoff import Backoff
from sidecar.link.conversation import TABLE, State, after
from sidecar.link.dial import split_address
from sidecar.link.wire import FrameStream

EXAMPLES: tuple[ToSidecar, ...] = (
    Welcome("s", b"k", 10),
    Refuse("c", "m"),
    Push(1, 1, Sealed(b"p", b"s", "k")),
    Increments(1, 2, (Sealed(b"p", b"s", "k"),)),
    Ping(1),
)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_every_pair_of_state_and_message_is_in_the_table_or_ends_the_connection(
    state: State, message: ToSidecar
) -> None:
    """Nothing is accepted that the table does not name."""
    if (state, type(message)) in TABLE:
        assert after(state, message) == TABLE[state, type(message)]
    else:
        with pytest.raises(ContractError) as caught:
            after(state, message)
        assert caught.value.code == "unexpected"


def test_the_backoff_grows_to_its_cap_and_starts_anew_after_a_good_session() -> None:
    """Full jitter: anywhere between nothing and the ceiling."""
    many = [Backoff(Random(seed)) for seed in range(300)]
    for ceiling in (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10):
        waits = [one.failed() for one in many]
        assert 0 <= min(waits) < ceiling / 10
        assert ceiling * 0.9 < max(waits) <= ceiling
    for one in many:
        one.reset()
    assert max(one.failed() for one in many) <= 0.2


def test_a_refusal_waits_longer() -> None:
    """Never less than five seconds: only a person can change a refusal."""
    waits = [Backoff(Random(seed)).refused() for seed in range(300)]
    assert min(waits) >= 5
    assert max(waits) <= 30


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("control:7001", ("control", 7001)),
        ("[::1]:7001", ("::1", 7001)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("unix:/run/control.sock", "/run/control.sock"),
    ],
)
def test_addresses(text: str, place: object) -> None:
    """Three forms."""
    assert split_address(text) == place


def test_frames_come_whole_however_they_are_cut() -> None:
    """Byte by byte, and all at once."""
    data = b"\0\0\0\x01a" + b"\0\0\0\x03bcd"
    slow = FrameBuffer(10)
    assert [body for byte in data for body in slow.feed(bytes([byte]))] == [b"a", b"bcd"]
    assert not slow.unfinished
    assert FrameBuffer(10).feed(data) == [b"a", b"bcd"]


@pytest.mark.parametrize("length", [0, 11, 2**32 - 1])
def test_a_length_out_of_bounds_is_refused_when_its_last_byte_arrives(length: int) -> None:
    """Nothing is kept for a frame that will not be read."""
    buffer = FrameBuffer(10)
    header = length.to_bytes(4, "big")
    buffer.feed(header[:3])
    with pytest.raises(ContractError) as caught:
        buffer.feed(header[3:])
    assert caught.value.code == "bad_frame"
    assert not buffer.unfinished


async def test_an_end_within_a_frame_is_a_truncation() -> None:
    """And an end between frames is an end."""
    ours, theirs = memory_stream_pair()
    wire = FrameStream(ours, 10)
    await theirs.send_all(b"\0\0\0\x01a\0\0")
    await theirs.send_eof()
    assert await wire.receive() == b"a"
    with pytest.raises(ContractError) as caught:
        await wire.receive()
    assert caught.value.code == "truncated"


async def test_a_large_frame_may_take_long_if_bytes_keep_coming(autojump_clock: MockClock) -> None:
    """A slow network is not silence."""
    ours, theirs = memory_stream_pair()
    wire = FrameStream(ours, 100)

    async def drip() -> None:
        for byte in b"\0\0\0\x14" + b"x" * 20:
            await trio.sleep(5)
            await theirs.send_all(bytes([byte]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip)
        assert await wire.receive(silence_s=10) == b"x" * 20
        with pytest.raises(trio.TooSlowError):
            await wire.receive(silence_s=10)
