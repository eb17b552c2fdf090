"""The ``sidecar`` command: ``run``, ``check``, ``explain``. Words and exit codes, nothing else.

Exit codes: 0 as asked; 1 it could not begin or go on, or had to cut exchanges (or ``explain`` found a refusal); 2 the
settings, the snapshot or the command line cannot be used.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .authz.evaluator import Evaluator, RequestFacts
from .contract.reasons import status_of
from .contract.snapshot import Snapshot
from .contract.strict import ContractError
from .settings import SETTINGS, Settings, add_flags, load
from .snapshots import SnapshotError, has_joined, read_last_good, read_snapshot_file
from .spelling import SettingsError

USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script. Returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        settings = load(vars(options), os.environ)
        match options.verb:
            case "run":
                return _run(settings)
            case "check":
                return _check(settings)
            case _:
                return _explain(settings, options)
    except (SettingsError, SnapshotError) as error:
        print(f"sidecar: {error}", file=sys.stderr)
    return USAGE


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = argparse.ArgumentParser(prog="sidecar", description="Verifies and authorises every request to one service.")
    whole.add_argument("--version", action="version", version=f"sidegate {__version__}")
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="run|check|explain")
    add_flags(verbs.add_parser("run", help="stand beside the service and enforce", allow_abbrev=False))
    add_flags(verbs.add_parser("check", help="are the settings and the snapshot usable?", allow_abbrev=False))
    explain = verbs.add_parser("explain", help="one decision, step by step", allow_abbrev=False)
    explain.add_argument("method")
    explain.add_argument("path")
    explain.add_argument("--token", help="the bearer token; - reads it from standard input")
    explain.add_argument(
        "--header", action="append", default=[], metavar="'K: V'", help="a request header (repeatable)"
    )
    add_flags(explain)
    return whole


def _run(settings: Settings) -> int:
    # trio and the proxy load only when they are needed
    if settings.workers > 1:
        from .workers.parent import run as run_workers

        return run_workers(settings)
    from .app import run

    return run(settings)


def _snapshot_in_use(settings: Settings) -> tuple[Snapshot, Path] | None:
    """The snapshot that a sidecar with these settings would enforce now, and where it was read."""
    if settings.snapshot is not None:
        return read_snapshot_file(settings.snapshot, settings.service), settings.snapshot
    return read_last_good(settings.state_dir, settings.service)


def _check(settings: Settings) -> int:
    from .certificate import load as load_certificate
    from .proxy.gate import Gate

    found = _snapshot_in_use(settings)
    if found is not None:
        try:
            Gate().use(found[0])
        except ContractError as error:
            raise SnapshotError(f"{found[1]}: {error}") from error
    joined = settings.snapshot is not None or has_joined(settings.state_dir)
    if settings.unread_token and not joined:
        raise SettingsError(f"{settings.unread_token}; it is needed, because this sidecar has not joined yet")
    if settings.join_token is None and not joined:
        raise SettingsError("this sidecar has not joined yet: give it a join token (join_token or join_token_file)")
    if settings.tls_cert is not None and settings.tls_key is not None:
        load_certificate(settings.tls_cert, settings.tls_key)
    for row in SETTINGS:
        text, where = settings.said.get(row.name, (row.default, "default"))
        if row.secret and row.name in settings.said:
            text = "(not shown)"
        if row.name in settings.said or row.default:
            print(f"{row.name:20} {text:30} {where}")
    if settings.unread_token:
        print(f"note: {settings.unread_token}; not needed, this sidecar has joined before")
    if found is None:
        print("no snapshot yet; control pushes one (until then every request is 503)")
        return 0
    snapshot, path = found
    print(f"snapshot version {snapshot.version}, {len(snapshot.routes)} routes, from {path}")
    return 0


def _explain(settings: Settings, options: argparse.Namespace) -> int:
    found = _snapshot_in_use(settings)
    if found is None:
        raise SnapshotError(f"there is no snapshot in {settings.state_dir} yet: nothing to explain with")
    headers = [_header(text) for text in options.header]
    if options.token:
        token = sys.stdin.buffer.readline().strip() if options.token == "-" else os.fsencode(options.token)
        headers.append((b"authorization", b"Bearer " + token))
    steps: list[str] = []
    request = RequestFacts(options.method.upper(), os.fsencode(options.path), headers)
    try:
        decision = Evaluator(found[0]).evaluate(request, time.time(), steps)
    except ContractError as error:
        raise SnapshotError(f"{found[1]}: {error}") from error
    print(f"snapshot {found[0].version} of {found[0].service}, from {found[1]}")
    for number, step in enumerate(steps, 1):
        print(f"{number:2}. {step}")
    if decision.allowed:
        print("=> allowed")
        return 0
    print(f"=> {status_of(decision.reason)} {decision.reason}: {decision.detail}")
    return 1


def _header(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise SettingsError(f"--header {text!r}: should be 'Name: value'")
    return os.fsencode(name.strip().lower()), os.fsencode(value.strip())


if __name__ == "__main__":
    sys.exit(main())
