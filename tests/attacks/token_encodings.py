"""Tokens that two readers would read in two ways, or that cost more than they are worth: stray bits, padding, other
alphabets and serialisations, encrypted and deflated ones, duplicate and endless JSON."""

import json
import zlib

from sidecar.authn.jose import MAX_TOKEN_CHARS

from ..authn.minting import ISS, assemble, b64, claims, header, mint, private_key, sign
from .token_attack import ES, TokenAttack, TokenAttacks, hmac_token, raw_token, rows

GOOD = mint()
HEAD, BODY, SIGNATURE = GOOD.split(".")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_HEADER_BYTES = json.dumps(header()).encode()


def _stray(part: str) -> str:
    """The same bytes, spelled with bits in the last character that nobody needs."""
    return part[:-1] + _ALPHABET[_ALPHABET.index(part[-1]) + 1]


def _payload(text: str) -> str:
    """Truly signed; REST stands for the usual claims."""
    return assemble(_HEADER_BYTES, text.replace("REST", json.dumps(claims())[1:]).encode("utf-8", "surrogatepass"))


def _bytes(payload: bytes) -> str:
    return assemble(_HEADER_BYTES, payload)


def _signed(text: str) -> str:
    """Truly signed over the very characters of the two first parts."""
    return f"{text}.{b64(sign('ES256', text.encode()))}"


def _with_stray_payload() -> str:
    for length in range(9):
        part = b64(json.dumps(claims(x="x" * length)).encode())
        if len(part) % 4:
            return _signed(f"{HEAD}.{_stray(part)}")
    raise AssertionError("one of three lengths leaves bits")


