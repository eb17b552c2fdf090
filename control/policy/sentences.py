"""What pydantic found, told to people: the line, the path, and what to write instead."""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .document import Document
from .problems import Path, Problem, quoted, spell, suggestion
from .values import kind

NOT_IN_THIS_VERSION: Mapping[str, str] = {
    "callers": "require.callers is not in this version: ask for a scope or a claim of the caller's token instead",
    "when": "conditions (when) are not in this version: use scopes and claims",
    "rate_limit": "rate_limit is not in this version",
    "cors": "cors is not in this version",
    "encoded_slash": "encoded_slash is not in this version: a path with an encoded slash is refused with 400",
    "preset": "presets are not in this version: write issuer, audience and jwks with the provider's keys",
    "domain": "presets are not in this version: write issuer, audience and jwks with the provider's keys",
    "url": "fetching keys (jwks.url) is not in this version: save them beside the policy and write file:",
    "discovery": "discovery is not in this version: write jwks with file, inline, pem or secret",
}
"""Keys that Sidegate promises and this version does not have yet. They are refused, never passed over."""


def note_problems(error: ValidationError, document: Document, shape: type[BaseModel]) -> None:
    """Add every error to the document's problems, but where something was found wrong already."""
    known = {problem.path for problem in document.problems}
    for detail in error.errors(include_url=False):
        path, message = _told(detail, shape)
        if spell(path) in known:
            continue
        # What is unknown belongs to the mapping that it stands in, and has a line of its own.
        shown = path[:-1] if detail["type"] == "extra_forbidden" else path
        document.problems.append(Problem(document.line(path), spell(shown), message))


def _told(detail: ErrorDetails, shape: type[BaseModel]) -> tuple[Path, str]:
    path: Path = tuple(step for step in detail["loc"] if step != "[key]")
    context = detail.get("ctx", {})
    value = detail.get("input")
    match detail["type"]:
        case "said":
            return (*path, *context["at"]), context["sentence"]
        case "extra_forbidden":
            key = str(path[-1])
            known = _keys_at(shape, path[:-1])
            return path, NOT_IN_THIS_VERSION.get(key) or f"unknown key {quoted(key)}{suggestion(key, known)}"
        case "missing":
            return path[:-1], f"{path[-1]} is missing"
        case "list_type" | "tuple_type":
            hint = f": write [{', '.join(value.split())}]" if isinstance(value, str) and 0 < len(value) <= 40 else ""
            return path, f"must be a list, not {kind(value)}{hint}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return path, f"must be a mapping, not {kind(value)}"
        case "bool_type":
            return path, f"must be true or false, not {kind(value)}"
        case "too_short":
            return path, "must not be empty"
        case "literal_error":
            words = str(context["expected"]).replace("'", "").split(" or ")
            near = suggestion(value, words, 0.7) if isinstance(value, str) else ""
            return path, f"must be {' or '.join(words)}" + (near if "did you" in near else "")
        case _:
            return path, detail["msg"]


def _keys_at(shape: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that the mapping at ``path`` may have."""
    here: Any = shape
    for step in path:
        here = _bare(here)
        if isinstance(here, type) and issubclass(here, BaseModel):
            found = here.model_fields.get(str(step))
            here = found.annotation if found else None
        else:
            here = get_args(here)[-1] if get_args(here) else None
    here = _bare(here)
    return tuple(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else ()


def _bare(annotation: Any) -> Any:
    """Without ``Annotated`` and ``| None``."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        return next((member for member in get_args(annotation) if member is not NoneType), annotation)
    return annotation
