"""One control that really runs, with something of each kind in it, and schemathesis before it."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from control.testing.processes import BIN, Processes

OPERATOR = "operator-credential-of-the-tests-0001"
READY = r"control ready: http (\S+)\s+push (\S+)"
POLICY = """
trust_domain: shop.test
issuers:
  own: {builtin: true}
services:
  orders: {routes: [{path: /public/**, access: public}, {path: /**}]}
"""
LEFT_OUT = "positive_data_acceptance,ignored_auth"
"""A policy that is no YAML fits its schema, as does a name that is taken; and who shows wrong credentials for minutes
gets 429, as is right (``test_gate`` and ``test_operators`` ask each endpoint without one)."""

ENDLESS = "/v1/events"
"""A stream has no end that could be waited for; it has tests of its own."""


def run(folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """What schemathesis says of a fresh control; its exit code is 0 only if nothing was found."""
    with Processes(folder) as processes:
        command = [str(BIN / "control"), "serve", "--http", "127.0.0.1:0", "--push", "127.0.0.1:0"]
        ready = processes.start(
            "control", [*command, "--data", str(folder / "data")], READY, {"CONTROL_TOKEN": OPERATOR}
        )
        _fill(ready[1])
        return subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{ready[1]}/v1/openapi.json"),
                *("--header", f"Authorization: Bearer {OPERATOR}", "--checks", "all"),
                *(
                    "--exclude-checks",
                    LEFT_OUT,
                    "--exclude-path",
                    ENDLESS,
                    "--no-color",
                    "--warnings",
                    "off",
                    *arguments,
                ),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )


def _fill(url: str) -> None:
    """So that what is asked for by name is there."""
    with httpx.Client(base_url=url + "/v1", headers={"Authorization": f"Bearer {OPERATOR}"}) as http:
        for path, body in (
            ("/policy", {"source": POLICY}),
            ("/apps", {"name": "web"}),
            ("/users", {"username": "ann"}),
            ("/scopes", {"name": "see", "description": "See it"}),
            ("/api-keys", {"subject": "ci", "name": "build"}),
            ("/join-tokens", {"service": "orders"}),
            ("/operators", {"name": "ann", "role": "viewer"}),
            ("/revocations", {"by": "subject", "value": "ann"}),
        ):
            http.post(path, json=body).raise_for_status()