_JWE = {"alg": "dir", "enc": "A256GCM"}
_JWE_HEAD = json.dumps(_JWE).encode()
_BOMB = zlib.compress(b" " * 50_000_000, 9)[2:-4]
PARTS = rows(
    ES,
    {
        "no parts but dots": "..",
        "four parts": f"{GOOD}.{SIGNATURE}",
        "six parts": f"{GOOD}.a.b.c",
        "two parts": f"{HEAD}.{BODY}",
        "one part": HEAD,
        "a dot before": f".{GOOD}",
        "a dot behind": f"{GOOD}.",
        "a part between": f"{HEAD}..{BODY}.{SIGNATURE}",
        "an empty header": f".{BODY}.{SIGNATURE}",
        "an empty payload (detached, RFC 7515 appendix F)": f"{HEAD}..{SIGNATURE}",
        "an empty signature": f"{HEAD}.{BODY}.",
        "CVE-2025-30204: dots without end": "." * 12_000,
        "CVE-2025-22868: a header and dots without end": HEAD + "." * 12_000,
        "header and payload exchanged": f"{BODY}.{HEAD}.{SIGNATURE}",
        "two tokens in one": f"{GOOD}.{GOOD}",
        "a disclosure behind (SD-JWT)": f"{GOOD}~",
        "a JWE of five parts": ".".join(b64(part) for part in (_JWE_HEAD, b"", b"i" * 12, b"c", b"t" * 16)),
        "a JWE with our signature": f"{b64(_JWE_HEAD)}..{b64(b'i' * 12)}.{BODY}.{SIGNATURE}",
        "CVE-2024-33664: a JWE that is a zip bomb": ".".join(
            b64(part) for part in (json.dumps({**_JWE, "zip": "DEF"}).encode(), b"", b"i" * 12, _BOMB[:5000], b"t" * 16)
        ),
        "CVE-2025-62706: a JWS that says it is deflated": assemble(
            json.dumps(header(zip="DEF")).encode(), zlib.compress(json.dumps(claims()).encode())
        ),
        "a payload that is deflated": _bytes(zlib.compress(b'{"x":"' + b"x" * 9_000_000 + b'"}')),
        "CVE-2023-31582: PBES2 with a count for days": raw_token(
            {"alg": "PBES2-HS256+A128KW", "enc": "A128CBC-HS256", "p2c": 2**31 - 1, "p2s": "AAAAAAAAAAA"}, b"x"
        ),
        "CVE-2022-3102: a JWE's header over our signature": _signed(f"{b64(_JWE_HEAD)}.{BODY}"),
        "a token in a token": _bytes(json.dumps(GOOD).encode()),
        "a token as payload": _bytes(GOOD.encode()),
    },
)
CHARACTERS = rows(
    ES,
    {
        "padding behind the signature": f"{GOOD}==",
        "padding behind the payload, signed so": _signed(f"{HEAD}.{BODY}{'=' * (-len(BODY) % 4 or 4)}"),
        "padding behind the header, signed so": _signed(f"{HEAD}{'=' * (-len(HEAD) % 4 or 4)}.{BODY}"),
        "stray bits in the signature": f"{HEAD}.{BODY}.{_stray(SIGNATURE)}",
        "stray bits in the payload, signed so": _with_stray_payload(),
        "a length that base64 has not": f"{HEAD}.{BODY}.{SIGNATURE}AAA",
        "the standard alphabet": f"{HEAD}.{BODY}.{SIGNATURE[:-4]}+/+/",
        "a plus in the payload, signed so": _signed(f"{HEAD}.{BODY}++++"),
        "percent-encoded dots": GOOD.replace(".", "%2E"),
        "a percent-encoded letter": f"%65{GOOD[1:]}",
        "a space inside": f"{HEAD}.{BODY}. {SIGNATURE}",
        "a tab inside": f"{HEAD}.\t{BODY}.{SIGNATURE}",
        "a comma inside": f"{HEAD}.{BODY},{SIGNATURE}",
        "quotes around": f'"{GOOD}"',
        "angle brackets around": f"<{GOOD}>",
        "full-width dots": GOOD.replace(".", "\uff0e"),
        "a full-width letter": f"{HEAD}.{BODY}.\uff21{SIGNATURE[1:]}",
        "a Cyrillic letter": f"\u0435{GOOD[1:]}",
        "a zero-width space behind": f"{GOOD}\u200b",
        "a no-break space behind": f"{GOOD}\u00a0",
        "a byte order mark before": f"\ufeff{GOOD}",
        "a soft hyphen inside": f"{HEAD}.{BODY}.\u00ad{SIGNATURE}",
        "the JSON serialisation": json.dumps({"payload": BODY, "protected": HEAD, "signature": SIGNATURE}).replace(
            " ", ""
        ),
        "the general JSON serialisation": json.dumps(
            {"payload": BODY, "signatures": [{"protected": HEAD, "signature": SIGNATURE}]}
        ).replace(" ", ""),
        "CVE-2022-39227: JSON that is a compact token as well": json.dumps(
            {"protected": HEAD, "payload": b64(json.dumps(claims(sub="admin")).encode()), f"{GOOD}.": SIGNATURE}
        ).replace(" ", ""),
        "longer than any token": mint(claims(x="x" * MAX_TOKEN_CHARS)),
        "as long as a head may be": "a" * 60_000,
    },
)
JSON = rows(
    ES,
    {
        "a claim twice: sub": _payload('{"sub":"admin",REST'),
        "a claim twice: sub, once escaped": _payload('{"\\u0073ub":"admin",REST'),
        "a claim twice: scope": _payload('{"scope":"admin",REST'),
        "a claim twice: exp": _payload('{"exp":99999999999,REST'),
        "a claim twice: nbf": _payload('{"nbf":1,"nbf":2,REST'),
        "a claim twice: aud": _payload('{"aud":"other",REST'),
        "a claim twice: iss, ours last": _payload('{"iss":"https://other.test/",REST'),
        "a claim twice: iss, the same": _payload(f'{{"iss":"{ISS}",REST'),
        "a claim twice: jti": _payload('{"jti":"other",REST'),
        "a claim twice, deep within": _payload('{"x":{"y":[{"a":1,"a":1}]},REST'),
        "a claim twice, a thousand times": _payload("{" + '"x":1,' * 1000 + "REST"),
        "NaN": _payload('{"x":NaN,REST'),
        "Infinity": _payload('{"x":Infinity,REST'),
        "-Infinity": _payload('{"x":-Infinity,REST'),
        "a number that overflows": _payload('{"x":1e999,REST'),
        "a number of 5,000 digits (CVE-2020-10735)": _payload('{"x":' + "9" * 5000 + ",REST"),
        "a number with leading zeros": _payload('{"x":007,REST'),
        "a hexadecimal number": _payload('{"x":0x7,REST'),
        "a number with a plus": _payload('{"x":+7,REST'),
        "a number with an underscore": _payload('{"x":1_000,REST'),
        "digits of another script": _payload('{"x":\u0667,REST'),
        "a lone surrogate": _payload('{"x":"\\udfff",REST'),
        "a lone surrogate as a name": _payload('{"\\ud800":1,REST'),
        "CESU-8": _payload('{"x":"\ud83d\ude00",REST'),
        "a raw newline in a string": _payload('{"x":"a\nb",REST'),
        "a raw NUL in a string": _payload('{"x":"a\0b",REST'),
        "an unknown escape": _payload('{"x":"\\q",REST'),
        "Latin-1": _bytes(b'{"x":"\xe9",' + json.dumps(claims()).encode()[1:]),
        "overlong UTF-8": _bytes(b'{"x":"\xc0\xaf",' + json.dumps(claims()).encode()[1:]),
        "UTF-16": _bytes(json.dumps(claims()).encode("utf-16")),
        "UTF-16 without mark": _bytes(json.dumps(claims()).encode("utf-16-le")),
        "UTF-32": _bytes(json.dumps(claims()).encode("utf-32-be")),
        "UTF-8 with a mark": _payload("\ufeff{REST"),
        "something behind": _payload('{REST{"sub":"admin"}'),
        "a NUL behind": _payload("{REST\0"),
        "something before": _payload('{"sub":"admin"}{REST'),
        "a prefix against inclusion": _payload(")]}',\n{REST"),
        "not closed": _bytes(json.dumps(claims()).encode()[:-1]),
        "single quotes": _bytes(json.dumps(claims()).replace('"', "'").encode()),
        "a comma too many": _bytes(json.dumps(claims()).encode()[:-1] + b",}"),
        "a list": _bytes(b"[" + json.dumps(claims()).encode() + b"]"),
        "a string": _bytes(b'"admin"'),
        "a number": _bytes(b"7"),
        "null": _bytes(b"null"),
        "a space": _bytes(b" "),
        "MessagePack": _bytes(b"\x81\xa3sub\xa5admin"),
        "deep lists": _payload('{"x":' + "[" * 5000 + "]" * 5000 + ",REST"),
        "deep objects": _payload('{"x":' * 1500 + "1" + "}" * 1500),
        "deep and never closed": _payload('{"x":' + "[" * 9000),
        "wide lists": _payload('{"x":[' + "[]," * 3000 + "[]],REST"),
    },
)
ATTACKS: TokenAttacks = PARTS | CHARACTERS | JSON
ATTACKS["the secret's own text as a token"] = TokenAttack(hmac_token("HS256", private_key("HS256")))
