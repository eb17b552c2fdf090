"""What the JSON of a column looks like: as the tables declare it, which is what control writes and relies on.

A database takes any JSON in such a column, and so would a backup that somebody has made by hand.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import JSON

from .tables import Base


def misfit(table: str, column: str, value: Any) -> str:
    """Why control could not have written ``value`` there, or "". A column that is none of ours, or no JSON, takes
    anything. Quotes no more of the value than the place in it, without what a terminal would obey."""
    declared = _declared().get((table, column))
    if declared is None or value is None:  # whether it may be null the database knows
        return ""
    try:
        declared.validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"[{ascii(step)[:40]}]" for step in first["loc"])
        return f"{column}{place}: {first['msg'][0].lower()}{first['msg'][1:]}"
    return ""


@cache
def _declared() -> dict[tuple[str, str], TypeAdapter[Any]]:
    return {(table, column): TypeAdapter(kind) for table, column, kind in json_columns()}


def json_columns() -> Iterator[tuple[str, str, Any]]:
    """Table, column and declared type of each."""
    for mapper in Base.registry.mappers:
        hints = get_type_hints(mapper.class_)
        for column in mapper.columns:
            if isinstance(column.type, JSON):
                yield mapper.class_.__tablename__, column.name, get_args(hints[column.key])[0]
