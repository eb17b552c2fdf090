"""ETag, If-Match and If-None-Match (RFC 9110 sections 8.8.3 and 13): nobody overwrites what they have not seen.

A tag is a hash of the value, the same in every control. A change looks at If-Match in the transaction that makes it,
so that of two who have seen the same one alone goes through. Nobody has to send it.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from control.errors import Stale

from .problems import Refusal

_TAGS = re.compile(r'[\s,]*(?:(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"[ \t]*(?:,[\s,]*|$))+')
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
MAX_TAGS = 50


def tag_of(value: Any) -> str:
    """The strong tag of a dataclass."""
    return tag_of_bytes(json.dumps(asdict(value), sort_keys=True, default=str).encode())


def tag_of_bytes(body: bytes) -> str:
    """The strong tag of a representation."""
    return f'"{hashlib.sha256(body).hexdigest()[:24]}"'


Said = Annotated[
    str | None,
    Header(alias="If-Match", description="Change it only if its tag is one of these."),
]


class Precondition:
    """What If-Match says: nothing, any (``*``), or one of some tags."""

    def __init__(self, said: Iterable[str] | None) -> None:
        self.tags = None if said is None else tuple(said)

    def holds(self, value: Any) -> None:
        """Stale if ``value`` is not what the caller has seen."""
        if self.tags is not None and "*" not in self.tags and tag_of(value) not in self.tags:
            raise Stale("it was changed since you have seen it: look at it again")

    def version(self, newest: int) -> int | None:
        """Of the versions named (a tag is a version here) the one to insist on; None: any. Stale if none is newest."""
        if self.tags is None or ("*" in self.tags and newest):
            return None
        if f'"{newest}"' not in self.tags:
            raise Stale(f"the newest version is {newest}: look at it again")
        return newest


def read_tags(lines: list[str], name: str) -> tuple[str, ...] | None:
    """The tags in the fields of that name, or ``*`` alone; None if there is no such field; Refusal."""
    if not lines:
        return None
    text = ", ".join(lines)
    if text.strip() == "*":
        return ("*",)
    found = _TAG.findall(text) if len(text) <= 4000 and _TAGS.fullmatch(text) else []
    if not 0 < len(found) <= MAX_TAGS:
        raise Refusal(400, f'{name} should be entity tags in double quotes, such as "7", or *.')
    return tuple(found)


def _if_match(request: Request, _said: Said = None) -> Precondition:
    return Precondition(read_tags(request.headers.getlist("if-match"), "If-Match"))


IfMatch = Annotated[Precondition, Depends(_if_match)]
