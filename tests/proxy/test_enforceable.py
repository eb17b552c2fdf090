"""What control lets a policy say, a sidecar can do: no push that was checked is refused by every sidecar."""

import json

import pytest

from control.policy import PolicyErrors, compile_snapshot, load
from sidecar.proxy.gate import Gate

from ..authn.minting import jwk

NAMES = [
    *(
        "X-Env",
        "x_env",
        "Host",
        "Via",
        "TE",
        "Trailer",
        "Upgrade",
        "Connection",
        "Keep-Alive",
        "Content-Length",
        "Expect",
    ),
    *("Transfer-Encoding", "X-Auth-Subject", "X_Auth_New", "X.Auth.New", "X-Request-Id", "traceparent", "tracestate"),
    *(
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Prefix",
        "X-Real-IP",
        "Authorization",
        "Cookie",
        "Set-Cookie",
        "Vary",
    ),
    *(
        "X-Tenant",
        "X_Tenant",
        "Proxy-Authorization",
        "HTTP2-Settings",
        "Content-Type",
        "X-Original-URL",
        "Date",
        "X Y",
        "é",
    ),
    *(
        "Access-Control-Allow-Origin",
        "Server",
        "WWW-Authenticate",
        "Content-Encoding",
        "Accept-Encoding",
        "X:",
        "X\r\nY",
    ),
]
VALUES = ["", "a", " a", "a ", "a b", "a\tb", "\t", "é", "a\r\nb", "a\nb", "a\0b", "\x7f", '"a"', "%0d%0a", "a" * 9000]
PLACES = [
    *(
        "/",
        "/new",
        "/new/",
        "//evil.test",
        "/\\evil",
        "new",
        "",
        "https://new.test",
        "https://new.test/a?b=1",
        "http://[::1]:80/",
    ),
    *(
        "https://a@b.test/",
        "https://",
        "https:///x",
        "javascript:alert(1)",
        "ftp://x.test",
        "/a b",
        "/é",
        "/%zz",
        "/{id}",
    ),
    *(
        "https://new.test:99999/",
        "https://new.test:x/",
        "HTTPS://new.test/",
        "https://ex_ample.test/",
        "/a^b",
        "/a|b",
        "/a'b",
    ),
    *(
        "https://new.test#top",
        "/a#b",
        "/a?b#c",
        "?x=1",
        "https://new.test?x=1",
        "https://höst.test/",
        "/a\r\nX: y",
        '/"a"',
    ),
]
ROUTES = {
    **{
        f"{part}.{change} {name!r}": {part: {change: [name] if change == "remove" else {name: "x"}}}
        for part in ("request_headers", "response_headers")
        for change in ("remove", "set", "add")
        for name in NAMES
    },
    **{
        f"{part} value {value[:9]!r}": {part: {"set": {"X-A": value}}}
        for part in ("request_headers", "response_headers")
        for value in VALUES
    },
    **{f"redirect {to!r}": {"redirect": {"to": to}} for to in PLACES},
    **{f"redirect {to!r} and the rest": {"redirect": {"to": to, "keep_path": True}} for to in PLACES},
    **{
        f"content type {value[:9]!r}": {"respond": {"status": 200, "body": "x", "content_type": value}}
        for value in VALUES
    },
    **{
        f"status {status}": {"respond": {"status": status, "body": "x"}}
        for status in (199, 200, 204, 205, 299, 304, 599, 600)
    },
}


@pytest.mark.parametrize("name", ROUTES)
def test_what_control_accepts_is_enforced(name: str) -> None:
    """Either the policy is refused with a line, or the sidecar takes the snapshot."""
    policy = {
        "trust_domain": "shop.test",
        "issuers": {
            "partner": {
                "issuer": "https://i.test/",
                "audience": ["a"],
                "algorithms": ["ES256"],
                "jwks": {"inline": {"keys": [dict(jwk("ES256"))]}},
            }
        },
        "services": {
            "orders": {
                "forward": {"headers": {"X-Tenant": "claims.tenant"}},
                "routes": [{"path": "/a/**", "access": "public", **ROUTES[name]}],
            }
        },
    }
    try:
        found = load(json.dumps(policy), {}, {})
        snapshot = compile_snapshot(found, "orders", version=1, issued_at=1, own=None, secrets=lambda _: None)
    except PolicyErrors:
        return
    Gate().use(snapshot)
