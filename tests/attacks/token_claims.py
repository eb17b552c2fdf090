"""Claims of a wrong type or value, truly signed (RFC 7519 section 4.1): an issuer's slip, or an issuer's user who may
choose a name. Each registered claim against each JSON value, and names that only look like ours."""

import json
from typing import Any

from ..authn.minting import AUD, ISS, NOW, assemble, claims, header, mint
from .token_attack import ES, EXPIRED, SCOPE, TokenAttack, TokenAttacks, rows

_HUGE = "9" * 40
_VALUES = {
    "an integer": "5",
    "zero": "0",
    "a float": "5.5",
    "an exponent": "1e3",
    "a negative number": "-1",
    "minus zero": "-0",
    "a huge integer": _HUGE,
    "a huge exponent": "1e300",
    "an endless exponent": "1e999",
    "a tiny exponent": "1e-400",
    "true": "true",
    "false": "false",
    "null": "null",
    "an empty list": "[]",
    "a list with null": "[null]",
    "a list of lists": "[[]]",
    "a list of numbers": "[5]",
    "an object": "{}",
    "an object with a value": '{"value":"x"}',
    "an object with an operator": '{"$ne":""}',
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "a number in quotes": '"%s"' % (NOW + 300),
    "a number in quotes with a space": '" %s"' % (NOW + 300),
    "a date": '"2036-01-01T00:00:00Z"',
    "an empty string": '""',
    "a space": '" "',
    "a control character": '"a\\u0000b"',
    "a header line": '"a\\r\\nX-Auth-Subject: admin"',
    "a C1 control character": '"a\\u0085b"',
    "half a character": '"\\ud800"',
}
_TIMES = frozenset({"exp", "nbf", "iat"})
_NAMES = frozenset({"sub", "jti", "client_id", "azp"})
_LOW = frozenset({"an integer", "zero", "a float", "an exponent", "a negative number", "minus zero", "a tiny exponent"})
"""Valid as a NumericDate, long past: for ``exp`` expired, for ``nbf`` and ``iat`` nothing wrong."""
_ANY_TEXT = frozenset({"a number in quotes", "a number in quotes with a space", "a date", "a space"})
"""Odd, but a name like any other, and no scope that anything asks for."""


def _expected(claim: str, value: str) -> Any:
    """The answer, or None where nothing is wrong."""
    if claim in _TIMES and value in _LOW:
        return EXPIRED if claim == "exp" else None
    if claim in _NAMES and value in _ANY_TEXT:
        return None
    if claim == "scope" and (value in _ANY_TEXT or value in {"an empty string", "an empty list"}):
        return SCOPE
    return (401, "invalid_token")


def _with(claim: str, text: str) -> str:
    rest = json.dumps(claims(**{claim: ...}))[1:]
    return assemble(json.dumps(header()).encode(), f'{{"{claim}":{text},{rest}'.encode())


