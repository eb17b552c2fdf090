"""The parts of the status page about a version on its way: the canary, and who blocks a push and why."""

from collections.abc import Sequence

from control.api.fleet import Sidecar
from control.rollout.judge import Tally
from control.rollout.watch import Report

from . import pages
from .pages import Html

_WHOSE = {"stable": "the others", "before": "before it"}


def canary(report: Report) -> tuple[Html, ...]:
    """Who tries it, and their numbers against the others'."""
    running, verdict = report.canary, report.verdict
    return (
        pages.heading(f"Canary of version {running.since}, on {running.share / 100:g}%"),
        Html(f"<p>{pages.escaped(verdict.sentence)}</p>"),
        pages.table(
            ("Tried by", "State", "Version"),
            [
                (
                    f"{one.service}/{one.instance}",
                    one.state if one.state == "acked" else pages.bad(f"{one.state}: {one.reason}".rstrip(": ")),
                    one.version or "",
                )
                for one in report.members
            ],
            "Nobody who tries it is connected.",
        ),
        pages.table(
            ("Service", "Whose", "Requests", "Denied", "Failed"),
            [
                row
                for one in report.comparisons
                for row in (
                    (one.service, "canary", *_rates(one.candidate)),
                    (one.service, _WHOSE[one.against], *_rates(one.others)),
                )
            ],
            "Nothing has been reported yet.",
        ),
    )


def blocking(sidecars: Sequence[Sidecar]) -> tuple[Html, ...]:
    """Who has not what it should have: why, and what it can do. Nothing, if nobody."""
    found = [one for one in sidecars if one.state in ("nacked", "pending")]
    if not found:
        return ()
    return (
        pages.heading("Not in force on"),
        pages.table(
            ("Sidecar", "Should run", "Runs", "Why", "Agent", "Protocol", "Capabilities"),
            [
                (
                    f"{one.service}/{one.instance}",
                    one.desired,
                    one.version or "",
                    pages.bad(one.reason or "has not answered"),
                    one.agent,
                    one.protocol,
                    ", ".join(one.capabilities),
                )
                for one in found
            ],
            "",
        ),
    )


def _rates(tally: Tally) -> tuple[str, str, str]:
    return f"{tally.requests:.0f}", _share(tally.denied, tally.requests), _share(tally.failed, tally.requests)


def _share(part: float, whole: float) -> str:
    return f"{part:.0f} ({100 * part / whole:.1f}%)" if whole else ""
