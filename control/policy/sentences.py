"""What pydantic found, told to people: the line, the path, and what to write instead."""

import re
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .document import Document
from .problems import Path, Problem, quoted, spell, suggestion
from .values import kind

_ELSEWHERE: dict[Path, str] = {
    ("require", "roles"): "roles are claims: write claims: {roles: {any: [...]}}",
    ("require", "role"): "roles are claims: write claims: {roles: {any: [...]}}",
    ("require", "audience"): "an audience is an issuer's, for all of its tokens",
    ("require", "issuers"): "it stands on the route itself, beside require",
    ("require", "methods"): "it stands on the route itself, beside require",
}
"""What other gateways have there."""


def note_problems(error: ValidationError, document: Document, shape: type[BaseModel]) -> None:
    """Add every error to the document's problems, but where something was found wrong already."""
    known = {problem.path for problem in document.problems}
    for detail in error.errors(include_url=False):
        path, message = _told(detail, shape)
        path = _written(path, document)
        if spell(path) in known:
            continue
        # What is unknown belongs to the mapping that it stands in, and has a line of its own.
        shown = path[:-1] if detail["type"] == "extra_forbidden" else path
        document.problems.append(Problem(document.line(path), spell(shown), message))


def _written(path: Path, document: Document) -> Path:
    """The path as it stands in the file: where one may stand for a list of one, or text for a mapping, it does."""
    found: Path = ()
    for step in path:
        here = (*found, step)
        if here not in document.lines and found in document.lines and (step == 0 or step == path[-1]):
            continue
        found = here
    return found


def _told(detail: ErrorDetails, shape: type[BaseModel]) -> tuple[Path, str]:
    path: Path = tuple(step for step in detail["loc"] if step != "[key]")
    context = detail.get("ctx", {})
    value = detail.get("input")
    match detail["type"]:
        case "said":
            return (*path, *context["at"]), context["sentence"]
        case "extra_forbidden":
            key = str(path[-1])
            if path[-2:] in _ELSEWHERE:
                return path, f"unknown key {quoted(key)}: {_ELSEWHERE[path[-2:]]}"
            return path, f"unknown key {quoted(key)}{suggestion(key, _keys_at(shape, path[:-1]))}"
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
            told = str(context["expected"]).replace("'", "")
            near = suggestion(value, re.split(", | or ", told), 0.7) if isinstance(value, str) else ""
            return path, f"must be {told}" + (near if "did you" in near else "")
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
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, UnionType):
            annotation = next(member for member in get_args(annotation) if member is not NoneType)
        else:
            return annotation
