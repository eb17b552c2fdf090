"""Scopes as people are told of them: scope."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output as out
from .options import Output, wants_json

if TYPE_CHECKING:
    from .client import Client

ScopeArgument = Annotated[str, typer.Argument(metavar="SCOPE", help="Its name or id.", show_default=False)]
Description = Annotated[str, typer.Argument(metavar="TEXT", help="What it allows, for people.", show_default=False)]


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    group = typer.Typer(help="What people are told that scopes mean.", no_args_is_help=True)
    group.command("add")(scope_add)
    group.command("list")(scope_list)
    group.command("show")(scope_show)
    group.command("update")(scope_update)
    group.command("remove")(scope_remove)
    app.add_typer(group, name="scope")


def scope_add(scope: ScopeArgument, description: Description, output: Output = None) -> None:
    """Describe a scope. That gives it to nobody."""
    with _control() as control:
        _show(control.post("/scopes", {"name": scope, "description": description}), output)


def scope_list(output: Output = None) -> None:
    """Every scope that is described."""
    with _control() as control:
        answer = control.all("/scopes", "scopes")
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [(scope["name"], scope["description"], scope["id"]) for scope in answer["scopes"]]
    out.table(("name", "description", "id"), rows, "no scope is described: control scope add NAME TEXT")


def scope_show(scope: ScopeArgument, output: Output = None) -> None:
    """One of them."""
    with _control() as control:
        _show(control.get(_path(scope)), output)


def scope_update(scope: ScopeArgument, description: Description, output: Output = None) -> None:
    """Describe it otherwise."""
    with _control() as control:
        _show(control.patch(_path(scope), {"description": description}), output)


def scope_remove(scope: ScopeArgument, output: Output = None) -> None:
    """Describe it no more. Refused while an application may ask for it."""
    with _control() as control:
        control.delete(_path(scope))
    out.done({"removed": scope}, wants_json(output))
    out.hint(f"{scope} is described no more.")


def _control() -> "Client":
    from .client import Client

    return Client()


def _path(scope: str) -> str:
    from .client import segment

    return f"/scopes/{segment(scope)}"


def _show(scope: dict[str, Any], output: Output) -> None:
    if wants_json(output):
        out.show_json(scope)
        return
    out.say(f"name         {scope['name']}")
    out.say(f"description  {scope['description']}")
    out.say(f"id           {scope['id']}")
