"""Sound messages, and some that are nearly so, for an engine to start from."""

from .inputs import encode

_GET, _POST = b"GET / HTTP/1.1\r\nHost: h\r\n", b"POST / HTTP/1.1\r\nHost: h\r\n"
_END, _CL, _TE = b"\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"
_CHUNKS = (b"5", b";", b"a=b", b"\r\n", b"hello", b"\r\n", b"0", b"\r\n", b"A", b": ", b"5\r\n", b"\r\n")
_GETS = (_GET, b"A: b\r\n", b"Cookie: a=b\r\n", _END)
_ABSOLUTE = (b"GET ", b"http://h/", b"a", b"?", b"a=b", b" HTTP/1.1\r\n", b"Host: ", b"h", b"\r\n", _END)
_OLD = (b"GET ", b"/a", b" HTTP/1.0\r\n", _CL, _END, b"hello")
_SIZED = (_POST, _CL, b"Expect: 100-continue\r\n", _END, b"hello")
_CHUNKED = (_POST, _TE, b"TE: trailers\r\n", b"Connection: ", b"A", b"\r\n", b"A: b\r\n", _END, *_CHUNKS)
_HEAD = (b"HEAD ", b"/a", b"/", b"%2e", b" HTTP/1.1\r\n", b"Host: h\r\n", b"X_Auth.Subject: b\r\n", _END)
_OPTIONS = (b"OPTIONS ", b"*", b" HTTP/1.1\r\n", b"Host: h\r\n", _END)
_UPGRADE = (_GET, b"Upgrade: x\r\n", b"Connection: upgrade\r\n", _END)
_OK = (b"HTTP/1.1 ", b"200 OK\r\n")
_EARLY = (b"HTTP/1.1 ", b"103 Early Hints\r\n", b"A: b\r\n", _END)

REQUESTS = tuple(
    encode(cuts, *pieces)
    for cuts, pieces in (
        ((), _GETS),
        ((7,), _ABSOLUTE),
        ((), _OLD),
        ((50, 60), _SIZED),
        ((30, 90, 95), _CHUNKED),
        ((), _HEAD + _GETS),
        ((20,), _OPTIONS + _GETS),
        ((1, 2, 3), _SIZED + _CHUNKED + _GETS),
        ((), (*_GETS, _END, *_GETS)),
        ((), _UPGRADE + _GETS),
        ((), (*_GETS[:-1], b"Connection: close\r\n", _END, *_GETS)),
    )
)
RESPONSES = tuple(
    encode(cuts, *pieces)
    for cuts, pieces in (
        ((), (*_OK, _CL, _END, b"hello")),
        ((7,), (*_OK, b"Set-Cookie: a\r\n", _CL, _END, b"hello", *_OK, _CL, _END, b"hello")),
        ((30, 40), (*_OK, _TE, b"Trailer: a\r\n", _END, *_CHUNKS)),
        ((), (*_OK, _END, b"hello")),
        ((), (b"HTTP/1.0 ", b"200 OK\r\n", _CL, _END, b"hello")),
        ((), (b"HTTP/1.1 ", b"204 No Content\r\n", b"A: b\r\n", _END)),
        ((), (b"HTTP/1.1 ", b"304 Not Modified\r\n", _CL, _END)),
        ((3,), (*_EARLY, *_EARLY, *_OK, _CL, _END, b"hello")),
        (
            (),
            (
                b"HTTP/1.1 ",
                b"100 Continue\r\n",
                _END,
                *_OK,
                b"Connection: ",
                b"A",
                b"\r\n",
                b"A: b\r\n",
                _CL,
                _END,
                b"hello",
            ),
        ),
        (
            (),
            (
                b"HTTP/1.1 ",
                b"101 Switching Protocols\r\n",
                b"Upgrade: x\r\n",
                b"Connection: upgrade\r\n",
                _END,
                b"hello",
            ),
        ),
        ((9, 9), (*_OK, b"Connection: close\r\n", _TE, _END, b"5\r\n", b"hello\r\n", b"0\r\n\r\n")),
    )
)
BODIES = tuple(
    encode(cuts, *pieces)
    for cuts, pieces in (
        ((), (b"5\r\n", b"hello\r\n", b"0\r\n\r\n")),
        ((1, 5, 9), _CHUNKS),
        (
            (4,),
            (
                b"0005",
                b";",
                b"\t",
                b"a=b",
                b"\r\n",
                b"hello\r\n",
                b"0\r\n",
                b"A: b\r\n",
                b"Cookie: a=b\r\n",
                b"\r\n",
                b"5",
            ),
        ),
    )
)
