"""Hostile responses: what a service sends after a request, and what of it the caller gets."""

from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\n"
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
_CL, _TE = b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n"
_END = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Response:
    """``passed``: the caller's bytes, None if it is told 502. ``whole``: it can take them for a whole response.
    ``ends``: the service closes after it. ``reused``: the next request goes over the same connection."""

    sent: bytes
    passed: bytes | None = None
    method: str = "GET"
    whole: bool = True
    ends: bool = False
    reused: bool = False
    in_body: bool = False
    """The fault may show only when the head has been passed on; then the caller is cut off."""


def _with(*lines: bytes, body: bytes = b"ok") -> bytes:
    return OK + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def _start(line: bytes) -> bytes:
    return line + b"\r\n" + _CL + b"\r\nok"


_HEADS = {
    "no status line": b"hello\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>\r\n\r\n",
    "empty line first": b"\r\n" + _with(b"Content-Length: 2"),
    "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/2.0": _start(b"HTTP/2.0 200 OK"),
    "HTTP/1.2": _start(b"HTTP/1.2 200 OK"),
    "HTTP/0.9 spelled out": _start(b"HTTP/0.9 200 OK"),
    "HTTP/1.10": _start(b"HTTP/1.10 200 OK"),
    "HTTP/11": _start(b"HTTP/11 200 OK"),
    "version in lower case": _start(b"http/1.1 200 OK"),
    "ICY": _start(b"ICY 200 OK"),
    "leading space": _start(b" HTTP/1.1 200 OK"),
    "two spaces": _start(b"HTTP/1.1  200 OK"),
    "tab": _start(b"HTTP/1.1\t200 OK"),
    "no status": _start(b"HTTP/1.1 OK"),
    "status of two digits": _start(b"HTTP/1.1 20 OK"),
    "status of four digits": _start(b"HTTP/1.1 2000 OK"),
    "status 000": _start(b"HTTP/1.1 000 OK"),
    "status 099": _start(b"HTTP/1.1 099 OK"),
    "status with a sign": _start(b"HTTP/1.1 +200 OK"),
    "status in hexadecimal": _start(b"HTTP/1.1 0xC8 OK"),
    "status with a fraction": _start(b"HTTP/1.1 200.1 OK"),
    "status in fullwidth digits": _start("HTTP/1.1 \uff12\uff10\uff10 OK".encode()),
    "status glued to its phrase": _start(b"HTTP/1.1 200OK"),
    "NUL in the phrase": _start(b"HTTP/1.1 200 O\0K"),
    "CR in the phrase": _start(b"HTTP/1.1 200 O\rK"),
    "LF in the phrase": _start(b"HTTP/1.1 200 OK\nSet-Cookie: a=b"),
    "escape in the phrase": _start(b"HTTP/1.1 200 \x1b[2J"),
    "LF alone": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok\r\n\r\n",
    "CR alone": b"HTTP/1.1 200 OK\rContent-Length: 2\r\rok\r\n\r\n",
    "split by CR": _with(b"A: b\rSet-Cookie: a=b", b"Content-Length: 2"),
    "split by LF": _with(b"A: b\nSet-Cookie: a=b", b"Content-Length: 2"),
    "split by LF LF": _with(b"Location: /\n\nHTTP/1.1 200 OK\nContent-Length: 4\n\nevil", b"Content-Length: 2"),
    "CR CR LF": _with(b"A: b\r", b"Content-Length: 2"),
    "NUL in a value": _with(b"A: b\0", b"Content-Length: 2"),
    "NUL in a name": _with(b"A\0: b", b"Content-Length: 2"),
    "vertical tab in a value": _with(b"A: b\x0bc", b"Content-Length: 2"),
    "DEL in a value": _with(b"A: b\x7f", b"Content-Length: 2"),
    "fold": _with(b"A: b", b" c", b"Content-Length: 2"),
    "fold with a tab": _with(b"A: b", b"\tc", b"Content-Length: 2"),
    "fold of a length": _with(b"Content-Length:", b" 2"),
    "fold first": _with(b" Content-Length: 2"),
    "space before colon": _with(b"Content-Length : 2"),
    "space before colon of a coding": _with(b"Transfer-Encoding : chunked", body=_END),
    "no colon": _with(b"Content-Length 2"),
    "empty name": _with(b": 2", b"Content-Length: 2"),
    "name beyond ASCII": _with(b"A\xff: b", b"Content-Length: 2"),
    "space in a name": _with(b"Set Cookie: a", b"Content-Length: 2"),
    "CL and TE": _with(b"Content-Length: 2", b"Transfer-Encoding: chunked", body=_END),
    "TE and CL": _with(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=_END),
    "CL and TE identity": _with(b"Content-Length: 2", b"Transfer-Encoding: identity"),
    "two CLs": _with(b"Content-Length: 2", b"Content-Length: 4"),
    "two CLs alike": _with(b"Content-Length: 2", b"Content-Length: 2"),
    "CL list": _with(b"Content-Length: 2, 2"),
    "CL list of two": _with(b"Content-Length: 2, 4"),
    "CL with a plus": _with(b"Content-Length: +2"),
    "CL negative": _with(b"Content-Length: -2"),
    "CL hexadecimal": _with(b"Content-Length: 0x2"),
    "CL empty": _with(b"Content-Length:"),
    "CL endless": _with(b"Content-Length: " + b"9" * 30),
    "CL in Arabic digits": _with("Content-Length: \u0662".encode()),
    "TE gzip": _with(b"Transfer-Encoding: gzip"),
    "TE gzip, chunked": _with(b"Transfer-Encoding: gzip, chunked", body=_END),
    "TE chunked twice": _with(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=_END),
    "TE chunked, chunked": _with(b"Transfer-Encoding: chunked, chunked", body=_END),
    "TE chunked, identity": _with(b"Transfer-Encoding: chunked, identity", body=_END),
    "TE xchunked": _with(b"Transfer-Encoding: xchunked", body=_END),
    "TE empty": _with(b"Transfer-Encoding:"),
    "TE in quotes": _with(b'Transfer-Encoding: "chunked"', body=_END),
    "TE after a vertical tab": _with(b"Transfer-Encoding: \x0bchunked", body=_END),
    "TE in HTTP/1.0": b"HTTP/1.0 200 OK\r\n" + _TE + b"\r\n" + _END,
    "204 with a length": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    "204 with chunks": b"HTTP/1.1 204 No Content\r\n" + _TE + b"\r\n" + _END,
    "103 with a length": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 4\r\n\r\nevil" + _with(b"Content-Length: 2"),
    "103 with chunks": b"HTTP/1.1 103 Early Hints\r\n" + _TE + b"\r\n" + _END,
    "101 unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + EVIL,
    "101 without Upgrade": b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + EVIL,
    "103s without end": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40 + EVIL,
    "100s without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 40 + EVIL,
    "101 fields": _with(*[b"A: b"] * 101, b"Content-Length: 2"),
    "a field over the limit": _with(b"A: " + b"b" * 65_536, b"Content-Length: 2"),
    "a head without end": OK + b"A: b\r\n" * 20_000,
}
_ENDING_HEADS = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 2",
    "half a head": OK + b"Content-Le",
    "a head without its last line": OK + _CL,
    "only a 103": b"HTTP/1.1 103 Early Hints\r\n"[:-2],
}
_CHUNKS = {
    "no size": b"\r\nok\r\n" + _END,
    "junk": b"xyz\r\nok\r\n" + _END,
    "plus": b"+2\r\nok\r\n" + _END,
    "0x": b"0x2\r\nok\r\n" + _END,
    "space first": b" 2\r\nok\r\n" + _END,
    "space last": b"2 \r\nok\r\n" + _END,
    "17 digits": b"f" * 17 + b"\r\nok",
    "LF after size": b"2\nok\r\n" + _END,
    "LF after data": b"2\r\nok\n" + _END,
    "CR after data": b"2\r\nok\r" + _END,
    "data over its size": b"2\r\nokay\r\n" + _END,
    "LF in an extension": b"2;\nxx\r\nok\r\n" + _END,
    "CR in an extension": b"2;\rxx\r\nok\r\n" + _END,
    "NUL in an extension": b"2;\0\r\nok\r\n" + _END,
    "a response for a size": EVIL,
    "a response for trailers": b"0\r\n" + EVIL,
    "LF ends the body": b"2\r\nok\r\n0\n\n",
    "a folded trailer": b"2\r\nok\r\n0\r\nA: b\r\n c\r\n\r\n",
    "a trailer split by CR": b"2\r\nok\r\n0\r\nA: b\rC: d\r\n\r\n",
    "a trailer with a space before its colon": b"2\r\nok\r\n0\r\nA : b\r\n\r\n",
    "a length in the trailers": b"2\r\nok\r\n0\r\nContent-Length: 4\r\n\r\nevil",
    "33 trailers": b"2\r\nok\r\n0\r\n" + b"A: b\r\n" * 33 + b"\r\n",
    "endless extension": b"2;" + b"a" * 2000,
}


