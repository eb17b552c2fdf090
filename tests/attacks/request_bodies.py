"""Chunked bodies that two decoders would read in two ways (RFC 9112 section 7.1), trailers, and Expect.

The chunk-extension tricks of 2025 (TERM.EXT, EXT.TERM, TERM.SPILL, SPILL.TERM) all need a line that ends with a bare
CR or LF, or none; what passes is framed anew, so that no extension ever reaches the service.
"""

from .attack import MALFORMED, PASSED, Attack, Attacks, chunked, forwarded, post, sized
from .request_lengths import NO_TOKEN, SMUGGLED

_HEAD = post(b"Transfer-Encoding: chunked")
_POST = "POST /public/a"
_END = b"0\r\n\r\n"
_HELLO = b"5\r\nhello\r\n"

_BAD = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "junk": b"xyz\r\nhello\r\n" + _END,
    "plus": b"+5\r\nhello\r\n" + _END,
    "minus": b"-5\r\nhello\r\n" + _END,
    "minus zero": b"-0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n" + _END,
    "0X of the last": b"0x0\r\n\r\n",
    "h": b"5h\r\nhello\r\n" + _END,
    "underscore": b"0_5\r\nhello\r\n" + _END,
    "fraction": b"5.0\r\nhello\r\n" + _END,
    "leading space": b" 5\r\nhello\r\n" + _END,
    "leading tab": b"\t5\r\nhello\r\n" + _END,
    "trailing space": b"5 \r\nhello\r\n" + _END,
    "trailing tab": b"5\t\r\nhello\r\n" + _END,
    "two sizes": b"5 5\r\nhello\r\n" + _END,
    "comma": b"5,5\r\nhello\r\n" + _END,
    "quotes": b'"5"\r\nhello\r\n' + _END,
    "NUL": b"5\0\r\nhello\r\n" + _END,
    "vertical tab": b"5\x0b\r\nhello\r\n" + _END,
    "form feed first": b"\x0c5\r\nhello\r\n" + _END,
    "fullwidth digit": "\uff15\r\nhello\r\n0\r\n\r\n".encode(),
    "17 digits": b"f" * 17 + b"\r\nhello",
    "2**64 + 5": b"10000000000000005\r\nhello\r\n" + _END,
    "17 zeros": b"0" * 17 + b"\r\n\r\n",
    "endless size": b"0" * 2000,
    "LF after size": b"5\nhello\r\n" + _END,
    "CR after size": b"5\rhello\r\n" + _END,
    "CR CR LF after size": b"5\r\r\nhello\r\n" + _END,
    "LF CR after size": b"5\n\rhello\r\n" + _END,
    "nothing after size": b"5hello\r\n" + _END,
    "TERM.EXT: LF in an extension": b"2;\nxx\r\n4c\r\n0\r\n\r\n" + SMUGGLED,
    "EXT.TERM: LF ends an extension": b"2;a\nxx\r\n" + _END,
    "TERM.EXT: CR in an extension": b"2;\rxx\r\n" + _END,
    "EXT.TERM: LF in a quoted extension": b'2;a="\n"\r\nxx\r\n' + _END,
    "CRLF in a quoted extension": b'2;a="\r\nxx"\r\n' + _END,
    "NUL in an extension": b"5;a=\0\r\nhello\r\n" + _END,
    "escape in an extension": b"5;\x1b\r\nhello\r\n" + _END,
    "extension without a size": b";a=b\r\nhello\r\n" + _END,
    "extension without a semicolon": b"5 a=b\r\nhello\r\n" + _END,
    "space before an extension": b"5 ;a\r\nhello\r\n" + _END,
    "tab before an extension": b"5\t;a\r\nhello\r\n" + _END,
    "endless extension": b"5;" + b"a" * 2000,
    "TERM.SPILL: data over its size, LF": b"5\r\nhello\n0\r\n\r\n" + SMUGGLED,
    "SPILL.TERM: data over its size by two": b"5\r\nhelloxx0\r\n\r\n",
    "data over its size": b"5\r\nhello!!\r\n" + _END,
    "data short of its size": b"7\r\nhello\r\n" + _END,
    "CR after data": b"5\r\nhello\r0\r\n\r\n",
    "LF CR after data": b"5\r\nhello\n\r0\r\n\r\n",
    "no CRLF after data": b"5\r\nhello0\r\n\r\n",
    "LF ends the body": _HELLO + b"0\n\n",
    "CR ends the body": _HELLO + b"0\r\r",
    "LF after the last size": _HELLO + b"0\n\r\n",
    "LF for the last line": _HELLO + b"0\r\n\n",
    "CR CR LF for the last line": _HELLO + b"0\r\n\r\r\n",
    "last size with junk": _HELLO + b"0 0\r\n\r\n",
    "a request at once": SMUGGLED,
    "a trailer without a colon": _HELLO + b"0\r\nA b\r\n\r\n",
    "a trailer without a name": _HELLO + b"0\r\n: b\r\n\r\n",
    "a trailer with a space before its colon": _HELLO + b"0\r\nA : b\r\n\r\n",
    "a folded trailer": _HELLO + b"0\r\nA: b\r\n c\r\n\r\n",
    "an indented trailer": _HELLO + b"0\r\n A: b\r\n\r\n",
    "a trailer with NUL": _HELLO + b"0\r\nA: \0\r\n\r\n",
    "a trailer with CR": _HELLO + b"0\r\nA: b\rC: d\r\n\r\n",
    "a trailer with LF": _HELLO + b"0\r\nA: b\nC: d\r\n\r\n",
    "LF ends the trailers": _HELLO + b"0\r\nA: b\n\n" + SMUGGLED,
    "a request for trailers": _HELLO + b"0\r\n" + SMUGGLED,
    "a length in the trailers": _HELLO + b"0\r\nContent-Length: 39\r\n\r\n" + SMUGGLED,
    "a coding in the trailers": _HELLO + b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "33 trailers": _HELLO + b"0\r\n" + b"A: b\r\n" * 33 + b"\r\n",
    "endless trailers": _HELLO + b"0\r\n" + b"A: b\r\n" * 4000,
    "a trailer without end": _HELLO + b"0\r\nA: " + b"b" * 9000,
}
_GOOD: dict[str, tuple[bytes, bytes]] = {
    "extensions are dropped": (b"5;a=b;c\r\nhello\r\n0;d\r\n\r\n", b"hello"),
    "quoted extension is dropped": (b'5;a="x\\"y"\r\nhello\r\n' + _END, b"hello"),
    "zeros first": (b"0005\r\nhello\r\n0000\r\n\r\n", b"hello"),
    "capital digits": (b"A\r\n0123456789\r\n" + _END, b"0123456789"),
    "CRLF in data": (b"4\r\n\r\n\r\n\r\n" + _END, b"\r\n\r\n"),
    "end of a body in data": (b"5\r\n0\r\n\r\n\r\n" + _END, b"0\r\n\r\n"),
    "trailers are dropped": (_HELLO + b"0\r\nA: b\r\n\r\n", b"hello"),
    "an identity in trailers": (_HELLO + b"0\r\nX-Auth-Subject: boss\r\nX_Auth_Scope: admin\r\n\r\n", b"hello"),
    "a credential in trailers": (_HELLO + b"0\r\nAuthorization: Bearer x\r\nCookie: a=b\r\n\r\n", b"hello"),
    "Host in trailers": (_HELLO + b"0\r\nHost: evil\r\n\r\n", b"hello"),
}
_ASKS = b"Expect: 100-continue"


