"""Paths into the claims: dotted text, or a list of steps for names that have dots in them; one place or several."""

import re
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from sidecar.contract.snapshot import ClaimPath

from .problems import quoted
from .values import said, text

MAX_STEPS = 8

_EACH = re.compile(r"(?<=[^.])\[\]")


def claim_path(value: Any) -> ClaimPath:
    """``realm_access.roles``, ``groups[].name`` (of each member), or a list of steps for names with dots in them."""
    if isinstance(value, list):
        if not 1 <= len(value) <= MAX_STEPS:
            raise said(f"a claim path has between 1 and {MAX_STEPS} steps")
        return tuple(text(step) for step in value)
    word = text(value)
    if "/" in word or ":" in word:
        raise said(f"the name of a claim with '/' or ':' is written as a list of steps: [{word}]")
    steps = tuple(_EACH.sub(".[]", word).split("."))
    if not all(steps) or len(steps) > MAX_STEPS:
        raise said(f"{quoted(word)} is no claim path: write steps with dots between them, such as realm_access.roles")
    return steps


def claim_paths(value: Any) -> tuple[ClaimPath, ...]:
    """One place, or several as a list of lists of steps or as ``{any_of: [PATH, PATH]}``."""
    if isinstance(value, dict):
        if set(value) != {"any_of"} or not isinstance(value["any_of"], list) or not value["any_of"]:
            raise said("several places are written {any_of: [PATH, PATH]}")
        return tuple(dict.fromkeys(claim_path(path) for path in value["any_of"]))
    if isinstance(value, list) and value and all(isinstance(path, list) for path in value):
        return tuple(dict.fromkeys(claim_path(path) for path in value))
    return (claim_path(value),)


def claims_expression(value: Any) -> ClaimPath:
    """``claims.tenant``, or a list of steps that begins with ``claims``."""
    steps = claim_path(value)
    if steps[0] != "claims" or len(steps) < 2:
        raise said("a forwarded header takes its value from the claims: write claims.NAME")
    return steps[1:]


_STEPS = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_STEPS}
_PATH = {"oneOf": [{"type": "string"}, _STEPS]}
_ANY_OF = {
    "type": "object",
    "properties": {"any_of": {"type": "array", "items": _PATH, "minItems": 1}},
    "required": ["any_of"],
    "additionalProperties": False,
}
_PATHS = {"oneOf": [{"type": "string"}, _STEPS, {"type": "array", "items": _STEPS, "minItems": 1}, _ANY_OF]}

ClaimPathText = Annotated[ClaimPath, PlainValidator(claim_path), WithJsonSchema(_PATH)]
ClaimPathsText = Annotated[tuple[ClaimPath, ...], PlainValidator(claim_paths), WithJsonSchema(_PATHS)]
ClaimsExpression = Annotated[
    ClaimPath,
    PlainValidator(claims_expression),
    WithJsonSchema({"oneOf": [{"type": "string", "pattern": r"^claims\..+"}, _STEPS]}),
]
