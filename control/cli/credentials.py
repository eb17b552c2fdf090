"""The secrets of applications, several at a time: credential."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output as out
from .failure import USAGE, Failure
from .options import Output, duration_s, wants_json

if TYPE_CHECKING:
    from .client import Client

CredentialArgument = Annotated[str, typer.Argument(metavar="ID", help="Its id.", show_default=False)]
CredentialName = Annotated[str | None, typer.Option("--name", help="What you call it.", show_default=False)]
Expires = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Such as 90d; default: never.", show_default=False)
]


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    group = typer.Typer(help="The secrets of applications, several at a time.", no_args_is_help=True)
    group.command("add")(credential_add)
    group.command("list")(credential_list)
    group.command("show")(credential_show)
    group.command("update")(credential_update)
    group.command("remove")(credential_remove)
    app.add_typer(group, name="credential")


def credential_add(
    app: Annotated[str, typer.Argument(metavar="APP", help="The application's name, id or client_id.")],
    name: CredentialName = None,
    expires: Expires = None,
    output: Output = None,
) -> None:
    """Give an application one more secret, beside those it has. It is printed this once."""
    lifetime_s = None if expires is None else duration_s(expires, "--expires")
    with _control() as control:
        _show(control.post("/credentials", {"app": app, "name": name or "", "lifetime_s": lifetime_s}), output)


def credential_list(
    app: Annotated[
        str | None, typer.Argument(metavar="[APP]", help="Those of one application.", show_default=False)
    ] = None,
    output: Output = None,
) -> None:
    """Every secret of every application, or of one, without what is secret."""
    with _control() as control:
        answer = control.all("/credentials", "credentials", app=app)
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [
        (one["id"], one["client_id"], one["name"], out.moment(one["created_at"]), _state(one))
        for one in answer["credentials"]
    ]
    out.table(("id", "client_id", "name", "created", "state"), rows, "no credentials: control app add NAME")


def credential_show(credential: CredentialArgument, output: Output = None) -> None:
    """One of them."""
    with _control() as control:
        _show(control.get(_path(credential)), output)


def credential_update(
    credential: CredentialArgument,
    name: CredentialName = None,
    active: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it counts.", show_default=False)
    ] = None,
    expires: Expires = None,
    never_expires: Annotated[bool, typer.Option("--never-expires", help="It counts for good.")] = False,
    output: Output = None,
) -> None:
    """Change one. When it is disabled its application's tokens are refused everywhere; another secret gets new ones."""
    if expires is not None and never_expires:
        raise Failure("--expires and --never-expires exclude each other.", USAGE)
    changes: dict[str, Any] = {k: v for k, v in {"name": name, "active": active}.items() if v is not None}
    if expires is not None or never_expires:
        changes["lifetime_s"] = None if expires is None else duration_s(expires, "--expires")
    if not changes:
        raise Failure("Nothing to change. See: control credential update --help.", USAGE)
    with _control() as control:
        _show(control.patch(_path(credential), changes), output)


def credential_remove(credential: CredentialArgument, output: Output = None) -> None:
    """Remove one; if it counted, its application's tokens are refused everywhere."""
    with _control() as control:
        control.delete(_path(credential))
    out.done({"removed": credential}, wants_json(output))
    out.hint(f"{credential} is removed.")


def _control() -> "Client":
    from .client import Client

    return Client()


def _path(credential: str) -> str:
    from .client import segment

    return f"/credentials/{segment(credential)}"


def _show(credential: dict[str, Any], output: Output) -> None:
    if wants_json(output):
        out.show_json(credential)
        return
    out.say(f"id             {credential['id']}")
    out.say(f"client_id      {credential['client_id']}")
    if "client_secret" in credential:
        out.say(f"client_secret  {credential['client_secret']}")
    out.say(f"name           {credential['name'] or '-'}")
    out.say(f"state          {_state(credential)}")
    if "client_secret" in credential:
        out.hint("Keep the secret now: it is not shown again.")


def _state(credential: dict[str, Any]) -> str:
    if not credential["active"]:
        return "disabled"
    return f"active until {out.moment(credential['expires_at'])}" if credential["expires_at"] else "active"
