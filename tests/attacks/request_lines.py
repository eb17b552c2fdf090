"""Request lines, targets and versions that are none (RFC 9112 section 3)."""

from .attack import HOST, MALFORMED, PASSED, VERSION, Attack, Attacks, forwarded, get


def _line(line: bytes) -> bytes:
    return line + b"\r\n" + HOST + b"\r\n"


def _target(target: bytes) -> bytes:
    return get(target=target)


_LINES = {
    "no version (HTTP/0.9)": b"GET /public/a\r\n\r\n",
    "HTTP/0.9 with headers": _line(b"GET /public/a"),
    "only a method": _line(b"GET"),
    "empty first lines": b"\r\n\r\n" + get(),
    "LF first": b"\n" + get(),
    "CR first": b"\r" + get(),
    "leading space": b" " + get(),
    "leading tab": b"\t" + get(),
    "byte order mark": b"\xef\xbb\xbf" + get(),
    "NUL first": b"\0" + get(),
    "no method": _line(b" /public/a HTTP/1.1"),
    "no target": _line(b"GET HTTP/1.1"),
    "empty target": _line(b"GET  HTTP/1.1"),
    "two spaces": _line(b"GET  /public/a HTTP/1.1"),
    "two spaces before version": _line(b"GET /public/a  HTTP/1.1"),
    "trailing space": _line(b"GET /public/a HTTP/1.1 "),
    "trailing tab": _line(b"GET /public/a HTTP/1.1\t"),
    "tab for space": _line(b"GET\t/public/a HTTP/1.1"),
    "tab before version": _line(b"GET /public/a\tHTTP/1.1"),
    "vertical tab for space": _line(b"GET\x0b/public/a HTTP/1.1"),
    "form feed for space": _line(b"GET /public/a\x0cHTTP/1.1"),
    "no-break space": _line(b"GET\xa0/public/a HTTP/1.1"),
    "CR for space": _line(b"GET /public/a\rHTTP/1.1"),
    "CR before CRLF": _line(b"GET /public/a HTTP/1.1\r"),
    "LF alone": b"GET /public/a HTTP/1.1\n" + HOST + b"\r\n",
    "only LFs": b"GET /public/a HTTP/1.1\nHost: orders\n\n",
    "four words": _line(b"GET /public/a /admin/x HTTP/1.1"),
    "second request in the line": _line(b"GET /public/a HTTP/1.1 GET /admin/x HTTP/1.1"),
    "two versions": _line(b"GET /public/a HTTP/1.1 HTTP/1.1"),
    "a header in the line": _line(b"GET /public/a HTTP/1.1 Host: evil"),
    "method with a slash": _line(b"GE/T /public/a HTTP/1.1"),
    "method with a colon": _line(b"GET: /public/a HTTP/1.1"),
    "method in quotes": _line(b'"GET" /public/a HTTP/1.1'),
    "method beyond ASCII": _line(b"G\xc3\x89T /public/a HTTP/1.1"),
    "method with NUL": _line(b"GET\0 /public/a HTTP/1.1"),
    "CONNECT": _line(b"CONNECT orders:80 HTTP/1.1"),
    "CONNECT with a path": _line(b"CONNECT /public/a HTTP/1.1"),
    "connect": _line(b"connect /public/a HTTP/1.1"),
    "TRACE": _line(b"TRACE /public/a HTTP/1.1"),
    "Trace": _line(b"Trace /public/a HTTP/1.1"),
    "version in lower case": _line(b"GET /public/a http/1.1"),
    "HTTPS/1.1": _line(b"GET /public/a HTTPS/1.1"),
    "RTSP/1.0": _line(b"GET /public/a RTSP/1.0"),
    "HTTP/1": _line(b"GET /public/a HTTP/1"),
    "HTTP/1.": _line(b"GET /public/a HTTP/1."),
    "HTTP/11": _line(b"GET /public/a HTTP/11"),
    "HTTP/1.10": _line(b"GET /public/a HTTP/1.10"),
    "HTTP/01.1": _line(b"GET /public/a HTTP/01.1"),
    "HTTP/1.1.1": _line(b"GET /public/a HTTP/1.1.1"),
    "HTTP/1,1": _line(b"GET /public/a HTTP/1,1"),
    "HTTP/+1.1": _line(b"GET /public/a HTTP/+1.1"),
    "HTTP /1.1": _line(b"GET /public/a HTTP /1.1"),
    "HTTP/1. 1": _line(b"GET /public/a HTTP/1. 1"),
    "HTTP/1.\xb9": _line(b"GET /public/a HTTP/1.\xb9"),
    "TLS hello": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(40),
    "a response": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}
