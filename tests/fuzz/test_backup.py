"""A backup's reader reads hostile bytes: what is written is read again, and anything else is a sentence."""

import io
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from control.store.backup_file import KINDS, BadBackup, Header, Table, Writer, read

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OF_KIND: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXT,
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "bytes": st.binary(max_size=30),
    "json": JSON.filter(lambda value: value is not None),
}


@st.composite
def tables(draw: st.DrawFn) -> list[tuple[Table, list[tuple[Any, ...]]]]:
    """Tables and their rows."""
    made = []
    for name in draw(st.lists(TEXT, unique=True, max_size=4)):
        columns = draw(st.dictionaries(TEXT, st.sampled_from(KINDS), min_size=1, max_size=4))
        row = st.tuples(*(st.none() | OF_KIND[kind] for kind in columns.values()))
        made.append((Table(name, columns), draw(st.lists(row, max_size=4))))
    return made


def written(found: list[tuple[Table, list[tuple[Any, ...]]]]) -> bytes:
    """As a backup."""
    out = io.BytesIO()
    writer = Writer(out, Header("0001", 7, {"version": 3}))
    for table, rows in found:
        writer.table(table)
        for row in rows:
            writer.row(row)
    writer.end()
    return out.getvalue()


@given(tables())
@settings(max_examples=60)
def test_what_is_written_is_read_again(found: list[tuple[Table, list[tuple[Any, ...]]]]) -> None:
    """Every kind of value, to the letter."""
    parts = [Header("0001", 7, {"version": 3}), *(part for table, rows in found for part in (table, *rows))]
    assert list(read(io.BytesIO(written(found)))) == parts


@given(tables(), st.data())
@settings(max_examples=150)
def test_what_was_changed_is_refused(found: list[tuple[Table, list[tuple[Any, ...]]]], data: st.DataObject) -> None:
    """A byte that is another, a line that is gone, moved or doubled, an end that is missing."""
    whole = written(found)
    lines = whole.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(whole) - 1))
    line = data.draw(st.integers(0, len(lines) - 1))
    change = data.draw(st.integers(1, 255))
    for bad in (
        whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :],
        whole[:place],
        whole[:place] + whole[place + 1 :],
        b"".join(lines[:line] + lines[line + 1 :]),
        b"".join(lines[: line + 1] + lines[line:]),
    ):
        try:
            list(read(io.BytesIO(bad)))
        except BadBackup:
            continue
        raise AssertionError(bad)


@given(st.binary(max_size=300) | st.builds(lambda parts: b"\n".join(parts), st.lists(st.binary(max_size=60))))
@settings(max_examples=150)
def test_any_bytes(noise: bytes) -> None:
    """They are no backup, alone or after a good beginning."""
    for bad in (noise, written([])[:-1] + noise, written([]).splitlines(keepends=True)[0] + noise):
        try:
            list(read(io.BytesIO(bad)))
        except BadBackup:
            continue
        assert bad == written([])


@given(st.sampled_from(["[" * 100_000, "9" * 5000, '{"a":1,"a":2}', '"\\ud800"', "NaN", "1e999", "[1.0e5]", " 1"]))
def test_lines_that_hurt_readers(line: str) -> None:
    """Depth, length, doubled keys, half characters, no numbers: each is refused, and nothing runs away."""
    beginning = b"".join(written([(Table("t", {"a": "json"}), [])]).splitlines(keepends=True)[:2])
    for bad in (line, f"[{line}]"):
        try:
            list(read(io.BytesIO(beginning + bad.encode() + b"\n")))
        except BadBackup:
            continue
        raise AssertionError(line)
