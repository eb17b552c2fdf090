"""For people and, with ``-o json``, for programs. Tables are Rich's on a terminal and plain columns elsewhere."""

import json
import os
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from .failure import Failure


class Format(StrEnum):
    """How to print."""

    TEXT = "text"
    JSON = "json"


def show_json(value: Any) -> None:
    """One JSON document on stdout, with nothing in it that a terminal would obey: such characters are escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def done(value: Any, as_json: bool) -> None:
    """For programs, what was done where there is nothing else to tell."""
    if as_json:
        show_json(value)


def say(text: str) -> None:
    """A line for people on stdout, with nothing in it that a terminal would obey."""
    print(harmless(text))


def hint(text: str) -> None:
    """A line on stderr, where a program that reads stdout does not meet it."""
    print(harmless(text), file=sys.stderr)


def harmless(text: object) -> str:
    """``text`` on one line, without control characters: it may come from a sidecar or from a stranger's file."""
    return "".join(c if c.isprintable() else "?" for c in str(text))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Rows under their names, or the sentence ``empty``."""
    cells = [[harmless("-" if cell is None or cell == "" else cell) for cell in row] for row in rows]
    if not cells:
        print(empty)
    elif sys.stdout.isatty():
        _rich_table(columns, cells)
    else:
        widths = [max(len(row[n]) for row in [list(columns), *cells]) for n in range(len(columns))]
        for row in [[name.upper() for name in columns], *cells]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _rich_table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        shown.add_column(name.upper(), overflow="fold")
    for row in cells:
        shown.add_row(*(Text(cell) for cell in row))
    Console().print(shown)


def moment(unix_s: float | None) -> str:
    """A time in UTC, as in logs."""
    return "-" if not unix_s else time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(unix_s))


def names(values: Sequence[str] | None) -> str:
    """A list of names, or ``all``."""
    return "all" if values is None else ", ".join(values)


def new_private_file(path: Path) -> int:
    """A descriptor of a new file that only its owner may read; Failure if there is one already."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Failure(f"--out {path}: exists already. Remove it or name another file.") from None
    except OSError as error:
        raise Failure(f"--out {path}: {error.strerror}.") from None
