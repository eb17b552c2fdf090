"""What several workers say, as one answer: the reports of /ready, and the expositions of /metrics."""

import re
from collections.abc import Mapping
from typing import Any

_SAMPLE = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})? (\S+)")


def one_report(reports: Mapping[int, dict[str, Any] | None], service: str, *, draining: bool) -> dict[str, Any]:
    """Ready when a worker runs and every one that runs is ready. On top stands what the one says that is worst off;
    ``workers`` has them all. A report of None: that worker did not answer."""
    known = [report for report in reports.values() if report is not None]
    ready = bool(reports) and len(known) == len(reports) and all(report["ready"] for report in known)
    worst = min(known, key=_standing, default={"service": service})
    each = [
        {"worker": number, **(report or {"ready": False, "last_error": "no answer"})}
        for number, report in sorted(reports.items())
    ]
    return {**worst, "ready": ready and not draining, "draining": draining, "workers": each}


def _standing(report: Mapping[str, Any]) -> tuple[bool, bool, int, float]:
    """The lower, the worse off."""
    return (
        report["ready"],
        not report.get("certificate_error"),
        report["version"] or 0,
        report.get("certificate_expires_in_s") or 0,
    )


def one_exposition(texts: Mapping[int, str]) -> str:
    """One exposition of several: every sample says its ``worker``, every family stands together once, as the text
    format wants it. Nothing is added up, because a version or an age is no sum."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for number, text in sorted(texts.items()):
        family = ""
        for line in text.splitlines():
            if line.startswith("#"):
                family = line.split(" ")[2]
                samples.setdefault(family, [])
                if line not in heads.setdefault(family, []):
                    heads[family].append(line)
            elif found := _SAMPLE.fullmatch(line):
                labels = f'worker="{number}"' + (f",{found[2]}" if found[2] else "")
                samples[family].append(f"{found[1]}{{{labels}}} {found[3]}")
    lines = [line for family in heads for line in (*heads[family], *samples[family])]
    return "\n".join(lines) + "\n" if lines else ""
