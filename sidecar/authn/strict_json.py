"""JSON with one reading only (RFC 8259, the I-JSON profile of RFC 7493).

Two parsers must not see two things in one token: duplicate names, NaN and Infinity, numbers that overflow,
lone surrogates and bytes that are not UTF-8 are refused, and size and depth are bounded before parsing.
Knows nothing of tokens.
"""

import json
import math
import re
from typing import Any, NoReturn

MAX_DEPTH = 32
MAX_BRACKETS = 1024
"""Opening brackets in the whole text, those within strings included: bounds both the scan and the memory."""
MAX_NUMBER_CHARS = 40

# A string (unterminated ones run to the end, so that the scan stays linear), or one bracket.
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[][{}]', re.DOTALL)


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``; ValueError, with a sentence that quotes nothing of it, for anything else."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    _bound_depth(text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg})") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    if "\\u" in text:
        _refuse_surrogates(value)
    return value


def _bound_depth(text: str) -> None:
    brackets = text.count("[") + text.count("{")
    if brackets > MAX_BRACKETS:
        raise ValueError(f"more than {MAX_BRACKETS} brackets")
    if brackets <= MAX_DEPTH:
        return
    depth = 0
    for mark in _MARKS.finditer(text):
        if mark[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH}")
        elif mark[0] in "]}":
            depth -= 1


def _refuse_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return result


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARS:
        raise ValueError(f"a number of more than {MAX_NUMBER_CHARS} characters")
    return int(text)


def _real(text: str) -> float:
    if len(text) > MAX_NUMBER_CHARS:
        raise ValueError(f"a number of more than {MAX_NUMBER_CHARS} characters")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number that is not finite")
    return number


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_float=_real, parse_constant=_constant)
