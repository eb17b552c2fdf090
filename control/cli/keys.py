"""Signing keys and revocations: keys, revoke."""

import threading
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output as out
from .failure import REFUSED, USAGE, Failure
from .options import Output, Timeout, Wait, duration_s, wants_json

if TYPE_CHECKING:
    from .client import Client

LOOK_EVERY_S = 0.25


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    group = typer.Typer(help="The keys that sign tokens.", no_args_is_help=True)
    group.command("list")(keys_list)
    group.command("rotate")(keys_rotate)
    group.command("revoke")(keys_revoke)
    app.add_typer(group, name="keys")
    app.command()(revoke)


def keys_list(output: Output = None) -> None:
    """Every signing key and its state."""
    from .client import Client

    with Client() as client:
        answer = client.all("/keys", "keys")
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [
        (key["kid"], key["algorithm"], key["state"], out.moment(key["created_at"]), out.moment(key["activated_at"]))
        for key in answer["keys"]
    ]
    out.table(("kid", "algorithm", "state", "created", "active since"), rows, "no keys")


def keys_rotate(
    algorithm: Annotated[str | None, typer.Option(help="Such as ES256; default: as now.", show_default=False)] = None,
    now: Annotated[bool, typer.Option("--now", help="It signs at once, before sidecars have heard of it.")] = False,
    revoke_old: Annotated[
        bool, typer.Option("--revoke-old", help="With --now: every other key has leaked; no token of theirs counts.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until the new key signs; with --now: a receipt.")] = False,
    timeout: Timeout = "90s",
    output: Output = None,
) -> None:
    """Prepare a new signing key. It signs once every connected sidecar holds it; no token is lost. When keys have
    leaked: --now --revoke-old ends every token there is, and callers get new ones."""
    from .client import Client

    if revoke_old and not now:
        raise Failure("--revoke-old needs --now: a key must sign when no other does.", USAGE)
    timeout_s = duration_s(timeout, "--timeout")
    with Client() as client:
        made = client.post("/keys/rotate", {"algorithm": algorithm, "now": now, "revoke_old": revoke_old})
        if now:
            sentence = f"version {made['version']}: a new key signs"
            told = sentence + (", and every key before it is revoked" if revoke_old else "")
            _receipt(client, made, told, wait, timeout_s, output)
            return
        signs = _wait_until_it_signs(client, timeout_s) if wait else None
    if wants_json(output):
        out.show_json({**made, "key": signs})
    else:
        out.say(f"version {made['version']}: a new key is published")
        if signs is not None:
            out.say(f"key {signs['kid']} signs now")
    if wait and signs is None:
        raise Failure(f"The new key does not sign after {timeout_s} s. See: control keys list, control status.")


def keys_revoke(
    kid: Annotated[
        str, typer.Argument(metavar="KID", help="See: control keys list, control issuer list.", show_default=False)
    ],
    issuer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="An outside issuer of the policy; default: control's own.", show_default=False
        ),
    ] = None,
    wait: Wait = False,
    timeout: Timeout = "30s",
    output: Output = None,
) -> None:
    """A key that has leaked: every token it signed ends at once, and a fresh key signs. One of an outside issuer never
    counts again, even while its provider publishes it."""
    from .client import Client, segment

    timeout_s = duration_s(timeout, "--timeout")
    with Client() as client:
        if issuer is None:
            made = client.post(f"/keys/{segment(kid)}/revoke")
        else:
            made = client.post(f"/issuers/{segment(issuer)}/revoke-key", {"kid": kid})
        _receipt(client, made, f"version {made['version']}: key {kid} is revoked", wait, timeout_s, output)


def revoke(
    jti: Annotated[str | None, typer.Option(help="One token, by its id.", show_default=False)] = None,
    subject: Annotated[str | None, typer.Option(help="Every token of a subject.", show_default=False)] = None,
    app: Annotated[str | None, typer.Option(help="Every token of an application.", show_default=False)] = None,
    all_of_issuer: Annotated[bool, typer.Option("--all-of-issuer", help="Every token of the issuer.")] = False,
    issued_before: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only those issued at TIME or earlier: 2026-01-31T12:00:00Z or unix seconds (default: now). "
            "Alone: every token of the issuer.",
            show_default=False,
        ),
    ] = None,
    issuer: Annotated[
        str | None, typer.Option(metavar="NAME", help="As in the policy; default: control's own.", show_default=False)
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="What is revoked.")] = False,
    wait: Wait = False,
    timeout: Timeout = "30s",
    output: Output = None,
) -> None:
    """Make tokens not count any more, on every sidecar."""
    from .client import Client

    timeout_s = duration_s(timeout, "--timeout")
    before = None if issued_before is None else _instant(issued_before)
    if list_all:
        _list_revocations(issuer, output)
        return
    chosen = [(by, value) for by, value in (("jti", jti), ("subject", subject), ("client", app)) if value is not None]
    if all_of_issuer or (not chosen and before is not None):
        chosen.append(("issuer", ""))
    if len(chosen) != 1:
        raise Failure("Say one of: --jti, --subject, --app, --issued-before or --all-of-issuer.", USAGE)
    by, value = chosen[0]
    if by == "jti" and before is not None:
        raise Failure("--jti names one token for good: leave --issued-before out.", USAGE)
    body = {"by": by, "value": value, "issuer": issuer, "before": before}
    with Client() as client:
        made = client.post("/revocations", body)
        _, folded, why = made["note"].partition("; too many entries: ")  # what became of older ones to make room
        sentence = f"version {made['version']}: revoked" + (f"; too many entries: {why}" if folded else "")
        _receipt(client, made, sentence, wait, timeout_s, output)


def _list_revocations(issuer: str | None, output: Output) -> None:
    from .client import Client

    with Client() as client:
        answer = client.all("/revocations", "revocations", issuer=issuer)
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [
        (one["by"], one["value"], one["issuer"], _before(one), out.moment(one["until"]), one["version"])
        for one in answer["revocations"]
    ]
    out.table(("by", "value", "issuer", "issued before", "kept until", "version"), rows, "nothing is revoked")


def _before(revocation: dict[str, Any]) -> str:
    return "whenever" if revocation["by"] == "jti" else out.moment(revocation["before"])


def _receipt(client: "Client", made: dict[str, Any], sentence: str, wait: bool, timeout_s: int, output: Output) -> None:
    from .rollout import receipt, settled, wait_for

    rollout = wait_for(client, made["version"], timeout_s) if wait else None
    if wants_json(output):
        out.show_json(made if rollout is None else {**made, "rollout": rollout})
        if rollout is not None and not settled(rollout):
            raise typer.Exit(REFUSED)
        return
    out.say(sentence)
    if rollout is not None:
        receipt(rollout, each=False)


def _wait_until_it_signs(client: "Client", timeout_s: int) -> dict[str, Any] | None:
    """The newest key once it is active; None if that takes too long."""
    deadline = time.monotonic() + timeout_s
    while True:
        newest: dict[str, Any] = client.all("/keys", "keys")["keys"][-1]
        if newest["state"] == "active":
            return newest
        if time.monotonic() >= deadline:
            return None
        threading.Event().wait(LOOK_EVERY_S)  # control advances keys on its own clock


def _instant(text: str) -> int:
    from datetime import UTC, datetime

    if text.isascii() and text.isdigit() and len(text) <= 12:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"--issued-before {text}: not a time such as 2026-01-31T12:00:00Z.", USAGE) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
