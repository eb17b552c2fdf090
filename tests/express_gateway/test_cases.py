"""No case is lost: each has a test that begins with its number, or stands in the list of those not covered."""

import re
from pathlib import Path

from tests import express_gateway

CASES = 48


def test_every_case_is_covered_or_listed() -> None:
    """And none is both."""
    folder = Path(__file__).parent
    covered = {
        int(number)
        for file in folder.glob("test_*.py")
        for number in re.findall(r"^(?:async )?def test_(\d\d)_", file.read_text(), re.MULTILINE)
    }
    assert express_gateway.__doc__ is not None
    listed = {int(number) for number in re.findall(r"(\d\d)\s\(", express_gateway.__doc__.partition("Not covered")[2])}
    assert covered | listed == set(range(1, CASES + 1))
    assert not covered & listed


def test_every_footgun_has_its_test() -> None:
    """By its letter; two are cases themselves."""
    tests = (Path(__file__).parent / "test_footguns.py").read_text()
    assert {*re.findall(r"^def test_([a-z])_", tests, re.MULTILINE)} | {"a", "e"} == {*"abcdefghijklmnopqr"}
