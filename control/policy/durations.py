"""Durations, each within its own bounds: ``250ms`` ``5s`` ``10m`` ``2h``. A number without a unit is asked about."""

import re
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from .problems import quoted
from .values import said, text

_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h)\Z")
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def milliseconds(value: Any) -> int:
    """``250ms`` ``5s`` ``10m`` ``2h`` as milliseconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise said(f"{value} of what? Write a unit: {value}s")
    found = _DURATION.match(text(value))
    if not found:
        raise said(f"{quoted(value)} is no duration: write 250ms, 5s, 10m or 2h")
    return int(found[1]) * _UNITS_MS[found[2]]


def _signed_milliseconds(value: Any) -> int:
    if isinstance(value, str) and value.startswith("-"):
        return -milliseconds(value[1:])
    return milliseconds(value)


def timeout(value: Any) -> int:
    """A route's timeout, in milliseconds."""
    found = milliseconds(value)
    if not 1 <= found <= 86_400_000:
        raise said("a timeout lies between 1ms and 24h")
    return found


def lifetime(value: Any) -> int:
    """The longest life of a token, in whole seconds."""
    found = milliseconds(value)
    if found % 1000 or not 1 <= found // 1000 <= 10 * 366 * 86_400:
        raise said("max_lifetime is in whole seconds, 1s at the least")
    return found // 1000


def leeway(value: Any) -> int:
    """How far clocks may differ, in whole seconds."""
    found = milliseconds(value)
    if found % 1000 or found > 600_000:
        raise said("leeway is in whole seconds, and 10m at the most")
    return found // 1000


def max_age(value: Any) -> int:
    """How long a preflight's answer counts, in whole seconds."""
    found = milliseconds(value)
    if found % 1000 or found > 86_400_000:
        raise said("max_age is in whole seconds, and 24h at the most")
    return found // 1000


_SCHEMA = {"type": "string", "pattern": r"^([0-9]+(ms|s|m|h)|.*\$\{.*)$", "examples": ["5s", "250ms", "10m"]}

Timeout = Annotated[int, PlainValidator(timeout), WithJsonSchema(_SCHEMA)]
Leeway = Annotated[int, PlainValidator(leeway), WithJsonSchema(_SCHEMA)]
Lifetime = Annotated[int, PlainValidator(lifetime), WithJsonSchema(_SCHEMA)]
MaxAge = Annotated[int, PlainValidator(max_age), WithJsonSchema(_SCHEMA)]
Offset = Annotated[
    int,
    PlainValidator(_signed_milliseconds),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(ms|s|m|h)$", "examples": ["-10s", "5m"]}),
]
