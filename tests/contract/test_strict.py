"""Reading untrusted msgpack: bounded, no duplicates, no leftovers."""

import struct
from typing import Any

import msgpack
import pytest

from sidecar.contract.strict import MAX_DEPTH, ContractError, Fields, pack, texts, unpack


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


REFUSED = {
    "nothing": b"",
    "trailing bytes": pack({"a": 1}) + b"\xc0",
    "two values": pack(1) + pack(2),
    "truncated": pack({"a": "bcd"})[:-1],
    "a reserved byte": b"\xc1",
    "an extension": msgpack.packb(msgpack.ExtType(5, b"x")),
    "an extension inside": msgpack.packb({"a": [msgpack.ExtType(127, b"")]}),
    "a timestamp": msgpack.packb(msgpack.Timestamp(1, 0)),
    "a timestamp inside": msgpack.packb({"a": msgpack.Timestamp(1, 0)}),
    "a key twice": b"\x82\xa1a\x01\xa1a\x02",
    "a key twice, spelled differently": b"\x82\xa1a\x01\xd9\x01a\x02",
    "a key twice, inside": b"\x91\x82\xa1a\x01\xa1a\x02",
    "a number as key": b"\x81\x01\x01",
    "nil as key": b"\x81\xc0\x01",
    "bytes as key": b"\x81\xc4\x01a\x01",
    "an array as key": b"\x81\x91\x01\x01",
    "a string that is not UTF-8": b"\xa2\xff\xfe",
    "a surrogate": b"\xa3\xed\xa0\x80",
    "too deep": pack(_nested(MAX_DEPTH)),
    "far too deep": b"\x91" * 100_000 + b"\x01",
    "deep maps": b"\x81\xa1a" * 5_000 + b"\x01",
    "an array that claims 4 billion items": b"\xdd" + struct.pack(">I", 2**32 - 1),
    "a map that claims 4 billion items": b"\xdf" + struct.pack(">I", 2**32 - 1),
    "a string that claims 4 billion bytes": b"\xdb" + struct.pack(">I", 2**32 - 1) + b"x",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(data: bytes) -> None:
    """Anything but one whole value of plain types is a ContractError, and a cheap one."""
    with pytest.raises(ContractError) as caught:
        unpack(data)
    assert caught.value.code == "malformed"


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1, 2**64 - 1, 1.5, "", "ä", b"", b"\xff", [], {}, {"a": [1, {"b": None}]}, _nested(MAX_DEPTH - 1)],
)
def test_what_is_packed_unpacks(value: object) -> None:
    """Plain values come back as they went."""
    assert unpack(pack(value)) == value


READERS: dict[str, tuple[str, tuple[Any, ...], list[Any], list[Any]]] = {
    "text": ("text", (), ["a"], ["", b"a", 1, None, True, ["a"]]),
    "blob": ("blob", (), [b"", b"a"], ["a", 1, None, [1]]),
    "flag": ("flag", (), [True, False], [0, 1, "true", None]),
    "number": ("number", (1, 9), [1, 9], [0, 10, 2**63, -1, 1.0, "1", True, None]),
    "choice": ("choice", (("a", "b"),), ["a", "b"], ["c", "", 1, None, ["a"]]),
    "texts": ("texts", (), [[], ["a", "b"]], ["a", None, {"a": 1}, ["a", ""], ["a", 1], [b"a"]]),
}


@pytest.mark.parametrize(("reader", "arguments", "good", "bad"), READERS.values(), ids=READERS.keys())
def test_fields_are_typed(reader: str, arguments: tuple[Any, ...], good: list[Any], bad: list[Any]) -> None:
    """Each reader takes its type and no other, and a missing key is an error that names it."""
    for value in good:
        with Fields({"k": value}, "it") as fields:
            found = getattr(fields, reader)("k", *arguments)
        assert found == (tuple(value) if isinstance(value, list) else value)
    for value in [*bad, ...]:
        with pytest.raises(ContractError, match=r"it.*k"), Fields({} if value is ... else {"k": value}, "it") as fields:
            getattr(fields, reader)("k", *arguments)


def test_what_is_left_over_is_refused() -> None:
    """A key that this version does not know is an error and never half understood."""
    with (
        pytest.raises(ContractError, match="unknown key 'extra'") as caught,
        Fields({"a": "x", "extra": 1}, "it") as fields,
    ):
        fields.text("a")
    assert caught.value.code == "unknown_key"


def test_an_error_inside_is_not_hidden_by_leftovers() -> None:
    """The first fault is the one that is told."""
    with pytest.raises(ContractError, match="b is missing"), Fields({"a": "x"}, "it") as fields:
        fields.text("b")


@pytest.mark.parametrize("value", [None, [], "a", 1, b"a"])
def test_fields_want_a_map(value: object) -> None:
    """And nothing else."""
    with pytest.raises(ContractError, match="it: not a map"):
        Fields(value, "it")


def test_maybe_is_nil_or_the_value_but_never_missing() -> None:
    """Absent and nil are two things: a key that is left out is an error."""
    with Fields({"a": None, "b": ["x"]}, "it") as fields:
        assert fields.maybe("a", texts) is None
        assert fields.maybe("b", texts) == ("x",)
        with pytest.raises(ContractError, match="c is missing"):
            fields.maybe("c", texts)