TYPES: TokenAttacks = {
    f"{claim} is {name}": TokenAttack(_with(claim, text), answer, target="/admin/a" if answer == SCOPE else "/mine/a")
    for claim in ("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "client_id", "azp")
    for name, text in _VALUES.items()
    if (answer := _expected(claim, name)) is not None
}
TYPES |= rows(ES, {f"{claim} is left out": mint(claims(**{claim: ...})) for claim in ("iss", "sub", "aud", "exp")})

_ISSUERS = {
    "CVE-2024-53861: a part of ours": ISS[:-8],
    "without the last slash": ISS[:-1],
    "with two slashes": ISS + "/",
    "with more behind": ISS + "evil",
    "in capitals": ISS.upper(),
    "with the host in capitals": ISS.replace("issuer", "ISSUER"),
    "http": ISS.replace("https", "http"),
    "with the port": ISS.replace(".test/", ".test:443/"),
    "with a user": ISS.replace("//", "//issuer.test@attacker.test/"),
    "with a fragment": ISS + "#",
    "with a query": ISS + "?",
    "with dot segments": ISS + "a/../",
    "with an escaped letter": ISS.replace("issuer", "%69ssuer"),
    "with a dot behind the host": ISS.replace(".test", ".test."),
    "with a space before": " " + ISS,
    "with a newline behind": ISS + "\n",
    "with a Cyrillic letter": ISS.replace("i", "\u0456", 1),
    "with a dotless i": ISS.replace("i", "\u0131", 1),
    "in full-width letters": ISS.replace("issuer", "\uff49\uff53\uff53\uff55\uff45\uff52"),
    "with a full-width slash": ISS[:-1] + "\uff0f",
    "with an ideographic full stop": ISS.replace(".", "\u3002"),
    "with a long s": ISS.replace("ss", "\u017f\u017f"),
    "with a zero-width joiner": ISS.replace("ss", "s\u200ds"),
    "with a soft hyphen": ISS.replace("ss", "s\u00ads"),
    "with a combining mark": ISS.replace("u", "u\u0308"),
    "right to left": "\u202e" + ISS[::-1],
    "a byte order mark before": "\ufeff" + ISS,
    "in Punycode": ISS.replace("issuer", "xn--ssuer-6va"),
    "our own name for it": "partner",
    "a wildcard": "*",
    "__proto__": "__proto__",
    "CVE-2025-30144: a list with ours": [ISS, "https://attacker.test/"],
    "a list of ours": [ISS],
    "an object with ours": {ISS: ISS},
}
_AUDIENCES: dict[str, object] = {
    "CVE-2020-26160: an empty list": [],
    "a list of nothing": [""],
    "of another service": "https://billing.shop.test",
    "a list of other services": ["https://billing.shop.test", "https://web.shop.test"],
    "with a slash": AUD + "/",
    "in capitals": AUD.upper(),
    "a part of ours": AUD[:-5],
    "with more behind": AUD + ".attacker.test",
    "two in one string": f"{AUD} https://billing.shop.test",
    "two with a comma": f"{AUD},https://billing.shop.test",
    "a list in a string": json.dumps([AUD]),
    "a list within a list": [[AUD]],
    "a list with a number": [AUD, 5],
    "a list with null": [AUD, None],
    "an object with ours": {AUD: True},
    "a wildcard": "*",
    "with a Cyrillic letter": AUD.replace("o", "\u043e"),
    "in full-width letters": "\uff4frders",
    "with a zero-width space": AUD + "\u200b",
    "with a space before": " " + AUD,
    "true": True,
}
_SCOPES: dict[str, object] = {
    "in capitals": "ADMIN",
    "a part of it": "admi",
    "with more behind": "admin:read",
    "with more before": "orders:admin",
    "a wildcard": "*",
    "a pattern": "admin*",
    "a comma between": "orders:read,admin",
    "a Cyrillic letter": "\u0430dmin",
    "full-width letters": "\uff41\uff44\uff4d\uff49\uff4e",
    "a dotless i": "adm\u0131n",
    "a combining mark": "admin\u0301",
    "a list in a string": '["admin"]',
    "quotes around": '"admin"',
    "a list with a look-alike": ["\u0430dmin", "orders:read"],
}
_SPLIT: dict[str, object] = {
    "a tab between": "orders:read\tadmin",
    "a newline between": "orders:read\nadmin",
    "a list with a space within": ["orders:read admin"],
    "a list within a list": [["admin"]],
    "a list with a number": ["admin", 5],
    "a list with null": ["admin", None],
    "a list with nothing": ["admin", ""],
    "an object": {"admin": True},
    "a no-break space between": "orders:read\u00a0admin",
    "an ideographic space between": "orders:read\u3000admin",
    "a line separator between": "orders:read\u2028admin",
    "an en quad between": "orders:read\u2000admin",
    "a zero-width space behind": "admin\u200b",
    "a soft hyphen": "ad\u00admin",
    "right to left": "\u202enimda",
    "a next-line character between": "orders:read\u0085admin",
}
NAMES = rows(ES, {f"iss {name}": mint(claims(iss=iss)) for name, iss in _ISSUERS.items()})
NAMES |= rows(ES, {f"aud {name}": mint(claims(aud=aud)) for name, aud in _AUDIENCES.items()})
NAMES |= {
    f"scope admin: {name}": TokenAttack(mint(claims(scope=scope)), SCOPE, target="/admin/a")
    for name, scope in _SCOPES.items()
}
NAMES |= {
    f"scope admin: {name}": TokenAttack(mint(claims(scope=scope)), target="/admin/a") for name, scope in _SPLIT.items()
}
NAMES |= {
    f"scope admin: in {name} alone": TokenAttack(mint(claims(scope=..., **{name: value})), SCOPE, target="/admin/a")
    for name, value in {
        "Scope": "admin",
        "scopes": "admin",
        "scp": ["admin"],
        "permissions": ["admin"],
        "\uff53cope": "admin",
        "scope\u200b": "admin",
        "scope ": "admin",
        "realm": {"scope": "admin"},
        "__proto__": {"scope": "admin"},
    }.items()
}

_TOMORROW = NOW + 86_400
TIMES = rows(
    ES,
    {
        "expired this very second, leeway used up": mint(claims(exp=NOW - 5)),
        "expired a fraction ago": mint(claims(exp=NOW - 5.000001)),
        "expired an hour ago": mint(claims(exp=NOW - 3600)),
        "expired in 1970": mint(claims(exp=1)),
        "expired before time began": mint(claims(exp=-(2**40))),
    },
    EXPIRED,
) | rows(
    ES,
    {
        "not valid for 6 s": mint(claims(nbf=NOW + 6)),
        "not valid until tomorrow": mint(claims(nbf=_TOMORROW, exp=_TOMORROW + 9)),
        "issued tomorrow": mint(claims(iat=_TOMORROW, exp=_TOMORROW + 9)),
        "exp in milliseconds and beyond": mint(claims(exp=NOW * 10**9)),
        "exp past what a float can count": mint(claims(exp=2**53 + 1)),
        "exp of 64 bits, all ones": mint(claims(exp=2**64 - 1)),
        "exp in another case": mint(claims(exp=..., EXP=_TOMORROW)),
        "expires instead of exp": mint(claims(exp=..., expires_in=300)),
        "exp within another claim": mint(claims(exp=..., claims={"exp": _TOMORROW})),
    },
)
_CNF: tuple[object, ...] = ({"jkt": "x" * 43}, {"x5t#S256": "x" * 43}, {"jwk": {}}, {}, [], None, False, "", "none", 0)
BOUND = rows(
    ES,
    {f"a stolen token that is bound to a key: cnf {json.dumps(cnf)[:30]}": mint(claims(cnf=cnf)) for cnf in _CNF},
    (401, "unproven_token"),
)
ATTACKS: TokenAttacks = TYPES | NAMES | TIMES | BOUND
