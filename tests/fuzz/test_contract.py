"""Hostile msgpack: a value or a ContractError, never another exception; and what decodes encodes to the same bytes."""

from typing import Any

import msgpack
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.contract.envelope import decode_sealed, encode_sealed
from sidecar.contract.framing import FrameBuffer
from sidecar.contract.join import format_join_token, parse_join_token
from sidecar.contract.messages import LENGTH_BYTES, decode_to_control, decode_to_sidecar, frame
from sidecar.contract.snapshot import Route, decode, encode
from sidecar.contract.strict import ContractError, pack, unpack
from tests.authn.minting import needs, snapshot

FAST = settings(max_examples=200, deadline=None)
GOOD = encode(snapshot(routes=(Route("/a/{id}", ("GET",), require=needs("x")),)))

PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=6) | st.binary(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(["hello", "ack", "nack", "ping", "welcome", "refuse", "snapshot"])


@FAST
@given(st.binary(max_size=200))
def test_noise(data: bytes) -> None:
    """Every door refuses noise in the same way."""
    for read in (unpack, decode, decode_sealed, decode_to_control, decode_to_sidecar):
        try:
            read(data)
        except ContractError as error:
            assert error.code


@FAST
@given(PLAIN)
def test_plain_values_round_trip(value: Any) -> None:
    """What we may pack, we unpack."""
    assert unpack(pack(value)) == value


@FAST
@given(st.data())
def test_mutations_of_a_snapshot(data: st.DataObject) -> None:
    """A snapshot with some bytes replaced is refused, or is a snapshot whose bytes are canonical again."""
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 4)))
    changed = GOOD[:start] + data.draw(st.binary(max_size=4)) + GOOD[end:]
    try:
        found = decode(changed)
    except ContractError:
        return
    assert decode(encode(found)) == found


@FAST
@given(WORDS, st.dictionaries(st.sampled_from(["nonce", "version", "number", "code", "message", "reason"]), PLAIN))
def test_messages_of_the_right_name(word: str, fields: dict[str, Any]) -> None:
    """A message that decodes is framed and decoded alike."""
    for read in (decode_to_control, decode_to_sidecar):
        try:
            message = read(pack({"type": word, **fields}))
        except ContractError:
            continue
        assert read(frame(message)[LENGTH_BYTES:]) == message


@FAST
@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda data: "sgj1_" + data.hex()))
def test_join_tokens(text: str) -> None:
    """A join token or ``bad_join_token``."""
    try:
        token = parse_join_token(text)
    except ContractError as error:
        assert error.code == "bad_join_token"
    else:
        assert parse_join_token(format_join_token(token)) == token


@FAST
@given(st.binary(max_size=80), st.binary(max_size=80), st.text(min_size=1, max_size=20))
def test_sealed_snapshots_round_trip(payload: bytes, signature: bytes, name: str) -> None:
    """Whatever it holds; verifying is another matter."""
    data = msgpack.packb({"payload": payload, "signature": signature, "key_id": name})
    assert encode_sealed(decode_sealed(data)) == data


@FAST
@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), st.integers(1, 7), st.binary(max_size=9))
def test_frames_survive_any_chunking(bodies: list[bytes], step: int, tail: bytes) -> None:
    """However the stream is cut, the same bodies come out; noise is a body or ``bad_frame``."""
    stream = b"".join(len(body).to_bytes(LENGTH_BYTES, "big") + body for body in bodies)
    buffer = FrameBuffer(20)
    cut = [body for n in range(0, len(stream), step) for body in buffer.feed(stream[n : n + step])]
    assert cut == bodies
    assert not buffer.unfinished
    try:
        buffer.feed(tail)
    except ContractError as error:
        assert error.code == "bad_frame"