def _expect(*values: bytes) -> bytes:
    return post(b"Content-Length: 5", *(b"Expect: " + value for value in values), body=b"hello")


ATTACKS: Attacks = {
    **{
        name: Attack(_HEAD + body, (MALFORMED,), (forwarded(_POST, body=chunked(whole=False)),))
        for name, body in _BAD.items()
    },
    **{
        name: Attack(_HEAD + body, (PASSED,), (forwarded(_POST, body=chunked(data)),), closes=False)
        for name, (body, data) in _GOOD.items()
    },
    "chunks cut short": Attack(
        _HEAD + b"9\r\nhello",
        (),
        (forwarded(_POST, body=b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),),
        ends=True,
    ),
    "no last chunk": Attack(_HEAD + _HELLO, (), (forwarded(_POST, body=chunked(b"hello", whole=False)),), ends=True),
    "a chunk of 2**64 - 1 bytes": Attack(
        _HEAD + b"f" * 16 + b"\r\nhello",
        (),
        (forwarded(_POST, body=b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),),
        ends=True,
    ),
    "what follows the last chunk is judged": Attack(
        _HEAD + _HELLO + _END + SMUGGLED,
        (PASSED, NO_TOKEN),
        (forwarded(_POST, body=chunked(b"hello")),),
        closes=False,
    ),
    "Expect unknown": Attack(_expect(b"200-ok"), (MALFORMED,)),
    "Expect obfuscated": Attack(_expect(b"y 100-continue"), (MALFORMED,)),
    "Expect in quotes": Attack(_expect(b'"100-continue"'), (MALFORMED,)),
    "Expect twice": Attack(_expect(b"100-continue", b"100-continue"), (MALFORMED,)),
    "Expect a list": Attack(_expect(b"100-continue, x"), (MALFORMED,)),
    "Expect with a parameter": Attack(_expect(b"100-continue;x"), (MALFORMED,)),
    "Expect with 101": Attack(_expect(b"101-continue"), (MALFORMED,)),
    "Expect is not passed on": Attack(
        _expect(b"100-Continue"), (PASSED,), (forwarded(_POST, body=sized(b"hello")),), closes=False, drips=False
    ),
    "Expect without a body": Attack(post(_ASKS), (PASSED,), (forwarded(_POST, body=sized(b"")),), closes=False),
    "Expect_ is nothing": Attack(
        post(b"Expect_: 100-continue", b"Content-Length: 5", body=b"hello"),
        (PASSED,),
        (forwarded(_POST, "expect_: 100-continue", body=sized(b"hello")),),
        closes=False,
    ),
    "Expect in HTTP/1.0 is ignored": Attack(
        post(_ASKS, b"Content-Length: 5", body=b"hello", version=b"1.0"),
        (PASSED,),
        (forwarded(_POST, via="1.0", body=sized(b"hello")),),
    ),
    "Expect and refused: what came along is a body": Attack(
        post(_ASKS, b"Content-Length: 39", body=SMUGGLED + SMUGGLED, target=b"/admin/x"),
        (NO_TOKEN, NO_TOKEN),
        closes=False,
        drips=False,
    ),
    "Expect and refused: nothing more is read": Attack(
        post(_ASKS, b"Content-Length: 39", target=b"/admin/x"), (NO_TOKEN,)
    ),
    "Expect, asked for, and never sent": Attack(
        post(_ASKS, b"Content-Length: 39"),
        ((100, ""),),
        (forwarded(_POST, last="expect: 100-continue", body=b"content-length: 39\r\n\r\n"),),
        ends=True,
    ),
}
