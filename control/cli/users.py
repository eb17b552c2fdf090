"""People who sign in: user."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output as out
from .failure import USAGE, Failure
from .options import Output, duration_s, wants_json

if TYPE_CHECKING:
    from .client import Client

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The username, or the id.", show_default=False)]
PersonName = Annotated[str | None, typer.Option("--name", help="What they are called.", show_default=False)]
Email = Annotated[str | None, typer.Option(help="Where they are written to.", show_default=False)]
Expires = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Such as 90d; default: never.", show_default=False)
]


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    group = typer.Typer(help="People who sign in.", no_args_is_help=True)
    group.command("add")(user_add)
    group.command("list")(user_list)
    group.command("show")(user_show)
    group.command("update")(user_update)
    group.command("remove")(user_remove)
    group.command("reset-link")(user_reset_link)
    group.command("sessions")(user_sessions)
    group.command("end-sessions")(user_end_sessions)
    totp = typer.Typer(help="The second factors of people.", no_args_is_help=True)
    totp.command("remove")(user_totp_remove)
    group.add_typer(totp, name="totp")
    app.add_typer(group, name="user")


def user_add(
    username: UserArgument,
    name: PersonName = None,
    email: Email = None,
    expires: Expires = None,
    output: Output = None,
) -> None:
    """Add somebody who signs in. They have no password yet: see control user reset-link."""
    body = {
        "username": username,
        "name": name or "",
        "email": email or "",
        "lifetime_s": None if expires is None else duration_s(expires, "--expires"),
    }
    with _control() as control:
        _show(control.post("/users", body), output)
    out.hint(f"A password is for them to set: control user reset-link {username}")


def user_list(output: Output = None) -> None:
    """Everyone who signs in."""
    with _control() as control:
        answer = control.all("/users", "users")
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [(u["username"], u["name"], u["email"], _proof(u), _state(u), u["id"]) for u in answer["users"]]
    out.table(("username", "name", "email", "proof", "state", "id"), rows, "no users: control user add NAME")


def user_show(user: UserArgument, output: Output = None) -> None:
    """One of them."""
    with _control() as control:
        _show(control.get(_path(user)), output)


def user_update(
    user: UserArgument,
    rename: Annotated[str | None, typer.Option(metavar="USERNAME", help="A new username.", show_default=False)] = None,
    name: PersonName = None,
    email: Email = None,
    active: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether they may sign in.", show_default=False)
    ] = None,
    expires: Expires = None,
    never_expires: Annotated[bool, typer.Option("--never-expires", help="They may sign in for good.")] = False,
    output: Output = None,
) -> None:
    """Change somebody. Who is disabled is out at once: sessions, what they let clients do, and tokens everywhere."""
    if expires is not None and never_expires:
        raise Failure("--expires and --never-expires exclude each other.", USAGE)
    said = {"username": rename, "name": name, "email": email, "active": active}
    changes: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
    if expires is not None or never_expires:
        changes["lifetime_s"] = None if expires is None else duration_s(expires, "--expires")
    if not changes:
        raise Failure("Nothing to change. See: control user update --help.", USAGE)
    with _control() as control:
        _show(control.patch(_path(user), changes), output)


def user_remove(user: UserArgument, output: Output = None) -> None:
    """Remove somebody: they are out at once, tokens and all, and their id is never anybody's again."""
    with _control() as control:
        control.delete(_path(user))
    out.done({"removed": user}, wants_json(output))
    out.hint(f"{user} is removed.")


def user_reset_link(
    user: UserArgument,
    expires: Annotated[str, typer.Option(metavar="DURATION", help="How long it is good for.")] = "1d",
    output: Output = None,
) -> None:
    """Make a link with which they set their password, once, and print it (it alone, for scripts)."""
    with _control() as control:
        made = control.post(f"{_path(user)}/reset-link", {"lifetime_s": duration_s(expires, "--expires")})
    if wants_json(output):
        out.show_json(made)
        return
    print(made["link"])
    out.hint(f"Good once, until {out.moment(made['expires_at'])}, in place of any before. It is not shown again.")


def user_sessions(user: UserArgument, output: Output = None) -> None:
    """The browsers in which they have signed in."""
    with _control() as control:
        answer = control.get(f"{_path(user)}/sessions")
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [
        (s["id"], out.moment(s["auth_time"]), out.moment(s["last_seen"]), " ".join(s["amr"]), s["address"], s["agent"])
        for s in answer["sessions"]
    ]
    out.table(("id", "signed in", "last seen", "how", "address", "browser"), rows, f"{user} has no session")


def user_end_sessions(
    user: UserArgument,
    session: Annotated[
        str | None, typer.Argument(metavar="[SESSION]", help="One of them, by id; default: all.", show_default=False)
    ] = None,
    output: Output = None,
) -> None:
    """Sign somebody out of their browsers. Tokens live on: see control user update --disable."""
    from .client import segment

    with _control() as control:
        if session is None:
            answer = control.delete(f"{_path(user)}/sessions")
        else:
            control.delete(f"{_path(user)}/sessions/{segment(session)}")
            answer = {"ended": 1}
    out.done(answer, wants_json(output))
    out.hint(f"{answer['ended']} ended.")


def user_totp_remove(user: UserArgument, output: Output = None) -> None:
    """Ask for their password alone: their authenticator is lost."""
    with _control() as control:
        _show(control.delete(f"{_path(user)}/second-factor"), output)


def _control() -> "Client":
    from .client import Client

    return Client()


def _path(user: str) -> str:
    from .client import segment

    return f"/users/{segment(user)}"


def _show(user: dict[str, Any], output: Output) -> None:
    if wants_json(output):
        out.show_json(user)
        return
    out.say(f"username  {user['username']}")
    out.say(f"id        {user['id']}")
    out.say(f"name      {user['name'] or '-'}")
    out.say(f"email     {user['email'] or '-'}")
    out.say(f"proof     {_proof(user)}")
    out.say(f"state     {_state(user)}")


def _proof(user: dict[str, Any]) -> str:
    if not user["has_password"]:
        return "none yet"
    return "password, totp" if user["has_second_factor"] else "password"


def _state(user: dict[str, Any]) -> str:
    if not user["active"]:
        return "disabled"
    return f"active until {out.moment(user['expires_at'])}" if user["expires_at"] else "active"
