"""Conditions in the Common Expression Language: text of a policy, judged by the sidecars' own compiler."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from sidecar.authz.condition import Condition as Compiled
from sidecar.authz.expression import MAX_CHARS, Hidden
from sidecar.authz.pattern import compile_pattern
from sidecar.contract.snapshot import Deny, Route

from .problems import Path
from .values import said, text


def condition(value: Any) -> str:
    """An expression, without the line breaks that YAML leaves at its end."""
    word = text(value).strip()
    if not word:
        raise said("must not be empty")
    if len(word) > MAX_CHARS:
        raise said(f"a condition has at most {MAX_CHARS} characters")
    return word


def condition_faults(routes: Sequence[Route], deny: Sequence[Deny]) -> Iterator[tuple[Path, str, bool]]:
    """(where in the service, what is wrong, is it only odd) for each condition that does not compile, or that looks at
    nothing."""
    sources = [source for route in routes for source in route.credentials]
    hidden = Hidden(
        frozenset(source.name for source in sources if source.place == "header"),
        frozenset(source.name for source in sources if source.place == "query"),
    )
    for where, path, when in _conditions(routes, deny):
        try:
            if not Compiled(when, compile_pattern(path), hidden).reads.variables:
                yield where, "looks at nothing of the request, and is the same for every one", True
        except ValueError as error:
            yield where, str(error), False


def _conditions(routes: Sequence[Route], deny: Sequence[Deny]) -> Iterator[tuple[Path, str, str]]:
    for number, route in enumerate(routes):
        for part, asked in (("require", route.require), ("shadow", route.shadow)):
            if asked is not None and asked.when is not None:
                yield ("routes", number, part, "when"), route.path, asked.when
    for number, rule in enumerate(deny):
        if rule.when is not None:
            yield ("deny", number, "when"), rule.path, rule.when


Condition = Annotated[
    str,
    PlainValidator(condition),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_CHARS}),
]