def _said(fields: bytes, body: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n" + body


_SIZED, _CHUNKED = b"content-length: 2\r\n", b"transfer-encoding: chunked\r\n"
_OK = _said(_SIZED, b"ok")
_HEAD_EVIL = OK + b"Content-Length: 4\r\n\r\n"
_LIKE_A_HEAD = _said(b"content-length: 4\r\n")

RESPONSES: dict[str, Response] = {
    **{name: Response(sent) for name, sent in _HEADS.items()},
    **{f"cut short: {name}": Response(sent, ends=True) for name, sent in _ENDING_HEADS.items()},
    **{f"chunks: {name}": Response(_with(_TE[:-2], body=body), in_body=True) for name, body in _CHUNKS.items()},
    "sound": Response(_with(b"Content-Length: 2"), _OK, reused=True),
    "sound, then another": Response(_with(b"Content-Length: 2") + EVIL, _OK),
    "sound, then one byte": Response(_with(b"Content-Length: 2", body=b"ok!"), _OK),
    "sound, then a CRLF": Response(_with(b"Content-Length: 2", body=b"ok\r\n"), _OK),
    "sound, then a 408": Response(_with(b"Content-Length: 2") + b"HTTP/1.1 408 Request Timeout\r\n\r\n", _OK),
    "sound, then a 103": Response(_with(b"Content-Length: 2") + b"HTTP/1.1 103 Early Hints\r\n\r\n", _OK),
    "sound, then the end": Response(_with(b"Content-Length: 2"), _OK, ends=True),
    "empty, then another": Response(_with(b"Content-Length: 0", body=EVIL), _said(b"content-length: 0\r\n")),
    "close and more": Response(_with(b"Connection: close", b"Content-Length: 2") + EVIL, _OK),
    "close in capitals": Response(_with(b"Connection: x, CLOSE", b"Content-Length: 2"), _OK),
    "chunks, then another": Response(
        _with(_TE[:-2], body=b"2\r\nok\r\n" + _END + EVIL), _said(_CHUNKED, b"2\r\nok\r\n" + _END)
    ),
    "chunks with extensions": Response(
        _with(_TE[:-2], body=b"0002;a=b\r\nok\r\n0;c\r\n\r\n"), _said(_CHUNKED, b"2\r\nok\r\n" + _END), reused=True
    ),
    "chunks with trailers": Response(
        _with(b"Trailer: X-Auth-Subject, Set-Cookie", _TE[:-2], body=b"2\r\nok\r\n0\r\nSet-Cookie: a=b\r\n\r\n"),
        _said(_CHUNKED, b"2\r\nok\r\n" + _END),
        reused=True,
    ),
    "a body short of its length": Response(
        _with(b"Content-Length: 9"), _said(b"content-length: 9\r\n", b"ok"), whole=False, ends=True
    ),
    "a body that never began": Response(
        _with(b"Content-Length: 9", body=b""), _said(b"content-length: 9\r\n"), whole=False, ends=True
    ),
    "chunks cut in a chunk": Response(
        _with(_TE[:-2], body=b"9\r\nok"), _said(_CHUNKED, b"2\r\nok\r\n"), whole=False, ends=True
    ),
    "chunks cut between chunks": Response(
        _with(_TE[:-2], body=b"2\r\nok\r\n"), _said(_CHUNKED, b"2\r\nok\r\n"), whole=False, ends=True
    ),
    "chunks cut in the last": Response(
        _with(_TE[:-2], body=b"2\r\nok\r\n0\r\n"), _said(_CHUNKED, b"2\r\nok\r\n"), whole=False, ends=True
    ),
    "chunks cut in a trailer": Response(
        _with(_TE[:-2], body=b"2\r\nok\r\n0\r\nA: b\r\n"), _said(_CHUNKED, b"2\r\nok\r\n"), whole=False, ends=True
    ),
    "until the end": Response(_with(b"A: b"), _said(b"a: b\r\n" + _CHUNKED, b"2\r\nok\r\n" + _END), ends=True),
    "until the end, HTTP/1.0": Response(
        b"HTTP/1.0 200 OK\r\n\r\nok", _said(_CHUNKED, b"2\r\nok\r\n" + _END), ends=True
    ),
    "a response within a body until the end": Response(
        _with(body=b"") + EVIL, _said(_CHUNKED, b"%x\r\n%b\r\n" % (len(EVIL), EVIL) + _END), ends=True
    ),
    "HTTP/1.0 is not reused": Response(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + _CL + b"\r\nok", _OK),
    "204, then bytes": Response(b"HTTP/1.1 204 No Content\r\n\r\nok", _said(b"", status=b"204 No Content")),
    "204, then another": Response(b"HTTP/1.1 204 No Content\r\n\r\n" + EVIL, _said(b"", status=b"204 No Content")),
    "204 of length 0": Response(
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", _said(b"", status=b"204 No Content"), reused=True
    ),
    "304 with a body": Response(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil",
        _said(b"content-length: 4\r\n", status=b"304 Not Modified"),
    ),
    "304 with chunks": Response(
        b"HTTP/1.1 304 Not Modified\r\n" + _TE + b"\r\n4\r\nevil\r\n" + _END, _said(b"", status=b"304 Not Modified")
    ),
    "304 with a length and no body": Response(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n",
        _said(b"content-length: 4\r\n", status=b"304 Not Modified"),
        reused=True,
    ),
    "HEAD with a body": Response(_HEAD_EVIL + b"evil", _LIKE_A_HEAD, method="HEAD"),
    "HEAD with a response for a body": Response(_HEAD_EVIL + EVIL, _LIKE_A_HEAD, method="HEAD"),
    "HEAD with chunks": Response(_with(_TE[:-2], body=b"2\r\nok\r\n" + _END), _said(b""), method="HEAD"),
    "HEAD without a body": Response(_HEAD_EVIL, _LIKE_A_HEAD, method="HEAD", reused=True),
    "HEAD with CL and TE": Response(
        _with(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b""), method="HEAD"
    ),
    "100 before anybody asked": Response(
        b"HTTP/1.1 100 Continue\r\n\r\n" + _with(b"Content-Length: 2"), _OK, reused=True
    ),
    "103s": Response(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2 + _with(b"Content-Length: 2"),
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 2 + _OK,
        reused=True,
    ),
    "Connection takes its own": Response(
        _with(b"Connection: x-mine", b"X-Mine: a", b"Keep-Alive: timeout=1", b"Content-Length: 2"), _OK, reused=True
    ),
    "Connection: content-length": Response(
        _with(b"Connection: content-length", b"Content-Length: 2"), _OK, reused=True
    ),
    "an upgrade offered": Response(
        _with(b"Connection: upgrade", b"Upgrade: h2c", b"Content-Length: 2"), _OK, reused=True
    ),
    "a cookie of opaque bytes": Response(
        _with(b"Set-Cookie: a=\xff\x80", b"Content-Length: 2"),
        _said(b"set-cookie: a=\xff\x80\r\n" + _SIZED, b"ok"),
        reused=True,
    ),
    "no phrase": Response(_start(b"HTTP/1.1 200 "), _said(_SIZED, b"ok", status=b"200 "), reused=True),
    "no phrase and no space": Response(_start(b"HTTP/1.1 200"), _said(_SIZED, b"ok", status=b"200 "), reused=True),
    "status 999": Response(_start(b"HTTP/1.1 999 Odd"), _said(_SIZED, b"ok", status=b"999 Odd"), reused=True),
}
