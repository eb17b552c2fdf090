"""The policy: check, compile, diff, push, rollback, history, get, explain."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from . import output as out
from .failure import REFUSED, USAGE, Failure
from .options import Expect, Output, PolicyFile, Timeout, Wait, duration_s, expecting, wants_json

if TYPE_CHECKING:
    from .client import Client

MAX_TOKEN_BYTES = 65536


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    for verb in (check, compile_, diff, push, rollback, history, get, explain):
        app.command(verb.__name__.rstrip("_"))(verb)


def check(file: PolicyFile, output: Output = None) -> None:
    """Validate a policy and run its own tests. Works offline."""
    import time

    from control.policy import PolicyErrors, gather, load
    from control.policy import check as check_policy

    try:
        found = gather(file, os.environ)
        policy = load(found.source, found.files, found.env, name=str(file))
    except PolicyErrors as errors:
        invalid(errors, output)
    report = check_policy(policy, now=int(time.time()))
    if wants_json(output):
        out.show_json({"ok": report.ok, **report.as_json()})
    else:
        for line in report.format().splitlines():
            out.say(line)
    if not report.ok:
        raise typer.Exit(REFUSED)


def compile_(
    file: PolicyFile,
    service: Annotated[str, typer.Argument(metavar="SERVICE", show_default=False)],
    to: Annotated[Path, typer.Option("--out", help="Where to write it (0600).", show_default=False)],
) -> None:
    """Write the snapshot of SERVICE to a file, for a sidecar without control (sidecar run --snapshot). Works offline;
    the built-in issuer's keys are control's, so that its tokens are refused. Secrets come from this environment."""
    import time

    from control.policy import PolicyErrors, compile_snapshot, gather, load
    from sidecar.contract.snapshot import encode

    try:
        found = gather(file, os.environ)
        policy = load(found.source, found.files, found.env, name=str(file))
        now = int(time.time())
        snapshot = compile_snapshot(policy, service, version=1, issued_at=now, own=None, secrets=os.environ.get)
    except PolicyErrors as errors:
        invalid(errors, None)
    if policy.service(service) is None:
        known = ", ".join(policy.service_names) or "none"
        raise Failure(f"{file} has no service {service!r}. It has: {known}.", USAGE)
    with os.fdopen(out.new_private_file(to), "wb") as written:
        written.write(encode(snapshot))
    out.say(f"{to}: {service}, {_count(len(snapshot.routes), 'route')}, {_count(len(snapshot.issuers), 'issuer')}")
    for issuer in snapshot.issuers:
        if not issuer.keys_known:
            named = policy.issuer(issuer.name)
            whose = "control's" if named is None or named.builtin else "fetched by control"
            out.hint(f"warning: the keys of {issuer.name!r} are {whose}: a sidecar with this file refuses its tokens")


def diff(file: PolicyFile, output: Output = None) -> None:
    """What would change if FILE were pushed now."""
    body = _read(file, output)
    with _client() as client:
        answer = client.post("/policy/diff", body, file=str(file))
    if wants_json(output):
        out.show_json(answer)
        return
    for line in answer["lines"]:
        out.say(line)
    if not answer["lines"]:
        out.say("no change")


def push(
    file: PolicyFile,
    wait: Wait = False,
    timeout: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long --wait waits: 30s, for a canary 15m.")
    ] = None,
    note: Annotated[str, typer.Option(help="Kept in the history.")] = "",
    expect: Expect = None,
    canary: Annotated[
        str | None,
        typer.Option(metavar="PERCENT", help="Let so many sidecars try it first: 10%.", show_default=False),
    ] = None,
    replace_canary: Annotated[bool, typer.Option(help="In place of the canary that runs.")] = False,
    output: Output = None,
) -> None:
    """Put FILE in force on every sidecar; or, with --canary, let a few try it until it is judged."""
    timeout_s = duration_s(timeout or ("30s" if canary is None else "15m"), "--timeout")
    if replace_canary and canary is None:
        raise Failure("--replace-canary goes with --canary: one canary takes the place of another.", USAGE)
    body = {**_read(file, output), "note": note}
    with _client() as client:
        if canary is not None:
            from .canary import try_out

            try_out(client, body, canary, replace_canary, expecting(expect), str(file), wait, timeout_s, output)
            return
        made = client.post("/policy", body, expecting(expect), file=str(file))
        for warning in made["warnings"]:
            place = f"{file}:{warning['line']}" if warning["line"] else str(file)
            out.hint(f"warning: {place}: {warning['path']}: {warning['message']}")
        _made(client, made, "pushed", wait, timeout_s, output)


def rollback(
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="See: control history.", show_default=False)],
    wait: Wait = False,
    timeout: Timeout = "30s",
    expect: Expect = None,
    output: Output = None,
) -> None:
    """Put the policy of VERSION in force again, as a new version."""
    timeout_s = duration_s(timeout, "--timeout")
    with _client() as client:
        made = client.post(f"/versions/{version}/rollback", headers=expecting(expect))
        _made(client, made, f"is the policy of version {version}", wait, timeout_s, output)


def history(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many.")] = 20,
    before: Annotated[int | None, typer.Option(min=1, help="Older than this version.", show_default=False)] = None,
    output: Output = None,
) -> None:
    """Every change of the mesh, newest first."""
    with _client() as client:
        answer = client.get("/versions", limit=limit, before=before)
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [(v["version"], v["kind"], out.moment(v["created_at"]), v["actor"], v["note"]) for v in answer["versions"]]
    out.table(("version", "kind", "when", "by", "note"), rows, "no versions yet: push a policy")
    if answer["next_before"]:
        out.hint(f"older ones: control history --before {answer['next_before']}")


def get(
    version: Annotated[
        int | None, typer.Argument(metavar="[VERSION]", min=1, help="Default: the one in force.", show_default=False)
    ] = None,
    output: Output = None,
) -> None:
    """Print a policy as it was pushed."""
    with _client() as client:
        answer = client.get("/policy", version=version)
    if wants_json(output):
        out.show_json(answer)
    elif sys.stdout.isatty():
        for line in answer["source"].splitlines():
            out.say(line.expandtabs())
    else:
        sys.stdout.buffer.write(answer["source"].encode())
        sys.stdout.buffer.flush()


def explain(
    service: Annotated[str, typer.Argument(metavar="SERVICE", show_default=False)],
    method: Annotated[str, typer.Argument(metavar="METHOD", show_default=False)],
    path: Annotated[str, typer.Argument(metavar="PATH", help="With its query, as it is sent.", show_default=False)],
    token: Annotated[
        str | None,
        typer.Option(help="- reads it from stdin, and keeps it out of the process list.", show_default=False),
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="A file that holds the token.", show_default=False)] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="'Name: value'; may be repeated.", show_default=False)
    ] = None,
    host: Annotated[str, typer.Option(help="The Host that the request names.", show_default=False)] = "",
    address: Annotated[str, typer.Option(help="Where it comes from: an IP address.", show_default=False)] = "",
    output: Output = None,
) -> None:
    """What the sidecar of SERVICE would answer, step by step. Nothing is sent to it."""
    body = {
        "service": service,
        "method": method.upper(),
        "path": path,
        "token": _token(token, token_file),
        "headers": _headers(header or []),
        "host": host,
        "address": address,
    }
    with _client() as client:
        answer = client.post("/explain", body)
    if wants_json(output):
        out.show_json(answer)
        return
    if not answer["in_policy"]:
        out.hint(f"the policy does not name the service {service!r}: its sidecar would answer 404 to everything")
    for step in answer["steps"]:
        out.say(step)
    verdict = "allowed" if answer["allowed"] else f"refused: {answer['status']} {answer['reason']}"
    detail = f" ({answer['detail']})" if answer["detail"] and not answer["allowed"] else ""
    out.say(f"{verdict}{detail}  [version {answer['version']}]")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _client() -> "Client":
    from .client import Client

    return Client()


def _read(file: Path, output: Output) -> dict[str, Any]:
    from control.policy import PolicyErrors, gather

    try:
        found = gather(file, os.environ)
    except PolicyErrors as errors:
        invalid(errors, output)
    return {"source": found.source, "files": dict(found.files), "env": dict(found.env)}


def invalid(errors: Any, output: Output) -> NoReturn:
    """Tells what is wrong with a policy, and ends."""
    problems = [{"line": p.line, "path": p.path, "message": p.message} for p in errors.problems]
    if wants_json(output):
        out.show_json({"ok": False, "problems": problems})
    for line in errors.format().splitlines():
        out.hint(line)
    raise typer.Exit(REFUSED)


def _made(client: "Client", made: dict[str, Any], verb: str, wait: bool, timeout_s: int, output: Output) -> None:
    """Reports a new version, and with ``--wait`` its rollout."""
    from .rollout import receipt, settled, wait_for

    rollout = wait_for(client, made["version"], timeout_s) if wait else None
    if wants_json(output):
        out.show_json(made if rollout is None else {**made, "rollout": rollout})
        if rollout is not None and not settled(rollout):
            raise typer.Exit(REFUSED)
        return
    out.say(f"version {made['version']} {verb}")
    if rollout is not None:
        receipt(rollout, each=True)


def _token(token: str | None, token_file: Path | None) -> str | None:
    if token is not None and token_file is not None:
        raise Failure("--token and --token-file exclude each other: give one of them.", USAGE)
    if token_file is not None:
        try:
            return token_file.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a token"
            raise Failure(f"--token-file {token_file}: {reason}.", USAGE) from None
    return sys.stdin.read(MAX_TOKEN_BYTES).strip() if token == "-" else token


def _headers(lines: list[str]) -> dict[str, str]:
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Failure(f"--header {line!r}: should be 'Name: value'.", USAGE)
        if name.strip() in headers:
            raise Failure(f"--header {name.strip()} twice: sidecar explain takes both, control one.", USAGE)
        headers[name.strip()] = value.strip()
    return headers
