"""What stands on the wire in each protocol, byte for byte: neither end may change it without a new number.

The files in ``wire/`` were written by the code that first spoke the protocol and are never written again. A change that
fails here is a new protocol: a new file, and both ends go on speaking the one before.
"""

import json
from pathlib import Path

import pytest

from sidecar.contract.messages import (
    LENGTH_BYTES,
    OLDEST_PROTOCOL,
    PROTOCOL,
    Hello,
    Push,
    ToControl,
    ToSidecar,
    decode_to_control,
    decode_to_sidecar,
    frame,
    with_nonce,
    without_nonce,
)
from tests.contract.wire_messages import of_protocol

PROTOCOLS = range(OLDEST_PROTOCOL, PROTOCOL + 1)
EACH = [(protocol, name) for protocol in PROTOCOLS for name in of_protocol(protocol)]


def golden(protocol: int) -> dict[str, bytes]:
    """The frames of a protocol, as they were first sent."""
    file = Path(__file__).parent / "wire" / f"protocol-{protocol}.json"
    return {name: bytes.fromhex(text) for name, text in json.loads(file.read_text()).items()}


@pytest.mark.parametrize(("protocol", "name"), EACH)
def test_a_frame_is_what_it_always_was(protocol: int, name: str) -> None:
    """Written, and read again, in every protocol that is still spoken."""
    message, kept = of_protocol(protocol)[name], golden(protocol)[name]
    assert frame(message) == kept
    read = [decode(kept[LENGTH_BYTES:]) for decode in (decode_to_control, decode_to_sidecar) if _says(decode, message)]
    assert read
    assert all(one == message for one in read)


def _says(decode: object, message: ToControl | ToSidecar) -> bool:
    vocabulary = ToControl if decode is decode_to_control else ToSidecar
    return isinstance(message, vocabulary)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_message_of_a_protocol_has_its_frame(protocol: int) -> None:
    """None is missing from the file, and none stands there that nobody sends."""
    assert golden(protocol).keys() == of_protocol(protocol).keys()
    kinds = {type(message) for message in of_protocol(PROTOCOL).values()}
    assert kinds == {*ToControl.__args__, *ToSidecar.__args__}


def test_a_frame_that_is_packed_once_for_all_has_the_same_members() -> None:
    """Its nonce stands elsewhere in the map, and nowhere twice."""
    push = of_protocol(PROTOCOL)["snapshot and increments"]
    assert isinstance(push, Push)
    assert decode_to_sidecar(with_nonce(without_nonce(push), push.nonce)[LENGTH_BYTES:]) == push


def test_a_hello_says_the_newest_protocol_unless_told_otherwise() -> None:
    """And the page names it."""
    assert Hello("s", "i", "a", ()).protocol == PROTOCOL
    page = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    assert f"this page is protocol {PROTOCOL}" in page