_VERSIONS = {
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2.0": _line(b"GET /public/a HTTP/2.0"),
    "HTTP/1.2": _line(b"GET /public/a HTTP/1.2"),
    "HTTP/1.9": _line(b"GET /public/a HTTP/1.9"),
    "HTTP/0.9 spelled out": _line(b"GET /public/a HTTP/0.9"),
    "HTTP/3.0": _line(b"GET /public/a HTTP/3.0"),
    "HTTP/2.0 before a bad line": b"GET /public/a HTTP/2.0\r\nA: b\0\r\n\r\n",
}
_TARGETS = {
    "star": _target(b"*"),
    "OPTIONS star and more": _line(b"OPTIONS *x HTTP/1.1"),
    "OPTIONS two stars": _line(b"OPTIONS ** HTTP/1.1"),
    "star slash": _target(b"*/public/a"),
    "authority-form": _target(b"orders:80"),
    "no slash": _target(b"public/a"),
    "dot slash": _target(b"./public/a"),
    "only a query": _target(b"?a=b"),
    "only a fragment": _target(b"#"),
    "backslash first": _target(b"\\public\\a"),
    "fragment": _target(b"/public/a#b"),
    "fragment in a query": _target(b"/public/a?b#c"),
    "fragment in a URL": _target(b"http://orders/public/a#b"),
    "space": _target(b"/public/a b"),
    "tab": _target(b"/public/a\tb"),
    "beyond ASCII": _target(b"/public/\xc3\xa9"),
    "DEL": _target(b"/public/\x7f"),
    "NUL": _target(b"/public/a\0"),
    "ESC": _target(b"/public/\x1b[2J"),
    "line separator": _target(b"/public/a\xe2\x80\xa8HTTP/1.1"),
    "another host": _target(b"http://evil/public/a"),
    "longer host": _target(b"http://orders.evil/public/a"),
    "host behind a user": _target(b"http://orders@evil/public/a"),
    "user": _target(b"http://u@orders/public/a"),
    "user and password": _target(b"http://u:p@orders/public/a"),
    "empty user": _target(b"http://@orders/public/a"),
    "another port": _target(b"http://orders:81/public/a"),
    "empty port": _target(b"http://orders:/public/a"),
    "another scheme": _target(b"ftp://orders/public/a"),
    "ws scheme": _target(b"ws://orders/public/a"),
    "file": _target(b"file:///etc/passwd"),
    "no authority": _target(b"http:///public/a"),
    "one slash": _target(b"http:/public/a"),
    "no slashes": _target(b"http:public/a"),
    "three hosts": _target(b"http://orders,evil/public/a"),
    "backslash in authority": _target(b"http://orders\\@evil/public/a"),
    "fragment in authority": _target(b"http://orders#@evil/public/a"),
    "escaped authority": _target(b"http://%6frders/public/a"),
    "space before the URL": _line(b"GET  http://orders/public/a HTTP/1.1"),
    "open bracket": _target(b"http://[::1/public/a"),
    "URL without Host": get(target=b"http://orders/public/a", host=b""),
}

ATTACKS: Attacks = (
    {name: Attack(sent, (MALFORMED,)) for name, sent in (_LINES | _TARGETS).items()}
    | {name: Attack(sent, (VERSION,)) for name, sent in _VERSIONS.items()}
    | {
        "one empty line first is skipped": Attack(
            b"\r\n" + get(), (PASSED,), (forwarded("GET /public/a"),), closes=False
        ),
        "nothing but an empty line": Attack(b"\r\n", (), ends=True),
        "half a line": Attack(b"GET /public", (), ends=True),
        "a head that does not end": Attack(b"GET /public/a HTTP/1.1\r\nHost: orders\r\n", (), ends=True),
        "URL becomes a path": Attack(
            get(target=b"http://orders/public/a?b"), (PASSED,), (forwarded("GET /public/a?b"),), closes=False
        ),
        "URL in capitals": Attack(
            get(target=b"HTTP://ORDERS/public/a"), (PASSED,), (forwarded("GET /public/a"),), closes=False
        ),
        "URL of https": Attack(
            get(target=b"https://orders/public/a"), (PASSED,), (forwarded("GET /public/a"),), closes=False
        ),
        "URL without a path": Attack(get(target=b"http://orders"), ((404, "no_route"),), closes=False),
        "URL of a query": Attack(get(target=b"http://orders?/public/a"), ((404, "no_route"),), closes=False),
        "two slashes are no authority": Attack(get(target=b"//evil/public/a"), ((404, "no_route"),), closes=False),
        "path in the way of a URL": Attack(get(target=b"/http://orders/public/a"), ((404, "no_route"),), closes=False),
        "HEAD that is malformed has no body in return": Attack(
            b"HEAD /public/a#b HTTP/1.1\r\n" + HOST + b"\r\n" + get(), ((400, ""),)
        ),
        "HEAD that is never whole": Attack(b"HEAD /public/a HTTP/1.1\r\nA : b\n", ((400, ""),)),
        "OPTIONS star": Attack(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", (MALFORMED,), closes=False),
        "HTTP/1.0 closes": Attack(get(version=b"1.0") + get(), (PASSED,), (forwarded("GET /public/a", via="1.0"),)),
        "HTTP/1.0 without Host": Attack(
            get(version=b"1.0", host=b""),
            (PASSED,),
            (forwarded("GET /public/a", host="service:8080", via="1.0"),),
        ),
    }
)
