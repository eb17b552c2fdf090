"""Hostile bytes: what is read is what h11 reads in them, what passes the proxy is what would have come without it, and
neither depends on how the bytes arrive. ``make fuzz`` tries the same properties by the million."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.http1.chunked import ChunkedDecoder, encode_chunk

from .deep import __main__ as command
from .deep.engines import by_chance, keeping
from .deep.inputs import MOST_CUTS, PIECES, decode, encode, pieces
from .deep.properties import PROPERTIES

CUTS = st.lists(st.integers(0, 0xFFFF), max_size=MOST_CUTS)
WORDS = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)), max_size=16).map(b"".join)
BEFORE = {
    "request-head": b"GET / HTTP/1.1\r\nHost: h\r\n",
    "response-head": b"HTTP/1.1 200 OK\r\n",
    "chunks": b"5\r\nhello\r\n",
    "downstream": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    "upstream": b"HTTP/1.1 200 OK\r\n",
    "exchange": b"GET / HTTP/1.1\r\nHost: h\r\n",
    "answer": b"HTTP/1.1 200 OK\r\n",
    "tunnel": b"",
}
EXAMPLES = {name: 300 if name in ("request-head", "response-head", "chunks") else 50 for name in PROPERTIES}


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_property_holds_for_any_words(name: str) -> None:
    """Words of HTTP in any order, mostly after a sound beginning."""

    @settings(max_examples=EXAMPLES[name], deadline=None)
    @given(st.sampled_from((BEFORE[name], b"")), WORDS, CUTS)
    def holds(before: bytes, words: bytes, cuts: list[int]) -> None:
        PROPERTIES[name].holds(before + words, cuts)

    holds()


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_property_holds_for_sound_messages_and_nearly_so(name: str, tmp_path: Path) -> None:
    """The seeds of the deep run, and changes of them; always the same ones."""
    by_chance(name, 2 * EXAMPLES[name], 1, tmp_path)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.binary(max_size=8), CUTS)
@settings(deadline=None)
def test_chunks_survive_any_fragmentation(data: list[bytes], rest: bytes, cuts: list[int]) -> None:
    """What was encoded is decoded, wherever it is cut, and what follows is left alone."""
    decoder, buffer, found = ChunkedDecoder(), bytearray(), b""
    for part in pieces(b"".join(map(encode_chunk, data)) + b"0\r\n\r\n" + rest, cuts):
        buffer += part
        found += decoder.decode(buffer)
    assert (found, bytes(buffer), decoder.finished) == (b"".join(data), rest, True)


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)), max_size=8), CUTS)
@settings(deadline=None)
def test_what_is_encoded_is_decoded(words: list[bytes], cuts: list[int]) -> None:
    """A seed is the message that it spells."""
    assert decode(encode(cuts, *words)) == (b"".join(words), cuts)


def test_every_property_has_its_share() -> None:
    """The command knows all of them, and divides all of the inputs."""
    assert list(command.SHARES) == list(PROPERTIES)
    assert sum(command.SHARES.values()) == 100


def test_a_failing_input_is_kept_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file holds the input and says which property it is; the engine stops."""

    def fails(data: bytes) -> None:
        raise AssertionError(data)

    with pytest.raises(AssertionError):
        keeping("chunks", fails, tmp_path)(b"\0\1\2")
    (kept,) = tmp_path.iterdir()
    assert (kept.read_bytes(), kept.name.startswith("chunks-")) == (b"\0\1\2", True)
    assert str(kept) in capsys.readouterr().out
