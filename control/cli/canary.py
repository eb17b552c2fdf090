"""The canary and the freeze: canary, canary promote, canary abort, freeze, unfreeze; and ``push --canary``."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output as out
from .failure import REFUSED, USAGE, Failure
from .options import Output, Timeout, Wait, duration_s, wants_json

if TYPE_CHECKING:
    from .client import Client

LONGEST_POLL_S = 25.0
Version = Annotated[
    int | None, typer.Option("--if-version", help="Only the canary that began with it.", show_default=False)
]
app = typer.Typer(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})


def add_verbs(whole: typer.Typer) -> None:
    """Adds this file's verbs."""
    whole.add_typer(app, name="canary", help="How the canary stands; promote or abort it.")
    whole.command()(freeze)
    whole.command()(unfreeze)


def percent(text: str) -> float:
    """``10%``, ``0.5%`` or ``10``."""
    if not re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,2})?%?", text.strip()) or float(text.strip().rstrip("%")) == 0:
        raise Failure(f"--canary {text}: not a percentage such as 10% or 0.5%, below 100%.", USAGE)
    return float(text.strip().rstrip("%"))


@app.callback(invoke_without_command=True)
def canary(context: typer.Context, output: Output = None) -> None:
    """The canary that runs, or the last one: who tries it, their numbers against the others', what is missing."""
    if context.invoked_subcommand is not None:
        return
    from .client import Client

    with Client() as client:
        answer = client.get("/canary")
    if wants_json(output):
        out.show_json(answer)
    elif answer["canary"] is None:
        out.say("no canary runs, and none has run")
    else:
        _show(answer["canary"])


@app.command()
def promote(
    reason: Annotated[str, typer.Option(help="Kept in the history.")] = "",
    if_version: Version = None,
    wait: Wait = False,
    timeout: Timeout = "30s",
    output: Output = None,
) -> None:
    """Put the policy on trial in force on every sidecar, now."""
    _end("promote", "the policy on trial is in force for all", reason, if_version, wait, timeout, output)


@app.command()
def abort(
    reason: Annotated[str, typer.Option(help="Kept in the history.")] = "",
    if_version: Version = None,
    wait: Wait = False,
    timeout: Timeout = "30s",
    output: Output = None,
) -> None:
    """Nobody tries it any more."""
    _end("abort", "nobody tries it any more", reason, if_version, wait, timeout, output)


def freeze(
    reason: Annotated[str, typer.Option(help="Why. Whoever is refused reads it.", show_default=False)],
    output: Output = None,
) -> None:
    """Nobody changes the policy from now on: push, rollback and promotion are refused. What makes the mesh safer goes
    through: revocations, keys, the end of a canary."""
    from .client import Client

    with Client() as client:
        answer = client.put("/freeze", {"reason": reason})
    if wants_json(output):
        out.show_json(answer)
    else:
        out.say(frozen_line(answer["frozen"]))


def unfreeze(output: Output = None) -> None:
    """The policy may be changed again."""
    from .client import Client

    with Client() as client:
        client.delete("/freeze")
    if wants_json(output):
        out.show_json({"frozen": None})
    else:
        out.say("no longer frozen")


def try_out(
    client: "Client",
    body: dict[str, Any],
    share: str,
    replace: bool,
    headers: dict[str, str],
    file: str,
    wait: bool,
    timeout_s: float,
    output: Output,
) -> None:
    """Begins a canary, says who tries it, and with ``wait`` how it ended."""
    given = {**body, "percent": percent(share), "replace": replace}
    made: dict[str, Any] = client.post("/canary", given, headers, file=file)
    if not wants_json(output):
        out.say(f"version {made['version']} is tried by {made['chosen']} of {made['of']} sidecars")
        if made["widened"]:
            out.hint(f"{made['percent']:g}% of {made['of']} would have been nobody: one was taken")
    elif not wait:
        out.show_json(made)
    if wait:
        _wait_for_verdict(client, made, timeout_s, output)


def _wait_for_verdict(client: "Client", made: dict[str, Any], timeout_s: float, output: Output) -> None:
    """Until it has ended. A Failure if it was not promoted."""
    import time

    deadline = time.monotonic() + timeout_s
    while True:
        left = max(0.0, deadline - time.monotonic())
        found = client.get("/canary", wait_s=min(left, LONGEST_POLL_S))["canary"]
        if found["version"] != made["version"] or found["state"] != "running" or left <= LONGEST_POLL_S:
            break
    if wants_json(output):
        out.show_json({**made, "canary": found})
        if found["state"] != "promoted":
            raise typer.Exit(REFUSED)
    elif found["version"] == made["version"] and found["state"] == "promoted":
        out.say(f"promoted by version {found['ended']}: {out.harmless(found['reason'])}")
    else:
        raise Failure(f"the canary of version {made['version']} is {_outcome(found)}")


def frozen_line(frozen: dict[str, Any]) -> str:
    """Who, since when, why."""
    return f"frozen by {frozen['actor']} since {out.moment(frozen['at'])}: {frozen['reason']}"


def canary_line(found: dict[str, Any]) -> str:
    """The canary in a line."""
    tried = len(found["sidecars"])
    by = f"{tried} sidecar{'' if tried == 1 else 's'}"
    return f"canary of version {found['version']}, tried by {by}: {found['reason']}"


def _end(kind: str, sentence: str, reason: str, version: int | None, wait: bool, timeout: str, output: Output) -> None:
    from .client import Client
    from .rollout import report

    timeout_s = duration_s(timeout, "--timeout")
    with Client() as client:
        made = client.post(f"/canary/{kind}", {"reason": reason, "version": version})
        report(client, made, f"version {made['version']}: {sentence}", wait, timeout_s, wants_json(output))


def _outcome(found: dict[str, Any]) -> str:
    if found["state"] == "running":
        return f"not judged yet: {found['reason']}"
    return f"{found['state']} by version {found['ended']}: {found['reason']}"


def _show(found: dict[str, Any]) -> None:
    share = f"{found['share']:g}%" if found["share"] == found["percent"] else f"{found['percent']:g}%, one at the least"
    out.say(
        f"canary of version {found['version']} ({share}), begun {out.moment(found['begun_at'])} by {found['actor']}"
    )
    out.say(f"{found['state']}: {found['reason']}" if found["ended"] is None else _outcome(found))
    for one in found["sidecars"]:
        out.say(f"  {one['service']}/{one['instance']}  {one['state']}{': ' if one['reason'] else ''}{one['reason']}")
    rows = []
    for one in found["services"]:
        for who, rates in (("canary", one["canary"]), (one["against"], one["others"])):
            share_of = [_share(rates[name], rates["requests"]) for name in ("denied", "failed")]
            rows.append((one["service"], who, rates["requests"], *share_of))
    if rows:
        out.table(("service", "whose", "requests", "denied", "failed"), rows, "")


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.1f}%)" if whole else "-"
