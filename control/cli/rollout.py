"""``--wait``: until every connected sidecar has answered, who has it, and the receipt."""

import time
from collections.abc import Callable
from typing import Any

from .client import Client
from .failure import Failure
from .output import harmless, hint, say, show_json

LONGEST_POLL_S = 25.0


def wait_for(client: Client, version: int, timeout_s: float) -> dict[str, Any]:
    """The rollout of ``version`` when it is complete, or as it stands after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while True:
        left = max(0.0, deadline - time.monotonic())
        rollout: dict[str, Any] = client.get(f"/versions/{version}/rollout", wait_s=min(left, LONGEST_POLL_S))
        if rollout["complete"] or left <= LONGEST_POLL_S:
            return rollout


def receipt(rollout: dict[str, Any], *, each: bool, tell: Callable[[str], None] = say) -> None:
    """Tells who has it (``each``: one line a sidecar). A Failure if anyone refused it or is missing."""
    acked, nacked, pending = rollout["acked"], rollout["nacked"], rollout["pending"]
    if each:
        for one in acked:
            tell(f"{_name(one)}  acked")
    total = len(acked) + len(nacked) + len(pending)
    took = "" if rollout["elapsed_ms"] is None else f" after {rollout['elapsed_ms']:.0f} ms"
    summary = f"in force on {len(acked)} of {total}{took}"
    if nacked or pending:
        lines = [f"{_name(one)}  refused it: {harmless(one['reason'])}" for one in nacked]
        lines += [f"{_name(one)}  has not answered" for one in pending]
        raise Failure(f"version {rollout['version']} is {summary}.", lines=tuple(lines))
    tell(summary if total else "in force on 0 of 0: no sidecar is connected")
    if rollout["away"]:
        hint(f"{len(rollout['away'])} away: each gets it when it comes back (control status)")


def report(
    client: Client, made: dict[str, Any], sentence: str | None, wait: bool, timeout_s: float, as_json: bool
) -> None:
    """Says what was made (``sentence``, or all of it for programs), and with ``wait`` who has it: on stderr if there is
    no ``sentence``, since a secret stands alone on stdout. A Failure if someone has not."""
    rollout = wait_for(client, made["version"], timeout_s) if wait else None
    if as_json:
        show_json(made if rollout is None else {**made, "rollout": rollout})
    elif sentence is not None:
        say(sentence)
    if rollout is None:
        return
    if as_json:
        if not settled(rollout):
            raise Failure(f"version {made['version']} is not in force everywhere.")
    else:
        receipt(rollout, each=False, tell=hint if sentence is None else say)


def settled(rollout: dict[str, Any]) -> bool:
    """Whether it is in force on every connected sidecar."""
    return not rollout["nacked"] and not rollout["pending"]


def _name(one: dict[str, Any]) -> str:
    return harmless(f"{one['service']}/{one['instance']}")
