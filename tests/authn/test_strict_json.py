"""JSON with one reading only."""

import pytest

from sidecar.authn.strict_json import MAX_BRACKETS, MAX_DEPTH, parse_object

REFUSED = {
    "not UTF-8": b'{"a": "\xff"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "empty": b"",
    "an array": b"[]",
    "a string": b'"a"',
    "null": b"null",
    "leftovers": b"{} {}",
    "a trailing comma": b'{"a": 1,}',
    "a comment": b"{} // x",
    "single quotes": b"{'a': 1}",
    "a raw control character": b'{"a": "\n"}',
    "a name twice": b'{"a": 1, "a": 1}',
    "a name twice, once escaped": b'{"a": 1, "\\u0061": 2}',
    "a name twice, inside": b'{"x": [{"a": 1, "a": 2}]}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b'{"a": -Infinity}',
    "a float that overflows": b'{"a": 1e999}',
    "a long integer": b'{"a": ' + b"9" * 41 + b"}",
    "a long fraction": b'{"a": 0.' + b"1" * 60 + b"}",
    "a very long integer": b'{"a": ' + b"9" * 9000 + b"}",
    "a leading zero": b'{"a": 01}',
    "a lone surrogate": b'{"a": "\\ud800"}',
    "a lone surrogate as a name": b'{"\\udfff": 1}',
    "too deep": b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    "far too deep": b'{"a": ' + b"[" * 6000,
    "too deep, after brackets in strings": b'{"s": "]]]]]]]]\\"]]", "a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    "too many brackets": b'{"a": [' + b",".join([b"[]"] * MAX_BRACKETS) + b"]}",
    "an unterminated string of escaped quotes": b'{"' + b"[" * 40 + b'\\"' * 6000,
}
ACCEPTED = {
    "empty": (b"{}", {}),
    "whitespace": (b' {"a" : 1 } ', {"a": 1}),
    "a pair of surrogates": (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    "raw UTF-8": ('{"a": "ä"}'.encode(), {"a": "ä"}),
    "as deep as allowed": (
        b'{"a": ' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}",
        None,
    ),
    "many shallow brackets": (b'{"a": [' + b",".join([b"[]"] * 100) + b"]}", {"a": [[]] * 100}),
    "brackets in a string": (b'{"a": "' + b"[" * 100 + b'"}', {"a": "[" * 100}),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(data: bytes) -> None:
    """What has two readings, no reading or no bound is a ValueError with a sentence."""
    with pytest.raises(ValueError, match=r"."):
        parse_object(data)


@pytest.mark.parametrize(("data", "value"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepts(data: bytes, value: object) -> None:
    """What every parser reads alike is read."""
    parsed = parse_object(data)
    assert value is None or parsed == value
