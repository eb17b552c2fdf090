"""Several requests on one connection: what was refused ends there, and nothing behind it is read as another."""

from .attack import AMBIGUOUS, HOST, MALFORMED, PASSED, VERSION, Attack, Attacks, chunked, forwarded, get, post, sized
from .request_lengths import NO_TOKEN, SMUGGLED

_FIRST, _SECOND = forwarded("GET /public/a"), forwarded("GET /public/a", ids=5)
_DENIED = get(target=b"/admin/x")
_NO_ROUTE = (404, "no_route")


ATTACKS: Attacks = {
    "two": Attack(get() + get(), (PASSED, PASSED), (_FIRST + _SECOND,), closes=False),
    "denied, then allowed": Attack(
        _DENIED + get(), (NO_TOKEN, PASSED), (forwarded("GET /public/a", ids=2),), closes=False
    ),
    "allowed, then denied": Attack(get() + _DENIED, (PASSED, NO_TOKEN), (_FIRST,), closes=False),
    "malformed, then good": Attack(get(b"A : b") + get(), (MALFORMED,)),
    "ambiguous, then good": Attack(post(b"Content-Length: 0, 0") + get(), (AMBIGUOUS,)),
    "bad version, then good": Attack(get(version=b"3.1") + get(), (VERSION,)),
    "bad path, then good": Attack(
        get(target=b"/public/%2e%2e/%2e%2e/x") + get(),
        ((400, "bad_path"), PASSED),
        (forwarded("GET /public/a", ids=2),),
        closes=False,
    ),
    "good, then malformed, then good": Attack(get() + get(b"A : b") + get(), (PASSED, MALFORMED), (_FIRST,)),
    "good, then noise": Attack(get() + b"\x00\x01\x02" * 9, (PASSED, MALFORMED), (_FIRST,)),
    "good, then half": Attack(get() + get()[:30], (PASSED,), (_FIRST,), ends=True),
    "denied with a body that is a request": Attack(
        post(b"Content-Length: 39", body=SMUGGLED, target=b"/admin/x") + get(target=b"/none"),
        (NO_TOKEN, _NO_ROUTE),
        closes=False,
    ),
    "denied with chunks that are a request": Attack(
        post(b"Transfer-Encoding: chunked", body=b"27\r\n" + SMUGGLED + b"\r\n0\r\n\r\n", target=b"/admin/x")
        + get(target=b"/none"),
        (NO_TOKEN, _NO_ROUTE),
        closes=False,
    ),
    "denied with chunks that are none": Attack(
        post(b"Transfer-Encoding: chunked", body=b"x\r\n" + get(), target=b"/admin/x"), (NO_TOKEN,)
    ),
    "denied with a body too large to read": Attack(
        post(b"Content-Length: 70000", target=b"/admin/x") + get() * 900, (NO_TOKEN,)
    ),
    "denied with chunks too large to read": Attack(
        post(b"Transfer-Encoding: chunked", body=b"30d40\r\n" + b"a" * 200_000 + b"\r\n0\r\n\r\n", target=b"/admin/x")
        + get(),
        (NO_TOKEN,),
    ),
    "denied in HTTP/1.0": Attack(get(target=b"/admin/x", version=b"1.0") + get(), (NO_TOKEN,)),
    "denied with Connection: close": Attack(get(b"Connection: close", target=b"/admin/x") + get(), (NO_TOKEN,)),
    "a body is no request": Attack(
        post(b"Content-Length: 39", body=SMUGGLED) + get(),
        (PASSED, PASSED),
        (forwarded("POST /public/a", body=sized(SMUGGLED)) + _SECOND,),
        closes=False,
    ),
    "a chunked body, then another": Attack(
        post(b"Transfer-Encoding: chunked", body=b"2\r\nhi\r\n0\r\n\r\n") * 2,
        (PASSED, PASSED),
        (forwarded("POST /public/a", body=chunked(b"hi")) + forwarded("POST /public/a", ids=5, body=chunked(b"hi")),),
        closes=False,
    ),
    "bad chunks, then good": Attack(
        post(b"Transfer-Encoding: chunked", body=b"x\r\n\r\n") + get(),
        (MALFORMED,),
        (forwarded("POST /public/a", body=chunked(whole=False)),),
    ),
    "a CRLF too many between two": Attack(
        post(b"Content-Length: 2", body=b"hi") + b"\r\n" + get(),
        (PASSED, PASSED),
        (forwarded("POST /public/a", body=sized(b"hi")) + _SECOND,),
        closes=False,
    ),
    "two CRLFs too many between two": Attack(get() + b"\r\n\r\n" + get(), (PASSED, MALFORMED), (_FIRST,)),
    "an LF too many between two": Attack(get() + b"\n" + get(), (PASSED, MALFORMED), (_FIRST,)),
    "Host changes between two": Attack(
        get() + get(host=b"Host: other\r\n"),
        (PASSED, PASSED),
        (_FIRST + forwarded("GET /public/a", ids=5, host="other"),),
        closes=False,
    ),
    "an upgrade that no service takes, then a request": Attack(
        get(b"Connection: upgrade", b"Upgrade: x", target=b"/none") + get(),
        (_NO_ROUTE, PASSED),
        (forwarded("GET /public/a", ids=2),),
        closes=False,
    ),
    "a preface after a request": Attack(get() + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (PASSED, VERSION), (_FIRST,)),
    "CONNECT after a request": Attack(
        get() + b"CONNECT evil:25 HTTP/1.1\r\n" + HOST + b"\r\n" + get(), (PASSED, MALFORMED), (_FIRST,)
    ),
}
