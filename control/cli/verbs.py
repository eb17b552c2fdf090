"""The verbs put together, and the one place where a failure becomes a sentence on stderr and an exit code.

0: done. 1: refused, or not done. 2: not understood. 3: control cannot be reached. 130: interrupted.
"""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from . import (
    api_keys,
    audit,
    backup,
    canary,
    clients,
    credentials,
    events,
    fleet,
    identity,
    issuers,
    keys,
    master_key,
    operators,
    policy,
    replay,
    scopes,
    serve,
    users,
)
from .failure import REFUSED, UNREADABLE, Failure, answered, misunderstood
from .options import Output, remember
from .output import harmless

app = typer.Typer(
    name="control",
    help="The control plane of Sidegate: serve it, or talk to one that runs (CONTROL_URL, CONTROL_TOKEN).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ROOMS = (
    serve,
    backup,
    policy,
    replay,
    canary,
    fleet,
    events,
    identity,
    clients,
    credentials,
    users,
    scopes,
    api_keys,
    keys,
    issuers,
    operators,
    audit,
    master_key,
)
for room in ROOMS:
    room.add_verbs(app)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"control {version('sidegate')}")
        raise typer.Exit


@app.callback()
def _before(
    output: Output = None,
    _show: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    remember(output)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; its exit code."""
    answered("")
    try:
        app(list(sys.argv[1:] if arguments is None else arguments), prog_name="control")
    except Failure as failure:
        return _failed(failure)
    except UNREADABLE as error:
        if (misread := misunderstood(error)) is None:
            raise
        return _failed(misread)
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else REFUSED
    return 0


def _failed(failure: Failure) -> int:
    print(f"control: {harmless(failure)}", file=sys.stderr)
    for line in failure.lines:
        print(f"  {harmless(line)}", file=sys.stderr)
    return failure.exit_code
