"""The fleet: status, join-token."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output as out
from .canary import canary_line, frozen_line
from .events import news
from .failure import USAGE, Failure
from .issuers import troubles
from .options import Output, duration_s, wants_json

if TYPE_CHECKING:
    from .client import Client


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    app.command()(status)
    app.command("join-token")(join_token)
    sidecars = typer.Typer(help="Sidecars that have joined; see also: control status.", no_args_is_help=True)
    sidecars.command("show")(sidecar_show)
    sidecars.command("remove")(sidecar_remove)
    app.add_typer(sidecars, name="sidecar")


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Again whenever something happens, until Ctrl-C.")] = False,
    service: Annotated[
        str | None, typer.Option(metavar="NAME", help="The sidecars of this service alone.", show_default=False)
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(help="Those that are acked, nacked, pending, idle or away.", show_default=False),
    ] = None,
    output: Output = None,
) -> None:
    """Each sidecar: where it is, what it enforces, what it refused and why. Then issuers whose keys are not fresh."""
    from .client import Client

    with Client() as client:
        for _ in news() if watch else (None,):
            answer = {
                **client.all("/sidecars", "sidecars", service=service, state=state),
                **client.all("/issuers", "issuers"),
                **client.get("/freeze"),
                **client.get("/canary"),
            }
            if watch and sys.stdout.isatty():
                print("\033[H\033[2J", end="")
            if wants_json(output):
                out.show_json(answer)
            else:
                _show_status(answer)
            sys.stdout.flush()


def _show_status(answer: dict[str, Any]) -> None:
    current = answer["version"]
    live = [one for one in answer["sidecars"] if one["connected"]]
    behind = [one for one in live if one["state"] != "acked"]
    out.say(
        f"version {current or 'none yet'}, {len(live)} of {len(answer['sidecars'])} sidecars connected"
        + (f", {len(behind)} not up to date" if behind else "")
    )
    if answer["frozen"] is not None:
        out.say(frozen_line(answer["frozen"]))
    if answer["canary"] is not None and answer["canary"]["state"] == "running":
        out.say(canary_line(answer["canary"]))
    rows = [
        (
            one["service"],
            one["instance"],
            one["address"],
            one["version"] or None,
            one["state"] if not one["reason"] else f"{one['state']}: {one['reason']}",
            out.moment(one["last_seen"]),
            one["id"],
        )
        for one in answer["sidecars"]
    ]
    if rows:
        out.table(("service", "instance", "address", "version", "state", "last seen", "id"), rows, "")
    for line in troubles(answer["issuers"], time.time()):
        out.say(line)


def join_token(
    service: Annotated[
        str | None, typer.Argument(metavar="[SERVICE]", help="The service it is for.", show_default=False)
    ] = None,
    uses: Annotated[int, typer.Option(min=1, max=10_000, help="How many sidecars may join with it.")] = 1,
    expires: Annotated[str, typer.Option(metavar="DURATION", help="How long it is good for.")] = "1h",
    file: Annotated[
        Path | None, typer.Option("--out", help="Write it to a new file (0600), not to stdout.", show_default=False)
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="Those there are, without their secrets.")] = False,
    revoke: Annotated[str | None, typer.Option(metavar="ID", help="No more joins with it.", show_default=False)] = None,
    output: Output = None,
) -> None:
    """Make a join token for SERVICE and print it (it alone, for scripts)."""
    from .client import Client, segment

    if sum((service is not None, list_all, revoke is not None)) != 1:
        raise Failure("Say one of: control join-token SERVICE, --list, or --revoke ID.", USAGE)
    lifetime_s = duration_s(expires, "--expires")
    with Client() as client:
        if list_all:
            _list(client, output)
        elif revoke is not None:
            client.delete(f"/join-tokens/{segment(revoke)}")
            out.done({"revoked": revoke}, wants_json(output))
            out.hint(f"join token {revoke} is revoked")
        else:
            body = {"service": service, "uses": uses, "lifetime_s": lifetime_s}
            _make(client, body, file, output)


def sidecar_show(
    key: Annotated[str, typer.Argument(metavar="ID", help="See: control status.", show_default=False)],
    output: Output = None,
) -> None:
    """One sidecar: what it should run, what it runs, what it refused and why, and what it can do."""
    from .client import Client, segment

    with Client() as client:
        one = client.get(f"/sidecars/{segment(key)}")
    if wants_json(output):
        out.show_json(one)
        return
    out.say(f"{one['service']}/{one['instance']}  {one['state']}{': ' if one['reason'] else ''}{one['reason']}")
    out.say(f"should run version {one['desired'] or 'none'}, runs {one['version'] or 'none'}")
    out.say(f"{one['address']}, last seen {out.moment(one['last_seen'])}")
    if one["connected"]:
        out.say(f"{one['agent']}, protocol {one['protocol']}, capabilities: {out.names(one['capabilities'])}")


def sidecar_remove(
    key: Annotated[str, typer.Argument(metavar="ID", help="See: control status.", show_default=False)],
    output: Output = None,
) -> None:
    """Take a sidecar out of the mesh: it is cut off, and comes back with a join token only. If it is not trusted any
    more, revoke the one that it knows as well (control audit names it)."""
    from .client import Client, segment

    with Client() as client:
        client.delete(f"/sidecars/{segment(key)}")
    out.done({"removed": key}, wants_json(output))
    out.hint(f"sidecar {key} is taken out; a join token that it knows is good until it is revoked: control join-token")


def _list(client: "Client", output: Output) -> None:
    answer = client.all("/join-tokens", "join_tokens")
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [
        (one["id"], one["service"], one["uses_left"], out.moment(one["expires_at"]), "yes" if one["revoked"] else "no")
        for one in answer["join_tokens"]
    ]
    out.table(("id", "service", "uses left", "expires", "revoked"), rows, "no join tokens")


def _make(client: "Client", body: dict[str, Any], file: Path | None, output: Output) -> None:
    target = None
    if file is not None:
        target = out.new_private_file(file)  # before the token is made, so that none is made in vain
    try:
        made = client.post("/join-tokens", body)
    except Failure:
        if file is not None:
            file.unlink(missing_ok=True)
        raise
    if target is not None:
        with os.fdopen(target, "w", encoding="ascii") as written:
            written.write(made.pop("token") + "\n")
        joins = "one join" if made["uses_left"] == 1 else f"{made['uses_left']} joins"
        out.hint(f"written to {file}; good for {joins} until {out.moment(made['expires_at'])}")
    if not made["in_policy"]:
        out.hint(
            f"warning: the policy does not name the service {made['service']!r}: its sidecar answers 404 until it does"
        )
    if wants_json(output):
        out.show_json(made)
    elif target is None:
        out.say(made["token"])
