"""docs/control.md is whole: every setting, every verb, every path."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from control.api.app import ROOMS
from control.cli.verbs import app
from control.settings import SETTINGS

TEXT = (Path(__file__).parents[2] / "docs" / "control.md").read_text()


def _verbs(command: Any, words: str) -> Iterator[str]:
    if not hasattr(command, "commands"):
        yield words
        return
    if command.invoke_without_command:
        yield words
    for name, below in command.commands.items():
        yield from _verbs(below, f"{words} {name}")


def _paths() -> Iterator[str]:
    for room in ROOMS:
        for route in room.router.routes:
            for method in sorted(route.methods):
                yield f"{method} {route.path}"


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS])
def test_every_setting_is_documented(name: str) -> None:
    """Each setting is a row of the table."""
    assert f"\n| `{name}` |" in TEXT


@pytest.mark.parametrize("verb", list(_verbs(typer.main.get_command(app), "control")))
def test_every_verb_is_documented(verb: str) -> None:
    """Each verb is a row of the table."""
    assert re.search(rf"^\| `{verb}[` ]", TEXT, re.MULTILINE)


@pytest.mark.parametrize("path", list(_paths()))
def test_every_path_is_documented(path: str) -> None:
    """Each method and path of the API is a row of the table."""
    assert f"\n| `{path}` |" in TEXT


def test_nothing_else_is_documented() -> None:
    """The tables name no verb and no path that is not there."""
    known = {*_verbs(typer.main.get_command(app), "control")}
    for said in re.findall(r"^\| `(control [^`]+)`", TEXT, re.MULTILINE):
        assert any(said == verb or said.startswith(verb + " ") for verb in known), said
    assert set(re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)`", TEXT, re.MULTILINE)) == {*_paths()}
