"""Each stable word has exactly one HTTP status."""

import re
from pathlib import Path

import pytest

from sidecar.contract.reasons import Reason, status_of


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_status(reason: Reason) -> None:
    """No word is without a status, and none but ``allowed`` is a success."""
    assert (status_of(reason) < 400) == (reason is Reason.ALLOWED)


def test_the_published_table() -> None:
    """docs/proxying.md has every refusal with its status, and no other."""
    page = (Path(__file__).parents[2] / "docs" / "proxying.md").read_text()
    section = page.split("## What a refusal says", 1)[1].split("\n## ", 1)[0]
    rows = [(reason, int(status)) for status, reason in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", section, re.MULTILINE)]
    assert rows == [(reason.value, status_of(reason)) for reason in sorted(Reason, key=status_of)][1:]
