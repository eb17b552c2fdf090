"""API keys: key."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output as out
from .failure import USAGE, Failure
from .options import Output, Scopes, Timeout, Wait, duration_s, wants_json

if TYPE_CHECKING:
    from .client import Client

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="Its name or id.", show_default=False)]


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    group = typer.Typer(help="API keys, for callers that can do no more than send one.", no_args_is_help=True)
    group.command("add")(key_add)
    group.command("list")(key_list)
    group.command("show")(key_show)
    group.command("update")(key_update)
    group.command("remove")(key_remove)
    app.add_typer(group, name="key")


def key_add(
    subject: Annotated[
        str | None, typer.Option(help="Whom it stands for; default: the application.", show_default=False)
    ] = None,
    application: Annotated[
        str | None, typer.Option("--app", metavar="NAME", help="The application it is of.", show_default=False)
    ] = None,
    scope: Scopes = None,
    expires: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Such as 90d; default: never.", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Option(help="What you call it; default: its id.", show_default=False)] = None,
    wait: Wait = False,
    timeout: Timeout = "30s",
    output: Output = None,
) -> None:
    """Make an API key and print it (it alone, for scripts). It is shown this once."""
    from .rollout import report

    if subject is None and application is None:
        raise Failure("Say whom it is for: --subject, --app, or both.", USAGE)
    body = {
        "subject": subject,
        "app": application,
        "name": name,
        "scopes": scope or [],
        "lifetime_s": None if expires is None else duration_s(expires, "--expires"),
    }
    timeout_s = duration_s(timeout, "--timeout")
    with _client() as client:
        made = client.post("/api-keys", body)
        if not wants_json(output):
            out.say(made["key"])
            out.hint(f"{made['name']}: keep it now, it is not shown again")
        if not made["counts"]:
            out.hint(
                "warning: the policy has no built-in issuer with a route that takes API keys: it opens nothing yet"
            )
        report(client, made, None, wait, timeout_s, wants_json(output))


def key_list(output: Output = None) -> None:
    """Every key, without its secret."""
    with _client() as client:
        answer = client.all("/api-keys", "api_keys")
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [
        (key["name"], key["id"], key["subject"], key["client_id"], out.names(key["scopes"]), _expiry(key))
        for key in answer["api_keys"]
    ]
    out.table(("name", "id", "subject", "app", "scopes", "expires"), rows, "no keys: control key add --subject S")


def key_show(key: KeyArgument, output: Output = None) -> None:
    """One key."""
    from .client import segment

    with _client() as client:
        _show(client.get(f"/api-keys/{segment(key)}"), output)


def key_update(
    key: KeyArgument,
    rename: Annotated[str | None, typer.Option(metavar="NAME", help="A new name.", show_default=False)] = None,
    scope: Scopes = None,
    no_scopes: Annotated[bool, typer.Option("--no-scopes", help="Take all scopes away.")] = False,
    expires: Annotated[
        str | None, typer.Option(metavar="DURATION", help="From now, such as 90d.", show_default=False)
    ] = None,
    never: Annotated[bool, typer.Option("--never-expires", help="It counts for good.")] = False,
    output: Output = None,
) -> None:
    """Change a key. Scopes that are given replace those it had."""
    from .client import segment

    if (scope and no_scopes) or (expires is not None and never):
        raise Failure("--scope and --no-scopes, --expires and --never-expires exclude each other.", USAGE)
    changes: dict[str, Any] = {}
    if rename is not None:
        changes["name"] = rename
    if scope or no_scopes:
        changes["scopes"] = scope or []
    if expires is not None or never:
        changes["lifetime_s"] = None if expires is None else duration_s(expires, "--expires")
    if not changes:
        raise Failure("Nothing to change. See: control key update --help.", USAGE)
    with _client() as client:
        _show(client.patch(f"/api-keys/{segment(key)}", changes), output)


def key_remove(key: KeyArgument, wait: Wait = False, timeout: Timeout = "30s", output: Output = None) -> None:
    """Remove a key: every sidecar refuses it."""
    from .client import segment
    from .rollout import report

    timeout_s = duration_s(timeout, "--timeout")
    with _client() as client:
        made = client.delete(f"/api-keys/{segment(key)}")
        report(client, made, f"version {made['version']}: {key} is removed", wait, timeout_s, wants_json(output))


def _client() -> "Client":
    from .client import Client

    return Client()


def _show(key: dict[str, Any], output: Output) -> None:
    if wants_json(output):
        out.show_json(key)
        return
    out.say(f"name     {key['name']}")
    out.say(f"id       {key['id']}")
    out.say(f"subject  {key['subject']}")
    out.say(f"app      {key['client_id'] or '-'}")
    out.say(f"scopes   {out.names(key['scopes']) or '-'}")
    out.say(f"expires  {_expiry(key)}")


def _expiry(key: dict[str, Any]) -> str:
    return out.moment(key["expires_at"]) if key["expires_at"] else "never"
