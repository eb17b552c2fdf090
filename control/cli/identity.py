"""Applications and tokens: app, token."""

from typing import Annotated, Any

import typer

from . import output as out
from .failure import USAGE, Failure
from .options import Output, Scopes, Services, duration_s, wants_json

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Its name, id or client_id.", show_default=False)]


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    apps = typer.Typer(help="Applications that may have tokens.", no_args_is_help=True)
    apps.command("add")(app_add)
    apps.command("list")(app_list)
    apps.command("show")(app_show)
    apps.command("update")(app_update)
    apps.command("remove")(app_remove)
    apps.command("secret")(app_secret)
    app.add_typer(apps, name="app")
    tokens = typer.Typer(help="Access tokens.", no_args_is_help=True)
    tokens.command("issue")(token_issue)
    app.add_typer(tokens, name="token")


def app_add(name: NameArgument, scope: Scopes = None, service: Services = None, output: Output = None) -> None:
    """Register an application. Its secret is printed this once."""
    from .client import Client

    with Client() as client:
        made = client.post("/apps", {"name": name, "scopes": scope or [], "services": service or None})
    _show(made, output)


def app_list(output: Output = None) -> None:
    """Every application."""
    from .client import Client

    with Client() as client:
        answer = client.all("/apps", "apps")
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [
        (app["name"], app["client_id"], out.names(app["scopes"]), out.names(app["services"]), _state(app))
        for app in answer["apps"]
    ]
    out.table(("name", "client_id", "scopes", "services", "state"), rows, "no applications: control app add NAME")


def app_show(name: NameArgument, output: Output = None) -> None:
    """One application."""
    from .client import Client, segment

    with Client() as client:
        _show(client.get(f"/apps/{segment(name)}"), output)


def app_update(
    name: NameArgument,
    rename: Annotated[str | None, typer.Option(metavar="NAME", help="A new name.", show_default=False)] = None,
    scope: Scopes = None,
    no_scopes: Annotated[bool, typer.Option("--no-scopes", help="Take all scopes away.")] = False,
    service: Services = None,
    all_services: Annotated[bool, typer.Option("--all-services", help="It may call every service.")] = False,
    active: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it gets tokens.", show_default=False)
    ] = None,
    output: Output = None,
) -> None:
    """Change an application. Scopes and services that are given replace those it had."""
    from .client import Client, segment

    if (scope and no_scopes) or (service and all_services):
        raise Failure("--scope and --no-scopes, --service and --all-services exclude each other.", USAGE)
    changes: dict[str, Any] = {}
    if rename is not None:
        changes["name"] = rename
    if scope or no_scopes:
        changes["scopes"] = scope or []
    if service or all_services:
        changes["services"] = service or None
    if active is not None:
        changes["active"] = active
    if not changes:
        raise Failure("Nothing to change. See: control app update --help.", USAGE)
    with Client() as client:
        _show(client.patch(f"/apps/{segment(name)}", changes), output)


def app_remove(name: NameArgument, output: Output = None) -> None:
    """Remove an application. Every sidecar refuses the tokens that it has."""
    from .client import Client, segment

    with Client() as client:
        client.delete(f"/apps/{segment(name)}")
    out.done({"removed": name}, wants_json(output))
    out.hint(f"{name} is removed, and its tokens count no more.")


def app_secret(name: NameArgument, output: Output = None) -> None:
    """Give an application a new secret in place of all that it has, whose tokens end with them. To change secrets
    while it runs: control credential add."""
    from .client import Client, segment

    with Client() as client:
        _show(client.post(f"/apps/{segment(name)}/secret"), output)


def token_issue(
    app: Annotated[str, typer.Option("--app", metavar="NAME", help="The application it is for.", show_default=False)],
    scope: Scopes = None,
    service: Services = None,
    lifetime: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Default: control's token_lifetime.", show_default=False)
    ] = None,
    output: Output = None,
) -> None:
    """Issue an access token and print it (it alone, for scripts)."""
    from .client import Client

    body = {
        "app": app,
        "scopes": scope or None,
        "services": service or None,
        "lifetime_s": None if lifetime is None else duration_s(lifetime, "--lifetime"),
    }
    with Client() as client:
        issued = client.post("/tokens", body)
    if wants_json(output):
        out.show_json(issued)
    else:
        out.say(issued["access_token"])


def _show(app: dict[str, Any], output: Output) -> None:
    if wants_json(output):
        out.show_json(app)
        return
    out.say(f"name           {app['name']}")
    out.say(f"client_id      {app['client_id']}")
    if "client_secret" in app:
        out.say(f"client_secret  {app['client_secret']}")
    out.say(f"scopes         {out.names(app['scopes']) or '-'}")
    out.say(f"services       {out.names(app['services']) or '-'}")
    out.say(f"state          {_state(app)}")
    if "client_secret" in app:
        out.hint("Keep the secret now: it is not shown again.")


def _state(app: dict[str, Any]) -> str:
    return "active" if app["active"] else "disabled"
