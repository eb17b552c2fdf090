"""Applications as OAuth clients: client."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output as out
from .failure import USAGE, Failure
from .options import Output, wants_json

if TYPE_CHECKING:
    from .client import Client

AppArgument = Annotated[
    str, typer.Argument(metavar="APP", help="The application's name, id or client_id.", show_default=False)
]
Redirects = Annotated[
    list[str] | None,
    typer.Option(
        "--redirect", metavar="URI", help="Where people are sent back to; may be repeated.", show_default=False
    ),
]
Device = Annotated[
    bool | None, typer.Option("--device/--no-device", help="It may use device codes.", show_default=False)
]
Exchange = Annotated[
    bool | None, typer.Option("--exchange/--no-exchange", help="It may exchange tokens.", show_default=False)
]
Public = Annotated[
    bool | None, typer.Option("--public/--confidential", help="Whether it can keep no secret.", show_default=False)
]
Keys = Annotated[
    Path | None,
    typer.Option("--jwks", metavar="FILE", help="It proves itself by these public keys alone.", show_default=False),
]
_GRANTS = {
    "device": "urn:ietf:params:oauth:grant-type:device_code",
    "exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
}


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    group = typer.Typer(help="Applications that people let in, or that exchange tokens.", no_args_is_help=True)
    group.command("add")(client_add)
    group.command("list")(client_list)
    group.command("show")(client_show)
    group.command("update")(client_update)
    group.command("remove")(client_remove)
    app.add_typer(group, name="client")


def client_add(
    app: AppArgument,
    redirect: Redirects = None,
    public: Public = None,
    device: Device = None,
    exchange: Exchange = None,
    jwks: Keys = None,
    output: Output = None,
) -> None:
    """Register an application as a client."""
    body = {
        "app": app,
        "redirect_uris": redirect or [],
        "public": bool(public),
        "grant_types": _grants([], redirect or [], device, exchange),
        "jwks": None if jwks is None else _jwks(jwks),
    }
    with _control() as control:
        _show(control.post("/clients", body), output)


def client_list(output: Output = None) -> None:
    """Every client."""
    with _control() as control:
        answer = control.all("/clients", "clients")
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [
        (one["name"], one["client_id"], _proof(one), out.names([_short(grant) for grant in one["grant_types"]]))
        for one in answer["clients"]
    ]
    out.table(("name", "client_id", "proof", "grants"), rows, "no clients: control client add APP --redirect URI")


def client_show(app: AppArgument, output: Output = None) -> None:
    """One of them."""
    from .client import segment

    with _control() as control:
        _show(control.get(f"/clients/{segment(app)}"), output)


def client_update(
    app: AppArgument,
    redirect: Redirects = None,
    no_redirects: Annotated[bool, typer.Option("--no-redirects", help="It lets no people in any more.")] = False,
    public: Public = None,
    device: Device = None,
    exchange: Exchange = None,
    jwks: Keys = None,
    no_jwks: Annotated[bool, typer.Option("--no-jwks", help="It proves itself by its secret.")] = False,
    output: Output = None,
) -> None:
    """Change a client. Redirect URIs and keys that are given replace those it had."""
    from .client import segment

    if (redirect and no_redirects) or (jwks is not None and no_jwks):
        raise Failure("--redirect and --no-redirects, --jwks and --no-jwks exclude each other.", USAGE)
    changes: dict[str, Any] = {} if public is None else {"public": public}
    if jwks is not None or no_jwks:
        changes["jwks"] = None if jwks is None else _jwks(jwks)
    with _control() as control:
        if redirect or no_redirects or device is not None or exchange is not None:
            now = control.get(f"/clients/{segment(app)}")
            uris = [] if no_redirects else redirect or now["redirect_uris"]
            changes["redirect_uris"], changes["grant_types"] = uris, _grants(now["grant_types"], uris, device, exchange)
        if not changes:
            raise Failure("Nothing to change. See: control client update --help.", USAGE)
        _show(control.patch(f"/clients/{segment(app)}", changes), output)


def client_remove(app: AppArgument, output: Output = None) -> None:
    """Make a client an application like any other again: what people let it do is over."""
    from .client import segment

    with _control() as control:
        control.delete(f"/clients/{segment(app)}")
    out.done({"removed": app}, wants_json(output))
    out.hint(f"{app} is no client any more; the application is there still: control app remove {app}")


def _grants(had: list[str], uris: list[str], device: bool | None, exchange: bool | None) -> list[str]:
    asked = {"device": device, "exchange": exchange}
    kept = [grant for name, grant in _GRANTS.items() if asked[name] or (asked[name] is None and grant in had)]
    return [*(["authorization_code"] if uris else []), *kept]


def _jwks(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}.", USAGE) from None
    except ValueError:
        raise Failure(f"{path}: not a JWK Set.", USAGE) from None


def _control() -> "Client":
    from .client import Client

    return Client()


def _show(client: dict[str, Any], output: Output) -> None:
    if wants_json(output):
        out.show_json(client)
        return
    out.say(f"name       {client['name']}")
    out.say(f"client_id  {client['client_id']}")
    out.say(f"proof      {_proof(client)}")
    out.say(f"grants     {out.names([_short(grant) for grant in client['grant_types']]) or '-'}")
    for uri in client["redirect_uris"]:
        out.say(f"redirect   {uri}")


def _proof(client: dict[str, Any]) -> str:
    return "public" if client["public"] else "secret" if client["jwks"] is None else "private_key_jwt"


def _short(grant: str) -> str:
    return grant.rpartition(":")[2]
