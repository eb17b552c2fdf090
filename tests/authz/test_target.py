"""What a path becomes: every row of docs/paths.md, and what must hold for all."""

import re
from pathlib import Path

import pytest

from sidecar.authn.rejection import Rejection
from sidecar.authz.pattern import compile_pattern
from sidecar.authz.target import MAX_SEGMENTS, Target, normalise

DOC = (Path(__file__).parents[2] / "docs" / "paths.md").read_text(encoding="utf-8")


def _rows(title: str) -> list[list[list[str]]]:
    """The table under a heading: for each row, for each cell, its code spans (or its bare word)."""
    section = DOC.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [[re.findall(r"`([^`]*)`", cell) or ([cell] if cell else []) for cell in row] for row in cells]


PATHS = [(row[0][0].strip("`"), row[1][0], row[2]) for row in _rows("Paths")]
KEPT = [(row[0][0], row[1][0], row[2]) for row in _rows("Kept slashes")]
PATTERNS = [(row[0][0], row[1], row[2]) for row in _rows("Patterns")]


def test_the_tables_are_there() -> None:
    """A table that could not be read would pass every test."""
    assert len(PATHS) > 75
    assert len(PATTERNS) > 10
    assert len(KEPT) > 10


@pytest.mark.parametrize(("target", "forwarded", "segments"), PATHS, ids=[row[0] or "empty" for row in PATHS])
def test_paths(target: str, forwarded: str, segments: list[str]) -> None:
    """A row of the table of paths; and normalising again changes nothing."""
    found = normalise(target.encode())
    if isinstance(found, Rejection):
        assert found.reason == forwarded
    else:
        assert found.forward() == forwarded.encode()
        assert found.segments == tuple(segments)
        assert normalise(found.forward()) == found


@pytest.mark.parametrize(("target", "forwarded", "segments"), KEPT, ids=[row[0] for row in KEPT])
def test_kept_slashes(target: str, forwarded: str, segments: list[str]) -> None:
    """A row of the table of kept slashes; where none is kept, every row with one is refused."""
    found = normalise(target.encode(), keep_slashes=True)
    if isinstance(found, Rejection):
        assert found.reason == forwarded
    else:
        assert found.forward() == forwarded.encode()
        assert found.segments == tuple(segments)
    assert isinstance(normalise(target.encode()), Rejection)


@pytest.mark.parametrize(("pattern", "yes", "no"), PATTERNS, ids=[row[0] for row in PATTERNS])
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    """A row of the table of patterns."""
    compiled = compile_pattern(pattern)
    for path, expected in [*((path, True) for path in yes), *((path, False) for path in no)]:
        found = normalise(path.encode())
        assert isinstance(found, Target)
        assert compiled.matches(found.segments) is expected, path


@pytest.mark.parametrize("byte", [*range(0x21), 0x5C, 0x23, *range(0x7F, 0x100)])
def test_a_raw_byte_that_is_not_visible_ascii_is_refused(byte: int) -> None:
    """Control characters, space, backslash, '#', DEL and everything beyond ASCII, in path and query."""
    assert isinstance(normalise(b"/a" + bytes((byte,)) + b"b"), Rejection)
    if byte != 0x5C:
        assert isinstance(normalise(b"/a?" + bytes((byte,)) + b"b"), Rejection)


def test_the_number_of_segments_is_bounded() -> None:
    """So that a path costs little to read, however long it may be; the query does not count."""
    assert isinstance(normalise(b"/a" * MAX_SEGMENTS + b"?" + b"/" * 999), Target)
    assert isinstance(normalise(b"/a" * (MAX_SEGMENTS + 1)), Rejection)
    assert compile_pattern("/a" * MAX_SEGMENTS).matches(("a",) * MAX_SEGMENTS)
    with pytest.raises(ValueError, match="never has"):
        compile_pattern("/a" * (MAX_SEGMENTS + 1))
