"""Arguments that several verbs share, and reading what people type in them."""

import re
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

import typer

from .failure import USAGE, Failure
from .output import Format

Output = Annotated[
    Format | None, typer.Option("--output", "-o", help="text, or json for programs.", show_default=False)
]
PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A policy, such as policy.yaml.", show_default=False)]
Wait = Annotated[bool, typer.Option("--wait", help="Until every connected sidecar has answered.")]
Timeout = Annotated[str, typer.Option("--timeout", help="How long --wait waits.", metavar="DURATION")]
Expect = Annotated[
    int | None,
    typer.Option(
        "--expect",
        "--if-version",
        metavar="VERSION",
        help="Only if this is still the newest version (0: none yet).",
        show_default=False,
    ),
]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="A scope; may be repeated.", show_default=False)]
Services = Annotated[
    list[str] | None, typer.Option("--service", help="A service it may call; may be repeated.", show_default=False)
]


def expecting(version: int | None) -> dict[str, str]:
    """The header fields that say --expect."""
    return {} if version is None else {"If-Match": f'"{version}"'}


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


_said_before_the_verb: ContextVar[Format] = ContextVar("format", default=Format.TEXT)


def remember(output: Format | None) -> None:
    """What ``-o`` said before the verb."""
    _said_before_the_verb.set(output or Format.TEXT)


def wants_json(output: Format | None) -> bool:
    """``-o json``, after the verb or before it."""
    return (output or _said_before_the_verb.get()) is Format.JSON


def duration_s(text: str, option: str) -> int:
    """``30``, ``90s``, ``15m``, ``2h`` or ``7d`` as seconds."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text.strip())
    if not match or int(match[1]) == 0:
        raise Failure(f"{option} {text}: not a duration such as 30s, 15m, 2h or 7d.", USAGE)
    return int(match[1]) * _UNITS[match[2] or "s"]
