"""replay: what a policy would have decided otherwise, over what sidecars wrote down. Works offline."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output as out
from .failure import REFUSED, Failure
from .options import Output, PolicyFile, wants_json

if TYPE_CHECKING:
    from control.policy.recorded import Recorded


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verb."""
    app.command()(replay)


def replay(
    file: PolicyFile,
    decisions: Annotated[
        Path,
        typer.Option(
            metavar="LOG",
            help="What sidecars wrote with decisions on.",
            show_default=False,
        ),
    ],
    output: Output = None,
) -> None:
    """What FILE would have decided otherwise, over recorded decisions. Works offline."""
    from control.policy import PolicyErrors, gather, load
    from control.policy.replay import Replay, Workloads
    from sidecar.contract.strict import ContractError

    from .policy import invalid

    try:
        found = gather(file, os.environ)
        policy = load(found.source, found.files, found.env, name=str(file))
        workloads = Workloads()
        for one in _read(decisions):
            workloads.note(one)
        run = Replay(policy, workloads)
    except PolicyErrors as errors:
        invalid(errors, output)
    except ContractError as error:
        raise Failure(f"{file}: {error}") from None
    for one in _read(decisions):
        run.add(one)
    outcome = run.outcome
    if not outcome.decisions:
        raise Failure(f"{decisions} has no decision: sidecars write them with SIDECAR_DECISIONS=on.", REFUSED)
    if wants_json(output):
        out.show_json(outcome.as_json())
        return
    told = f"{outcome.decisions} decisions: {outcome.same} as they were, {outcome.otherwise.total()} otherwise"
    out.say(told + (f", {outcome.untold.total()} untold" if outcome.untold else ""))
    rows = [_row(one, count, *outcome.examples[one]) for one, count in outcome.otherwise.most_common()]
    if rows:
        out.table(("count", "service", "request", "was", "would be", "for example", "why"), rows, "")
    for why, count in outcome.untold.most_common():
        out.say(f"untold, {count}: {why}")


def _row(one: Any, count: int, decision_id: str, detail: str) -> tuple[object, ...]:
    return count, one.service, f"{one.method} {one.route}", one.was, one.would_be, decision_id, detail


def _read(path: Path) -> Iterator["Recorded"]:
    from control.policy.recorded import MAX_LINE_CHARS, read_line

    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            number = 0
            while text := lines.readline(MAX_LINE_CHARS + 2):
                number += 1
                try:
                    found = read_line(text)
                except ValueError as error:
                    raise Failure(f"{path}:{number}: {error}") from None
                if found is not None:
                    yield found
    except OSError as error:
        raise Failure(f"--decisions {path}: {error.strerror}.") from None
