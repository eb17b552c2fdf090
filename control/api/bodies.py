"""A JSON body that has one reading or is refused: UTF-8 (RFC 8259 section 8.1), each name once (RFC 7493 section 2.3),
numbers that are some. Whoever looks at it before us, and takes the first of two, must not have seen another request.
"""

import json
from typing import Any

from .problems import Refusal


def check(body: bytes) -> None:
    """Refusal: 400 for what is no JSON, 422 for a name said twice. Shapes are for the endpoints to tell; an empty body
    is none."""
    try:
        if body:
            json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except _Twice:
        raise Refusal(422, "The request's body says one name twice.") from None
    except (ValueError, RecursionError):
        raise Refusal(400, "The request's body could not be read: it should be JSON in UTF-8.") from None


class _Twice(Exception):  # noqa: N818 - what it found
    pass


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Twice


def _no_number(_name: str) -> None:
    raise ValueError
