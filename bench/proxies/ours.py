"""The sidecar as a target, run as a user runs it: access log (to a file) and metrics are on."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from control.testing.processes import BIN
from sidecar.contract.snapshot import RateLimit, Requirement, Route, Snapshot, encode

from . import programs
from .scenarios import Scenario, Setup
from .targets import Ground

ANYTHING = Route("/**")
POLICIES: Mapping[str, tuple[Route, ...]] = {
    "plain": (ANYTHING,),
    "routes-1000": (*(Route(f"/r{number}/{{id}}", methods=("GET",)) for number in range(999)), ANYTHING),
    "everything": (
        Route(
            "/**",
            methods=("GET", "POST"),
            require=Requirement(scopes=("orders:read",), when='principal.subject.startsWith("user-")'),
            rate_limits=(RateLimit(1_000_000, 1, 1_000_000),),
        ),
    ),
}


class Ours:
    """``program``: this checkout's, or another's, to be measured beside it. ``flags``: more settings."""

    def __init__(self, name: str = "ours", program: Path = BIN / "sidecar", flags: Sequence[str] = ()) -> None:
        self.name, self._program, self._flags = name, program, flags

    def fits(self, scenario: Scenario) -> bool:  # noqa: ARG002  # a Target's
        """Everything."""
        return True

    def command(self, setup: Setup, ground: Ground) -> Sequence[str]:
        """Enforces a snapshot file."""
        snapshot, keys = ground.folder / "snapshot", ground.keys
        routes = POLICIES[setup.policy]
        snapshot.write_bytes(
            encode(Snapshot("shop.test", "orders", 1, int(time.time()), issuers=(keys.issuer,), routes=routes))
        )
        certificate = ("--tls-cert", f"{keys.folder}/tls.crt", "--tls-key", f"{keys.folder}/tls.key")
        return [
            *(str(self._program), "run", "--snapshot", str(snapshot), "--workers", str(setup.workers)),
            *("--upstream", f"http://127.0.0.1:{ground.upstream_port}", "--listen", f"127.0.0.1:{ground.port}"),
            *("--admin", "127.0.0.1:0", *(certificate if setup.tls else ()), *self._flags),
        ]

    def version(self) -> str:
        """With the interpreter's, where it is this one."""
        own = f", Python {sys.version.split()[0]}" if self._program.parent == BIN else ""
        return programs.version(str(self._program), "--version") + own
