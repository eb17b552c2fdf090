"""Headers that somebody would like to add, to take away, or to be taken for another's."""

from .attack import HOST, MALFORMED, PASSED, Attack, Attacks, forwarded, get, post, sized

_STRIPS = {
    name: get(*lines)
    for name, lines in {
        "Host": [b"Connection: host"],
        "Host with others": [b"Connection: close, Host"],
        "Authorization": [b"Connection: close, Authorization"],
        "Authorization in two lines": [b"Connection: close", b"Connection: authorization"],
        "Authorization after commas": [b"Connection: ,,authorization"],
        "Authorization between tabs": [b"Connection: close,\tAUTHORIZATION\t"],
        "X-Auth-Subject": [b"Connection: X-Auth-Subject"],
        "X_Auth_Subject": [b"Connection: X_Auth_Subject"],
        "X-Auth-Anything": [b"Connection: x-auth-anything"],
        "X.Auth.Subject": [b"Connection: x.auth.subject"],
        "Content-Length": [b"Connection: Content-Length"],
        "Content_Length": [b"Connection: content_length"],
        "Transfer-Encoding": [b"Connection: transfer-encoding"],
        "X-Request-Id": [b"Connection: x-request-id"],
        "Cookie": [b"Connection: Cookie", b"Cookie: a=b"],
        "X-Forwarded-For": [b"Connection: X-Forwarded-For"],
        "Forwarded": [b"Connection: Forwarded"],
    }.items()
}
_FORGED = {
    "X-Auth-Subject": b"X-Auth-Subject: boss",
    "in capitals": b"X-AUTH-SUBJECT: boss",
    "with underscores": b"X_Auth_Subject: boss",
    "half with underscores": b"X-Auth_Subject: boss",
    "the other half": b"x_auth-subject: boss",
    "of a name to come": b"X-Auth-New: boss",
    "of no name": b"X-Auth-: boss",
    "with dots, as CGI reads them": b"X.Auth.Subject: boss",
    "with odd characters, as CGI reads them": b"X!Auth~Subject: boss",
    "empty": b"X-Auth-Subject:",
    "Proxy-Authorization": b"Proxy-Authorization: Basic eDp4",
    "Keep-Alive": b"Keep-Alive: timeout=1",
    "Proxy-Connection": b"Proxy-Connection: keep-alive",
    "TE": b"TE: gzip",
    "Trailer": b"Trailer: X-Auth-Subject",
    "Upgrade without Connection": b"Upgrade: h2c",
    "X-Forwarded-Proto": b"X-Forwarded-Proto: https",
    "X_Forwarded_Proto": b"X_Forwarded_Proto: https",
    "X-Forwarded-Host": b"X-Forwarded-Host: evil",
    "a traceparent that is none": b"Traceparent: 00-" + b"0" * 32 + b"-1-01",
    "a request id that is none": b"X-Request-Id: a\tb",
    "X_Request_Id": b"X_Request_Id: evil",
}


def _passes(*lines: bytes, fields: tuple[str, ...] = ()) -> Attack:
    return Attack(get(*lines), (PASSED,), (forwarded("GET /public/a", *fields),), closes=False)


ATTACKS: Attacks = {
    **{f"Connection strips {name}": Attack(sent, (MALFORMED,)) for name, sent in _STRIPS.items()},
    **{f"forged {name}": _passes(line) for name, line in _FORGED.items()},
    "a wish for trailers is written anew": Attack(
        get(b"TE: gzip, trailers", b"Connection: TE"),
        (PASSED,),
        (forwarded("GET /public/a", last="te: trailers\nconnection: TE"),),
        closes=False,
    ),
    "an upgrade is written anew": Attack(
        get(b"Upgrade: x", b"Connection: upgrade, x-mine", b"X-Mine: a"),
        (PASSED,),
        (forwarded("GET /public/a", last="connection: Upgrade\nupgrade: x"),),
        closes=False,
    ),
    "Connection takes its own": _passes(b"Connection: X-Mine, keep-alive", b"X-Mine: a", b"X_Mine: b"),
    "Connection names nothing that is there": _passes(b"Connection: x-none"),
    "Connection in quotes names nothing": _passes(b'Connection: "authorization"'),
    "close ends it": Attack(get(b"Connection: foo, CLOSE") + get(), (PASSED,), (forwarded("GET /public/a"),)),
    "two credentials": Attack(
        get(b"Authorization: Bearer x", b"Authorization: Bearer y"), ((400, "several_credentials"),), closes=False
    ),
    "a bad token on a public route": Attack(get(b"Authorization: Bearer x"), ((401, "invalid_token"),), closes=False),
    "a credential of another scheme passes": _passes(
        b"Authorization: Basic eDp4", fields=("authorization: Basic eDp4",)
    ),
    "another name like ours passes": _passes(b"X-Authority: a", fields=("x-authority: a",)),
    "a request in a value": _passes(b"A: GET /admin/x HTTP/1.1", fields=("a: GET /admin/x HTTP/1.1",)),
    "escapes in a value stay escapes": _passes(
        b"A: %0d%0aX-Auth-Subject: boss", fields=("a: %0d%0aX-Auth-Subject: boss",)
    ),
    "a path that spells a head": Attack(
        get(target=b"/public/a%20HTTP/1.1%0d%0aX-Auth-Subject:%20boss"), ((400, "bad_path"),), closes=False
    ),
    "a query that spells a head stays escaped": Attack(
        get(target=b"/public/a?%20HTTP/1.1%0d%0aX-Auth-Subject:%20boss"),
        (PASSED,),
        (forwarded("GET /public/a?%20HTTP/1.1%0d%0aX-Auth-Subject:%20boss"),),
        closes=False,
    ),
    "h2c is not spoken": Attack(
        b"POST /public/a HTTP/1.1\r\n"
        + HOST
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        (PASSED,),
        (forwarded("POST /public/a", body=sized(b"")),),
        closes=False,
    ),
    "a method that overrides nothing here": Attack(
        post(b"Content-Length: 0", target=b"/orders/7"), ((401, "missing_token"),), closes=False
    ),
}
