"""Two lengths in one message, or none that can be told (RFC 9112 section 6): CL.TE, TE.CL, TE.TE, CL.0, 0.CL."""

from .attack import AMBIGUOUS, HOST, MALFORMED, PASSED, Attack, Attacks, chunked, forwarded, get, post, sized

SMUGGLED = b"GET /admin/x HTTP/1.1\r\nHost: orders\r\n\r\n"
CL, TE = b"Content-Length: ", b"Transfer-Encoding: "
NO_TOKEN = (401, "missing_token")

_BOTH = {
    "CL.TE": post(CL + b"6", TE + b"chunked", body=b"0\r\n\r\nG"),
    "CL.TE smuggles": post(CL + b"45", TE + b"chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "TE.CL": post(TE + b"chunked", CL + b"4", body=b"27\r\n" + SMUGGLED + b"\r\n0\r\n\r\n"),
    "TE.CL of zero": post(TE + b"chunked", CL + b"0", body=b"0\r\n\r\n" + SMUGGLED),
    "both and they agree": post(CL + b"5", TE + b"chunked", body=b"0\r\n\r\n"),
    "CL and TE identity": post(CL + b"5", TE + b"identity", body=b"hello"),
    "CL and an empty TE": post(CL + b"5", TE, body=b"hello"),
    "CL and TE in HTTP/1.0": post(CL + b"5", TE + b"chunked", body=b"0\r\n\r\n", version=b"1.0"),
    "both on a GET": get(CL + b"5", TE + b"chunked"),
    "names in odd case": post(b"cOnTeNt-LeNgTh: 5", b"tRANSFER-eNCODING: chunked", body=b"0\r\n\r\n"),
}
_CODINGS = {
    f"TE {name}": post(TE + value, body=b"5\r\nhello\r\n0\r\n\r\n")
    for name, value in {
        "xchunked": b"xchunked",
        "chunkedx": b"chunkedx",
        "chunk": b"chunk",
        "identity": b"identity",
        "empty": b"",
        "gzip": b"gzip",
        "gzip, chunked": b"gzip, chunked",
        "chunked, gzip": b"chunked, gzip",
        "chunked twice": b"chunked, chunked",
        "chunked, identity": b"chunked, identity",
        "identity, chunked": b"identity, chunked",
        "chunked and a comma": b"chunked,",
        "a comma and chunked": b",chunked",
        "comma space chunked": b", chunked",
        "with a parameter": b"chunked;q=1",
        "semicolon": b"chunked;",
        "in double quotes": b'"chunked"',
        "in single quotes": b"'chunked'",
        "half a quote": b'chunked"',
        "after a colon": b": chunked",
        "in brackets": b"[chunked]",
        "two words": b"chunked chunked",
        "tab between": b"chunked\tidentity",
        "escaped": b"%63hunked",
        "backslash": b"\\chunked",
        "no-break space first": b"\xa0chunked",
        "next line last": b"chunked\x85",
        "long s": "chunked\u017f".encode(),
        "Kelvin sign": "chun\u212aed".encode(),
        "zero-width space": "\u200bchunked".encode(),
        "full stop": b"chunked.",
        "underscore": b"chunked_",
        "1": b"1",
        "cow": b"cow",
    }.items()
} | {
    "TE twice": post(TE + b"chunked", TE + b"chunked", body=b"0\r\n\r\n"),
    "TE twice, second unknown": post(TE + b"chunked", TE + b"cow", body=b"0\r\n\r\n"),
    "TE twice, first unknown": post(TE + b"cow", TE + b"chunked", body=b"0\r\n\r\n"),
    "TE twice, one empty": post(TE, TE + b"chunked", body=b"0\r\n\r\n"),
    "TE twice, in two cases": post(TE + b"chunked", b"transfer-encoding: identity", body=b"0\r\n\r\n"),
    "TE in HTTP/1.0": post(TE + b"chunked", body=b"0\r\n\r\n", version=b"1.0"),
    "TE identity on a GET": get(TE + b"identity"),
}
_CODING_LINES = {
    "TE after a vertical tab": post(TE + b"\x0bchunked", body=b"0\r\n\r\n"),
    "TE after a form feed": post(TE + b"\x0cchunked", body=b"0\r\n\r\n"),
    "TE before a NUL": post(TE + b"chunked\0", body=b"0\r\n\r\n"),
    "TE with a space before the colon": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "TE with a tab before the colon": post(b"Transfer-Encoding\t: chunked", body=b"0\r\n\r\n"),
    "TE indented": post(b" Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "TE behind a CR": post(b"X: x\rTransfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "TE behind an LF": post(b"X: x\nTransfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "TE on the next line": post(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n"),
    "TE on two lines": post(TE + b"chun", b"\tked", body=b"0\r\n\r\n"),
    "TE without a colon": post(b"Transfer-Encoding chunked", body=b"0\r\n\r\n"),
    "TE with a slash": post(b"Transfer/Encoding: chunked", body=b"0\r\n\r\n"),
    "TE beyond ASCII": post(b"Transf\xc3\xa9r-Encoding: chunked", body=b"0\r\n\r\n"),
}
_LENGTHS = {
    f"CL {name}": post(CL + value, body=b"hello")
    for name, value in {
        "empty": b"",
        "with a plus": b"+5",
        "negative": b"-5",
        "minus zero": b"-0",
        "hexadecimal": b"0x5",
        "hexadecimal without prefix": b"5h",
        "octal": b"0o5",
        "binary": b"0b101",
        "underscored": b"1_0",
        "fraction": b"5.0",
        "exponent": b"5e0",
        "list": b"5, 5",
        "list of two": b"5, 6",
        "list without a space": b"5,5",
        "trailing comma": b"5,",
        "leading comma": b",5",
        "semicolon": b"5;",
        "two words": b"5 5",
        "tab within": b"5\t5",
        "in quotes": b'"5"',
        "letters": b"five",
        "Arabic digit": "\u0665".encode(),
        "fullwidth digit": "\uff15".encode(),
        "superscript": b"\xb9",
        "no-break space": b"\xa05",
        "next line": b"5\x85",
        "endless": b"9" * 30,
        "2**64 + 5": b"18446744073709551621",
        "19 digits": b"0000000000000000005",
        "infinite": b"inf",
        "none": b"NaN",
        "chunked": b"chunked",
    }.items()
} | {
    "CL twice": post(CL + b"5", CL + b"6", body=b"hello"),
    "CL twice alike": post(CL + b"5", CL + b"5", body=b"hello"),
    "CL twice, one empty": post(CL, CL + b"5", body=b"hello"),
    "CL twice, zero first": post(CL + b"0", CL + b"39", body=SMUGGLED),
    "CL twice, zero last": post(CL + b"39", CL + b"0", body=SMUGGLED),
    "CL twice, in two cases": post(CL + b"5", b"content-length: 6", body=b"hello"),
    "CL twice on a GET": get(CL + b"0", CL + b"0"),
}
_LENGTH_LINES = {
    "0.CL by a space before the colon": post(b"Content-Length : 39", body=SMUGGLED),
    "0.CL by an indented line": post(b" Content-Length: 39", body=SMUGGLED),
    "0.CL by a fold": post(b"Content-Length:", b" 39", body=SMUGGLED),
    "0.CL by a CR": post(b"A: b\rContent-Length: 39", body=SMUGGLED),
    "0.CL by a NUL": post(b"Content-Length\0: 39", body=SMUGGLED),
    "CL after a vertical tab": post(CL + b"\x0b5", body=b"hello"),
    "CL before a NUL": post(CL + b"5\0", body=b"hello"),
}
_POST = "POST /public/a"


def _passes(sent: bytes, upstream: bytes) -> Attack:
    return Attack(sent, (PASSED,), (upstream,), closes=False)


ATTACKS: Attacks = {
    **{name: Attack(sent, (AMBIGUOUS,)) for name, sent in (_BOTH | _CODINGS | _LENGTHS).items()},
    **{name: Attack(sent, (MALFORMED,)) for name, sent in (_CODING_LINES | _LENGTH_LINES).items()},
    "TE in capitals is chunked": _passes(
        post(b"TRANSFER-ENCODING: CHUNKED", body=b"5\r\nhello\r\n0\r\n\r\n"), forwarded(_POST, body=chunked(b"hello"))
    ),
    "TE between tabs is chunked": _passes(
        post(b"Transfer-Encoding:\tchunked \t", body=b"5\r\nhello\r\n0\r\n\r\n"),
        forwarded(_POST, body=chunked(b"hello")),
    ),
    "Transfer_Encoding is nobody's": Attack(
        post(b"Transfer_Encoding: chunked", CL + b"5", body=b"0\r\n\r\n" + SMUGGLED),
        (PASSED, NO_TOKEN),
        (forwarded(_POST, body=sized(b"0\r\n\r\n")),),
        closes=False,
    ),
    "CL with zeros first": _passes(post(CL + b"005", body=b"hello"), forwarded(_POST, body=sized(b"hello"))),
    "CL.0: a request within a body": _passes(post(CL + b"39", body=SMUGGLED), forwarded(_POST, body=sized(SMUGGLED))),
    "CL.0 on a GET": _passes(get(CL + b"39") + SMUGGLED, forwarded("GET /public/a", body=sized(SMUGGLED))),
    "CL.0 on a HEAD is judged": Attack(
        b"HEAD /admin/x HTTP/1.1\r\n" + HOST + CL + b"39\r\nConnection: close\r\n\r\n" + SMUGGLED, ((401, ""),)
    ),
    "a request within chunks": _passes(
        post(TE + b"chunked", body=b"27\r\n" + SMUGGLED + b"\r\n0\r\n\r\n"), forwarded(_POST, body=chunked(SMUGGLED))
    ),
    "0.CL: no length is no body": Attack(
        post(body=SMUGGLED), (PASSED, NO_TOKEN), (forwarded(_POST, body=sized(b"")),), closes=False
    ),
    "0.CL by an underscore": Attack(
        post(b"Content_Length: 39", body=SMUGGLED),
        (PASSED, NO_TOKEN),
        (forwarded(_POST, body=sized(b"")),),
        closes=False,
    ),
    "0.CL by another name": Attack(
        post(b"X-Content-Length: 39", body=SMUGGLED),
        (PASSED, NO_TOKEN),
        (forwarded(_POST, "x-content-length: 39", body=sized(b"")),),
        closes=False,
    ),
    "a length in HTTP/1.0": Attack(
        post(CL + b"5", body=b"hello" + SMUGGLED, version=b"1.0"),
        (PASSED,),
        (forwarded(_POST, via="1.0", body=sized(b"hello")),),
    ),
    "a body cut short": Attack(
        post(CL + b"9", body=b"hello"),
        (),
        (forwarded(_POST, body=b"content-length: 9\r\n\r\nhello"),),
        ends=True,
    ),
}
