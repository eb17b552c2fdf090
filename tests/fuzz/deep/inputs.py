"""Bytes as an engine makes them, as bytes that a peer might send.

A byte that changes changes a word, not a letter: most of what is sent should nearly be HTTP. Any bytes are an input.
"""

import itertools
from collections.abc import Iterator, Sequence

PIECES = (
    b"\r\n", b"GET ", b"POST ", b"HEAD ", b"OPTIONS ", b"PRI ", b"/", b"/a", b"*", b"http://h/", b"%2e", b"%2F",
    b"..", b"?", b"#", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/2.0\r\n", b"Host: h\r\n", b"Host: ",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: ", b"Connection: close\r\n", b"Connection: ", b"Expect: 100-continue\r\n",
    b"Upgrade: x\r\n", b"Connection: upgrade\r\n", b"TE: trailers\r\n", b"Trailer: a\r\n",
    b"X-Auth-Subject: boss\r\n", b"X_Auth.Subject: b\r\n", b"Cookie: a=b\r\n", b"A: b\r\n", b"A", b": ", b":", b",",
    b";", b" ", b"\t", b"\n", b"\r", b"\0", b"\xff", b"\x7f", b"\x0b", b"+", b"-", b"0", b"5", b"5\r\n", b"hello",
    b"hello\r\n", b"0\r\n\r\n", b"0\r\n", b"a=b", b"f" * 17, b"0005", b"chunked", b"gzip", b"identity", b"h",
    b"GET / HTTP/1.1\r\nHost: h\r\n", b"POST / HTTP/1.1\r\nHost: h\r\n", b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 OK\r\n",
    b"204 No Content\r\n", b"304 Not Modified\r\n", b"100 Continue\r\n", b"103 Early Hints\r\n",
    b"101 Switching Protocols\r\n", b"404 \r\n", b"Set-Cookie: a\r\n", b"\r\n\r\n", b"x" * 300,
)  # fmt: skip
LITERAL = 0xFF
"""This byte of an input says that the next one is sent as it is."""
MOST_CUTS = 8


def encode(cuts: Sequence[int], *pieces: bytes) -> bytes:
    """An input that decodes to these; a piece that is none is spelled out."""
    encoded = bytearray([len(cuts)])
    for cut in cuts:
        encoded += cut.to_bytes(2, "big")
    for piece in pieces:
        encoded += bytes([PIECES.index(piece)]) if piece in PIECES else b"".join(bytes((LITERAL, b)) for b in piece)
    return bytes(encoded)


def decode(data: bytes) -> tuple[bytes, list[int]]:
    """What is sent, and where it is cut."""
    count = data[0] % (MOST_CUTS + 1) if data else 0
    cuts = [int.from_bytes(data[at : at + 2], "big") for at in range(1, 1 + 2 * count, 2)]
    sent, coming = bytearray(), iter(data[1 + 2 * count :])
    for byte in coming:
        sent += bytes((next(coming, 0),)) if byte == LITERAL else PIECES[byte % len(PIECES)]
    return bytes(sent), cuts


def pieces(sent: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    """``sent``, cut; no piece is empty."""
    edges = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
    return (sent[start:end] for start, end in itertools.pairwise(edges))
