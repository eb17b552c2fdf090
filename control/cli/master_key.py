"""The master key of control's private keys: master-key new. Offline."""

import os
from pathlib import Path
from typing import Annotated

import typer

from . import output as out


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verb."""
    group = typer.Typer(help="The key under which control's private keys are kept.", no_args_is_help=True)
    group.command("new")(new)
    group.callback()(_group)
    app.add_typer(group, name="master-key")


def _group() -> None:
    """The key under which control's private keys are kept."""


def new(
    to: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="A new file, mode 0600.", show_default=False)
    ] = None,
) -> None:
    """Print a fresh master key and nothing else. Control itself keeps it nowhere: without it the keys are lost."""
    from control.authority.master_key import new as made

    if to is None:
        print(made())
        return
    with os.fdopen(out.new_private_file(to), "w") as file:
        file.write(made() + "\n")
    out.hint(f"written to {to}")
