"""A token that is good somewhere else: another issuer's, another service's, one made for another purpose."""

import json

from sidecar.contract.snapshot import ClaimMap, Issuer

from ..authn.minting import AUD, NOW, claims, header, issuer, jwk, mint, private_key
from .token_attack import ES, SCOPE, TokenAttack, TokenAttacks, hmac_token, rows


def _trusted(name: str, algorithm: str = "ES256", number: int = 0, **changes: object) -> Issuer:
    iss = f"https://{name}.test/"
    return issuer(algorithm, name=name, issuer=iss, **{"keys": (jwk(algorithm, number),), **changes})


def _of(name: str, algorithm: str = "ES256", number: int = 0, **changes: object) -> str:
    """A token that says it is ``name``'s, signed by key ``number``."""
    return mint(claims(iss=f"https://{name}.test/", **changes), algorithm, number)


# Two issuers whose keys have the same kid; the honest caller is A's.
_TWO = (_trusted("a"), _trusted("b", number=1))
_HMAC_B = (_trusted("a", "RS256"), _trusted("b", "HS256"))
_OTHER_AUDIENCE = (_trusted("a"), _trusted("b", number=1, audiences=("b-only",)))
_OTHER_SCOPES = (_trusted("a"), _trusted("b", number=1, claims=ClaimMap(scopes=(("b_scope",),))))
_NO_KEYS = (_trusted("a"), _trusted("b", keys=(), keys_known=False))
_RS_HEAD = header("HS256")

BETWEEN_ISSUERS: TokenAttacks = {
    name: TokenAttack(token, issuers=trusted)
    for name, token, trusted in (
        ("A's token signed by B's key, kid the same", _of("a", number=1), _TWO),
        ("B's token signed by A's key, kid the same", _of("b"), _TWO),
        ("CVE-2018-15801: an issuer that nobody trusts, signed by A", _of("c"), _TWO),
        ("A's token signed by a stranger with A's kid", _of("a", number=7), _TWO),
        ("B's shared secret under A's name", _of("a", "HS256"), _HMAC_B),
        ("B's shared secret under A's name, labelled RS256", _of("a", "HS256").replace("HS256", "RS256"), _HMAC_B),
        ("A's RSA key under B's name", _of("b", "RS256"), _HMAC_B),
        (
            "A's public key as secret under B's name",
            hmac_token("HS256", json.dumps(dict(jwk("RS256"))).encode(), _RS_HEAD, claims(iss="https://b.test/")),
            _HMAC_B,
        ),
        ("A's audience in B's token", _of("b", number=1), _OTHER_AUDIENCE),
        ("B's audience in A's token", _of("a", aud="b-only"), _OTHER_AUDIENCE),
        ("both issuers in a list", mint(claims(iss=["https://a.test/", "https://b.test/"])), _TWO),
        ("both issuers in one string", mint(claims(iss="https://a.test/ https://b.test/")), _TWO),
        (
            "A in iss, B in the head",
            mint(claims(iss="https://a.test/"), "ES256", 1, header(iss="https://b.test/")),
            _TWO,
        ),
    )
}
BETWEEN_ISSUERS |= {
    "A's scope claim in B's token, who has another": TokenAttack(
        _of("b", number=1, scope="admin"), SCOPE, _OTHER_SCOPES, "/admin/a"
    ),
    "an issuer whose keys are not known: A's key": TokenAttack(_of("b"), (503, "keys_unavailable"), _NO_KEYS),
    "CVE-2021-21378: an unknown issuer on a public route": TokenAttack(_of("c"), issuers=_TWO, target="/public/a"),
    "a bad signature on a public route": TokenAttack(_of("a", number=7), issuers=_TWO, target="/public/a"),
    "an unsigned token on a public route": TokenAttack(
        _of("a").rpartition(".")[0] + ".", issuers=_TWO, target="/public/a"
    ),
    "another service's token on a public route": TokenAttack(_of("a", aud="web"), issuers=_TWO, target="/public/a"),
}

PURPOSES = rows(
    ES,
    {
        "an ID token: the client is the audience": mint(claims(aud="web", nonce="n", azp="web", scope=...)),
        "an ID token of several audiences": mint(claims(aud=["web", "app"], azp="web", nonce="n", scope=...)),
        "a refresh token as some issue it": mint(claims(aud="https://issuer.test/", typ="Refresh")),
        "a client's assertion (RFC 7523)": mint(claims(aud="https://issuer.test/oauth2/token", sub="web", jti="1")),
        "CVE-2025-27370: an assertion for several audiences": mint(
            claims(aud=["https://issuer.test/", "https://a.test/"])
        ),
        "a logout token": mint(
            claims(aud="web", events={"backchannel-logout": {}}),
            head=header(typ="logout+jwt"),
        ),
        "a logout token without typ, our audience, no exp": mint(claims(exp=..., events={"x": {}})),
        "a security event": mint(claims(events={"x": {}}, exp=...), head=header(typ="secevent+jwt")),
        "a DPoP proof": mint(
            {"htm": "GET", "htu": "https://orders.shop.test/", "iat": NOW, "jti": "x"},
            head=header(typ="dpop+jwt"),
        ),
        "a signed userinfo response": mint({"iss": "https://issuer.test/", "aud": "web", "sub": "7"}),
        "a signed introspection response": mint(
            {"iss": "https://issuer.test/", "aud": AUD, "iat": NOW, "token_introspection": claims(active=True)}
        ),
        "a request object": mint(
            {"iss": "web", "aud": "https://issuer.test/", "client_id": "web", "exp": NOW + 60, "scope": "admin"}
        ),
        "metadata that is signed": mint(
            {"iss": "https://issuer.test/", "iat": NOW, "jwks_uri": "https://issuer.test/jwks"}
        ),
        "the token of another service": mint(claims(aud="https://billing.shop.test")),
        "the token of another mesh's orders": mint(claims(aud="https://orders.other.test")),
        "a stranger's token in our words": mint(number=7),
        "a stranger's secret": hmac_token("HS256", bytes(private_key("HS256", 7))),
    },
)
ATTACKS: TokenAttacks = BETWEEN_ISSUERS | PURPOSES
