"""No case is lost: each of the 48 has a test that begins with its number."""

import re
from pathlib import Path

CASES = 48


def test_every_case_is_covered() -> None:
    """And no other."""
    found = {
        int(number)
        for file in Path(__file__).parent.glob("test_*.py")
        for number in re.findall(r"^(?:async )?def test_(\d\d)_", file.read_text(), re.MULTILINE)
    }
    assert found == set(range(1, CASES + 1))


def test_every_footgun_has_its_test() -> None:
    """By its letter; two are cases themselves."""
    tests = (Path(__file__).parent / "test_footguns.py").read_text()
    assert {*re.findall(r"^def test_([a-z])_", tests, re.MULTILINE)} | {"a", "e"} == {*"abcdefghijklmnopqr"}
