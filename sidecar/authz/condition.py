"""A CEL expression, compiled once: a route's or a deny rule's ``when``.

What cannot be evaluated is not true: a claim that is missing, a comparison that makes no sense, a result that is no
boolean. No expression, whatever a caller sends, is an exception. Knows nothing of what follows from a verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.authn.rejection import shown

from .expression import Hidden, read_expression
from .pattern import Pattern
from .work import MAX_MEMBERS, MAX_STEPS, size_of, steps


@dataclass(frozen=True, slots=True)
class Verdict:
    """``holds`` is None if it cannot be told; ``detail`` says why."""

    holds: bool | None
    detail: str


class Condition:
    """One expression. ValueError with a sentence if it is none, or may not be said."""

    def __init__(self, text: str, pattern: Pattern, hidden: Hidden) -> None:
        self.text = text
        self.reads = read_expression(text, frozenset(name for _, name in pattern.names), hidden)
        _compiled(text)
        for literal in self.reads.patterns:
            fault = _run(_compiled(f"''.matches({literal})"), {}).detail
            if "regex" in fault:
                raise ValueError(f"matches({literal}): not a regular expression")
        # The choice makes any other type than a boolean an error, before the result is handed over.
        self._program = _compiled(f"({text}\n) ? true : false")

    def verdict(self, variables: Mapping[str, Any]) -> Verdict:
        """Does it hold for these variables? Only those that it reads need be there."""
        read = {name: variables[name] for name in self.reads.variables}
        size = size_of(read.values())
        if self.reads.macros and size.widest > MAX_MEMBERS:
            return Verdict(None, f"a list or map of more than {MAX_MEMBERS} members")
        if steps(self.reads, read, size) > MAX_STEPS:
            return Verdict(None, "too much work for what the request holds")
        return _run(self._program, read)


def _compiled(text: str) -> Any:
    import cel  # only where a policy has a condition: the package brings its command line, and 18 MB, with it

    try:
        return cel.compile(text)
    except Exception as error:  # the library documents ValueError; a policy is refused whatever it raises
        raise ValueError(f"not a CEL expression: {shown(str(error))}") from None


def _run(program: Any, variables: dict[str, Any]) -> Verdict:
    try:
        holds = program.execute(variables)
    except (KeyboardInterrupt, SystemExit):
        raise
    # A panic of the library's is a BaseException of its own; a caller's input must neither pass by one nor end the
    # sidecar. Nothing is awaited here, so that no cancellation can be caught.
    except BaseException as error:
        return Verdict(None, f"{type(error).__name__}: {shown(str(error))}")
    return Verdict(holds, "holds" if holds else "is false") if isinstance(holds, bool) else Verdict(None, "no boolean")
