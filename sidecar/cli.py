"""The ``sidecar`` command: ``run``, ``check``, ``explain``. Words and exit codes, nothing else.

Exit codes: 0 as asked; 1 it could not begin or go on, or had to cut exchanges (or ``explain`` found a refusal); 2 the
settings, the snapshot or the command line cannot be used.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .authz.evaluator import Evaluator, RequestFacts
from .contract.reasons import status_of
from .contract.snapshot import Snapshot
from .contract.strict import ContractError
from .flags import parse
from .settings import Settings, lacking, load
from .snapshots import SnapshotError, has_joined, read_last_good, read_snapshot_file
from .spelling import SettingsError
from .table import SETTINGS

USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script. Returns the exit code."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        settings = _named(load(vars(options), os.environ))
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


def _named(settings: Settings) -> Settings:
    """A snapshot says whose it is, so that nobody else has to."""
    if settings.service or settings.snapshot is None:
        return settings
    service, said = read_snapshot_file(settings.snapshot).service, dict(settings.said)
    return replace(settings, service=service, said=said | {"service": (service, str(settings.snapshot))})


def _require_all(settings: Settings) -> None:
    """SettingsError that names everything that ``run`` has not been told."""
    joined = settings.snapshot is not None or has_joined(settings.state_dir)
    if missing := lacking(settings, joined=joined):
        raise SettingsError("missing: " + "; ".join(missing))


def _run(settings: Settings) -> int:
    _require_all(settings)
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
    if settings.tls_cert is not None and settings.tls_key is not None:
        load_certificate(settings.tls_cert, settings.tls_key)
    for row in SETTINGS:
        text, where = settings.said.get(row.name, (row.default, "default"))
        if row.secret and row.name in settings.said:
            text = "(not shown)"
        if row.name in settings.said or row.default:
            print(f"{row.name:20} {text:30} {where}")
    if found is not None:
        snapshot, path = found
        print(f"snapshot version {snapshot.version}, {len(snapshot.routes)} routes, from {path}")
    _require_all(settings)
    if settings.unread_token:
        print(f"note: {settings.unread_token}; not needed, this sidecar has joined before")
    if found is None:
        print("no snapshot yet; control pushes one (until then every request is 503)")
    return 0


def _explain(settings: Settings, options: argparse.Namespace) -> int:
    if options.method.startswith("/"):
        raise SettingsError("METHOD comes first: sidecar explain GET /orders/7")
    found = _snapshot_in_use(settings)
    if found is None:
        raise SnapshotError(
            f"there is no snapshot in state_dir {settings.state_dir}: name another with --state-dir DIR, "
            "or with --snapshot FILE a file that control compile wrote"
        )
    headers = [_header(text) for text in options.header]
    if options.token:
        token = sys.stdin.buffer.readline().strip() if options.token == "-" else os.fsencode(options.token)
        scheme = b"ApiKey " if token.startswith(b"sgk_") else b"Bearer "
        headers.append((b"authorization", scheme + token))
    steps: list[str] = []
    host = next((os.fsdecode(value) for name, value in headers if name == b"host"), found[0].service)
    request = RequestFacts(options.method.upper(), os.fsencode(options.path), headers, host, options.address)
    try:
        decision = Evaluator(found[0]).evaluate(request, time.time(), steps, spend=False)
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
