"""The push socket's readers against arbitrary bytes: a value or a ContractError, never anything else."""

from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.distribution.conversation import Conversation
from sidecar.contract.envelope import Sealed, decode_sealed
from sidecar.contract.framing import FrameBuffer
from sidecar.contract.increment import decode_increment, encode_increment
from sidecar.contract.join import parse_join_token
from sidecar.contract.messages import (
    MAX_REASON,
    Ack,
    Hello,
    Increments,
    InUse,
    Join,
    Nack,
    Ping,
    Push,
    Refresh,
    Refuse,
    Report,
    Welcome,
    decode_to_control,
    decode_to_sidecar,
    frame,
)
from sidecar.contract.snapshot import decode
from sidecar.contract.strict import ContractError
from sidecar.link import kept
from sidecar.link.identity import decode_identity

numbers = st.integers(0, 2**53)
versions = st.integers(1, 2**53)
words = st.text(min_size=1, max_size=40)
blobs = st.binary(max_size=64)
sealed = st.builds(Sealed, blobs, blobs, words)
protocols = st.integers(1, 2**16)

counts = st.integers(0, 2**50)
reports = st.builds(
    lambda version, passed, denied, failed, seconds: Report(
        version, 1 + passed + denied + failed, denied, failed, 1 + seconds
    ),
    *(versions, counts, counts, counts, counts),
)

to_control = st.one_of(
    st.builds(
        Hello,
        words,
        words,
        words,
        st.lists(words, max_size=4).map(tuple),
        st.none() | st.builds(Join, words, blobs),
        st.none() | blobs,
        st.none() | st.builds(InUse, versions, blobs),
        st.none() | words,
        protocols,
    ),
    st.builds(Ack, numbers, versions, blobs),
    st.builds(Refresh, words),
    reports,
    st.builds(Nack, numbers, versions, numbers, st.text(min_size=1, max_size=MAX_REASON)),
    st.builds(Ping, numbers),
)
to_sidecar = st.one_of(
    st.builds(Welcome, words, blobs, st.integers(1, 3600), st.none() | blobs, protocols),
    st.builds(Refuse, words, words),
    st.builds(Push, numbers, versions, sealed, st.lists(sealed, max_size=3).map(tuple)),
    st.builds(Increments, numbers, versions, st.lists(sealed, min_size=1, max_size=3).map(tuple)),
    st.builds(Ping, numbers),
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=9) | blobs,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
KEYS = (
    "type protocol service instance agent capabilities join csr in_use key_id nonce version reason number payload "
    "signature increments digest issuer code message sidecar_id signing_key heartbeat_s certificate"
)
keys = st.sampled_from(KEYS.split())
kinds = st.sampled_from(["hello", "ack", "nack", "ping", "welcome", "refuse", "snapshot", "increments", "refresh"])
almost = st.builds(lambda kind, rest: rest | {"type": kind}, kinds, st.dictionaries(keys, plain, max_size=11))


@given(to_control)
@settings(max_examples=150, deadline=None)
def test_every_message_to_control_comes_back_as_it_was(message: Any) -> None:
    """Encoding and decoding are inverse."""
    assert decode_to_control(frame(message)[4:]) == message


@given(to_sidecar)
@settings(max_examples=150, deadline=None)
def test_every_message_to_a_sidecar_comes_back_as_it_was(message: Any) -> None:
    """Encoding and decoding are inverse."""
    assert decode_to_sidecar(frame(message)[4:]) == message


@pytest.mark.parametrize(
    "reader",
    [decode_to_control, decode_to_sidecar, decode, decode_sealed, decode_identity, lambda b: Conversation().receive(b)],
    ids=["to control", "to sidecar", "snapshot", "sealed", "identity", "conversation"],
)
@given(data=st.binary(max_size=200) | plain.map(msgpack.packb) | almost.map(msgpack.packb))
@settings(max_examples=100, deadline=None)
def test_arbitrary_bytes_are_a_value_or_a_contract_error(reader: Callable[[bytes], object], data: bytes) -> None:
    """Nothing else can come out of a reader."""
    try:
        reader(data)
    except ContractError as error:
        assert error.code


@given(st.text(max_size=100) | blobs.map(lambda data: "sgj1_" + data.hex()))
@settings(max_examples=100, deadline=None)
def test_arbitrary_text_is_no_join_token(text: str) -> None:
    """And the error does not quote it."""
    with pytest.raises(ContractError) as caught:
        parse_join_token(text)
    assert len(text) < 12 or text not in str(caught.value)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(1, 20), min_size=1, max_size=60))
@settings(max_examples=150, deadline=None)
def test_frames_do_not_depend_on_how_the_stream_is_cut(bodies: list[bytes], cuts: list[int]) -> None:
    """Any cutting gives the same bodies, and no more is held than one unfinished frame."""
    data = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
    buffer, got, at = FrameBuffer(40), list[bytes](), 0
    for cut in cuts:
        got += buffer.feed(data[at : at + cut])
        at += cut
    got += buffer.feed(data[at:])
    assert got == bodies
    assert not buffer.unfinished


@given(st.lists(st.binary(max_size=100), max_size=10))
@settings(max_examples=150, deadline=None)
def test_arbitrary_streams_are_bodies_within_the_limit_or_an_error(chunks: list[bytes]) -> None:
    """And never a body that is longer than allowed."""
    buffer = FrameBuffer(16)
    for chunk in chunks:
        try:
            bodies = buffer.feed(chunk)
        except ContractError:
            return
        assert all(1 <= len(body) <= 16 for body in bodies)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_bytes_are_an_increment_or_an_error(data: bytes) -> None:
    """Nothing else comes out, and what comes out is what went in."""
    try:
        increment = decode_increment(data)
    except ContractError:
        return
    assert encode_increment(increment) == data


@given(
    st.dictionaries(st.sampled_from(["format", "trust_domain", "base", "version", "issued_at", "revocations"]), plain)
)
@settings(max_examples=150, deadline=None)
def test_almost_an_increment_is_one_or_an_error(fields: dict[str, Any]) -> None:
    """Right keys with anything in them."""
    try:
        increment = decode_increment(msgpack.packb(fields))
    except ContractError:
        return
    assert increment.version == increment.base + 1


@given(st.lists(sealed, max_size=4), st.integers(0, 400), st.binary(max_size=20))
@settings(max_examples=150, deadline=None)
def test_a_file_of_increments_cut_anywhere_and_followed_by_anything_is_read(
    increments: list[Sealed], end: int, rest: bytes
) -> None:
    """As many as are whole, and never another one."""
    data = kept.whole(b"d" * 32, increments)
    found, sound = kept.read(data[:end] + rest, b"d" * 32)
    if end >= len(data):
        assert found[: len(increments)] == increments
        assert sound or rest
    elif not rest:
        assert found == increments[: len(found)]
    assert kept.read(data, b"e" * 32) == ([], False)
