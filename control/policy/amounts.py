"""How much and how long: rate limits, sizes, timeouts."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from sidecar.contract.snapshot import ClaimPath

from .claim_paths import claims_expression
from .durations import Timeout
from .problems import quoted, suggestion
from .shape_base import Shape
from .values import said, text

_SIZE = re.compile(r"([0-9]{1,15})(B|KB|kB|MB|GB|KiB|MiB|GiB)\Z")
_BYTES = {"B": 1, "KB": 10**3, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_BY = ("subject", "client", "ip", "route")
_LARGEST = 1_000_000_000


def size(value: Any) -> int:
    """``64KiB`` ``1MiB`` as bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise said(f"{value} of what? Write a unit: {value}B, or KiB, MiB, GiB")
    found = _SIZE.match(text(value))
    if not found or (amount := int(found[1]) * _BYTES[found[2]]) > 2**53:
        raise said(f"{quoted(text(value))} is no size: write 64KiB, 1MiB or 2GiB")
    return amount


def count(value: Any) -> int:
    """A whole number of requests, at least one."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST:
        raise said(f"must be a whole number from 1 to {_LARGEST}")
    return value


def by(value: Any) -> tuple[str, ClaimPath]:
    """Whom a rate limit counts apart: ``subject``, ``client``, ``ip``, ``route`` (nobody), or ``claims.PATH``."""
    if isinstance(value, str) and not value.startswith("claims."):
        if value not in _BY:
            raise said(f"{quoted(value)} is nothing to count by{suggestion(value, (*_BY, 'claims.PATH'))}")
        return value, ()
    return "claim", claims_expression(value)


def _as_list(value: Any) -> Any:
    if isinstance(value, str):
        raise said("must be a mapping, not text: write {requests: 100, per: 1m}")
    return [value] if isinstance(value, dict) else value


def _as_response(value: Any) -> Any:
    return value if isinstance(value, dict) else {"response": value}


Size = Annotated[
    int,
    PlainValidator(size),
    WithJsonSchema({"type": "string", "pattern": r"^([0-9]+([kKMG]B|[KMG]iB|B)|.*\$\{.*)$", "examples": ["1MiB"]}),
]
_COUNT = WithJsonSchema({"type": "integer", "minimum": 1, "maximum": _LARGEST})
RequestCount = Annotated[int, PlainValidator(count), _COUNT]
By = Annotated[
    tuple[str, ClaimPath],
    PlainValidator(by),
    WithJsonSchema(
        {
            "oneOf": [
                {"enum": list(_BY)},
                {"type": "string", "pattern": r"^claims\..+"},
                {"type": "array", "items": {"type": "string"}, "minItems": 2},
            ]
        }
    ),
]


class RateLimitShape(Shape):
    """A token bucket: ``burst`` at once, filled again by ``requests`` every ``per``."""

    requests: RequestCount = Field(description="How many, every per.")
    per: Timeout = Field(description="In which time, such as 1m.")
    by: By = Field(default=("subject", ()), description="subject (when left out), client, ip, route or claims.PATH.")
    burst: RequestCount | None = Field(default=None, description="How many at once; as requests when left out.")


class TimeoutsShape(Shape):
    """How long a route waits; 504 after it."""

    response: Timeout | None = Field(default=None, description="For the response to begin.")
    idle: Timeout | None = Field(default=None, description="Between two pieces of it.")
    total: Timeout | None = Field(default=None, description="For the whole exchange.")


RateLimits = Annotated[
    list[RateLimitShape],
    Field(min_length=1),
    BeforeValidator(_as_list, json_schema_input_type=list[RateLimitShape] | RateLimitShape),
]
Timeouts = Annotated[TimeoutsShape, BeforeValidator(_as_response, json_schema_input_type=TimeoutsShape | Timeout)]
