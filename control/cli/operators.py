"""Who may administer: operator, whoami."""

from typing import Annotated, Any

import typer

from . import output as out
from .options import Output, duration_s, wants_json

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Its name or id.", show_default=False)]
Expires = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Such as 30d; default: never.", show_default=False)
]
_ALL = "all of its role"


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    group = typer.Typer(help="Who may administer, and how far.", no_args_is_help=True)
    group.command("add")(operator_add)
    group.command("list")(operator_list)
    group.command("show")(operator_show)
    group.command("rotate")(operator_rotate)
    group.command("remove")(operator_remove)
    app.add_typer(group, name="operator")
    app.command()(whoami)


def operator_add(
    name: NameArgument,
    role: Annotated[str, typer.Option(help="viewer, editor or operator.", show_default=False)],
    expires: Expires = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="Only this, such as policy:write; may be repeated; default: all.", show_default=False),
    ] = None,
    output: Output = None,
) -> None:
    """Let someone in and print the credential (it alone, for scripts). It is shown this once."""
    from .client import Client

    lifetime_s = None if expires is None else duration_s(expires, "--expires")
    body = {"name": name, "role": role, "scopes": scope or None, "lifetime_s": lifetime_s}
    with Client() as client:
        _show_credential(client.post("/operators", body), output)


def operator_list(output: Output = None) -> None:
    """Everyone who may administer, without their credentials."""
    from .client import Client

    with Client() as client:
        answer = client.all("/operators", "operators")
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [
        (one["name"], one["role"], _scopes(one), _until(one), out.moment(one["created_at"]), one["id"])
        for one in answer["operators"]
    ]
    out.table(("name", "role", "scopes", "expires", "created", "id"), rows, "nobody")


def operator_show(name: NameArgument, output: Output = None) -> None:
    """One of them."""
    from .client import Client, segment

    with Client() as client:
        _show(client.get(f"/operators/{segment(name)}"), output)


def operator_rotate(name: NameArgument, expires: Expires = None, output: Output = None) -> None:
    """Print a new credential for NAME; the old one ends at once. It expires when the old one would have, or as
    --expires says."""
    from .client import Client, segment

    body = {"lifetime_s": None if expires is None else duration_s(expires, "--expires")}
    with Client() as client:
        _show_credential(client.post(f"/operators/{segment(name)}/credential", body), output)


def operator_remove(name: NameArgument, output: Output = None) -> None:
    """The credential of NAME ends at once. The last one that may do everything stays, and so does the one that control
    was started with."""
    from .client import Client, segment

    with Client() as client:
        client.delete(f"/operators/{segment(name)}")
    out.done({"removed": name}, wants_json(output))
    out.hint(f"{name} is removed; what it signed in to is closed")


def whoami(output: Output = None) -> None:
    """Whose credential this is, and what it allows."""
    from .client import Client

    with Client() as client:
        _show(client.get("/whoami"), output)


def _show(one: dict[str, Any], output: Output) -> None:
    if wants_json(output):
        out.show_json(one)
        return
    out.say(f"name     {one['name']}")
    out.say(f"role     {one['role']}")
    out.say(f"scopes   {_scopes(one)}")
    out.say(f"expires  {_until(one)}")
    out.say(f"id       {one['id']}")


def _show_credential(made: dict[str, Any], output: Output) -> None:
    if wants_json(output):
        out.show_json(made)
        return
    out.say(made["credential"])
    out.hint(
        f"{made['name']}: {made['role']}, {_scopes(made)}, expires {_until(made)}; keep it now, it is not shown again"
    )


def _scopes(one: dict[str, Any]) -> str:
    return _ALL if one["scopes"] is None else ", ".join(one["scopes"])


def _until(one: dict[str, Any]) -> str:
    return "never" if one["expires_at"] is None else out.moment(one["expires_at"])
