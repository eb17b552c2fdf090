"""Lists in pages: ``limit`` and ``cursor`` asked, ``next`` and a Link field (RFC 8288) answered.

A cursor says after which element to go on, and not how many to skip, so that what is added or removed meanwhile makes
nobody miss or see twice what was there all the time. It is opaque to callers and holds no secret.
"""

import base64
import binascii
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.datastructures import URL
from starlette.responses import Response

from .problems import Refusal

MAX_LIMIT = 500
DEFAULT_LIMIT = 100
MAX_CURSOR_CHARS = 4096

Item = TypeVar("Item")
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_CHARS, description="What `next` of the page before said.")]


class Page(BaseModel):
    """A part of a list."""

    next: Annotated[str | None, Field(description="Ask with this as `cursor` for what follows; null: nothing.")] = None


class Pages:
    """What the caller asked, and where the answer's Link goes."""

    def __init__(self, request: Request, response: Response, limit: int, cursor: str | None) -> None:
        self._url, self._response, self.limit = request.url, response, limit
        self._after = None if cursor is None else _decoded(cursor)

    def of(self, items: Sequence[Item], key: Callable[[Item], tuple[Any, ...]]) -> tuple[list[Item], str | None]:
        """The page of ``items``, by ``key``, which tells any two apart; and the cursor of what follows."""
        ordered = sorted(items, key=key)
        start = 0
        if self._after is not None:
            try:
                start = bisect_right(ordered, self._after, key=key)
            except TypeError:
                raise _bad_cursor() from None
        page = ordered[start : start + self.limit]
        return page, self.following(key(page[-1])) if len(ordered) > start + self.limit else None

    def following(self, last: tuple[Any, ...]) -> str:
        """The cursor of what follows ``last``; the answer's Link has it too."""
        cursor = base64.urlsafe_b64encode(json.dumps(last, ensure_ascii=False).encode()).decode().rstrip("=")
        url = URL(self._url.path).replace(query=self._url.query).include_query_params(cursor=cursor)
        self._response.headers["Link"] = f'<{url}>; rel="next"'
        return cursor

    def after_number(self) -> int | None:
        """What the cursor says, where a list goes by one number."""
        if self._after is None:
            return None
        match self._after:
            case (int() as number,) if 0 < number < 2**53:
                return number
        raise _bad_cursor()

    def after_text(self) -> str:
        """The same where it goes by one text; "" at the beginning."""
        match self._after:
            case None:
                return ""
            case (str() as text,) if text.isprintable():
                return text
        raise _bad_cursor()


def _pages(request: Request, response: Response, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Pages:
    return Pages(request, response, limit, cursor)


Paging = Annotated[Pages, Depends(_pages)]


def _decoded(cursor: str) -> tuple[Any, ...]:
    try:
        value = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _bad_cursor() from None
    if not isinstance(value, list) or not all(type(part) in (str, int) for part in value):
        raise _bad_cursor()
    return tuple(value)


def _bad_cursor() -> Refusal:
    return Refusal(422, "cursor is none that this list has given.")
