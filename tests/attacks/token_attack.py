"""One attack on a token, from the request's bytes to the answer: what is sent, whom the sidecar trusts, what it says.

``TokenAttack`` is a row of a table; ``carry_out`` plays it against the whole proxy and checks that the service never
heard of it, that nothing of the token came back or was logged, and that the honest caller behind it is let in.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac

from sidecar.contract.snapshot import Issuer, Route, Snapshot

from ..authn.minting import NOW, b64, claims, header, issuer, mint, needs
from ..proxy.stage import Stage
from .attack import Answer

INVALID: Answer = (401, "invalid_token")
MISSING: Answer = (401, "missing_token")
EXPIRED: Answer = (401, "token_expired")
REVOKED: Answer = (401, "token_revoked")
SCOPE: Answer = (403, "insufficient_scope")
SEVERAL: Answer = (400, "several_credentials")

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256")
ISSUERS = {algorithm: issuer(algorithm) for algorithm in ALGORITHMS}
ES, RS, PS, ED, HS = (ISSUERS[name] for name in ("ES256", "RS256", "PS256", "EdDSA", "HS256"))
ROUTES = (
    Route("/public/**", access="public"),
    Route("/admin/**", require=needs("admin")),
    Route("/mine/**"),
)
_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "HS256": hashes.SHA256,
    "HS384": hashes.SHA384,
    "HS512": hashes.SHA512,
}


@dataclass(frozen=True, slots=True)
class TokenAttack:
    """``token`` is what follows ``Bearer ``. ``issuers`` are those of the snapshot; the first one's honest token, of
    its first algorithm, must still pass."""

    token: str | bytes
    answer: Answer = INVALID
    issuers: tuple[Issuer, ...] = (ES,)
    target: str = "/mine/a"


TokenAttacks = dict[str, TokenAttack]


def rows(trusted: Issuer, tokens: Mapping[str, str | bytes], answer: Answer = INVALID) -> TokenAttacks:
    """A table's rows: each of these tokens, where this issuer alone is trusted."""
    return {name: TokenAttack(token, answer, (trusted,)) for name, token in tokens.items()}


def world(*issuers: Issuer, **changes: Any) -> Snapshot:
    """A snapshot with these issuers and the routes above."""
    usual: dict[str, Any] = {"routes": ROUTES, "issuers": issuers or (ES,)}
    return Snapshot("shop.test", "orders", 3, NOW - 60, **{**usual, **changes})


def asking(*lines: bytes, target: str = "/mine/a") -> bytes:
    """A GET with these header lines."""
    return f"GET {target} HTTP/1.1\r\nHost: orders\r\n".encode() + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def with_token(token: str | bytes, target: str = "/mine/a") -> bytes:
    """A GET with this token."""
    raw = token.encode("utf-8", "surrogatepass") if isinstance(token, str) else token
    return asking(b"Authorization: Bearer " + raw, target=target)


async def status_and_word(stage: Stage, raw: bytes) -> Answer:
    """What one request on a connection of its own is answered; ``ok`` if the service answered."""
    client = stage.client()
    await client.send(raw)
    head, body = await client.response()
    await client.close()
    if head.one("content-type") if head.all("content-type") else "":
        return head.status, json.loads(body)["reason"]
    return head.status, body.decode()


async def carry_out(attack: TokenAttack, stage: Stage) -> None:
    """Do it, and look at everything that a caller, the service or an operator would see."""
    client = stage.client()
    await client.send(with_token(attack.token, attack.target))
    head, body = await client.response()
    assert (head.status, json.loads(body)["reason"]) == attack.answer, stage.records
    assert stage.upstream_connections == 0, "the service heard of it"
    _quotes_nothing(attack.token, head.raw + body + repr(stage.records).encode())
    if head.status == 401:
        assert head.all("www-authenticate"), "RFC 6750 section 3"
    if not head.all("connection"):
        honest = mint(claims(iss=attack.issuers[0].issuer, scope="admin"), attack.issuers[0].algorithms[0])
        await client.send(with_token(honest, attack.target))
        assert (await client.response())[0].status == 200, "an honest caller on the same connection"
        assert stage.upstream_connections == 1
    await client.close()
    assert not stage.bugs, stage.bugs


def _quotes_nothing(token: str | bytes, said: bytes) -> None:
    raw = token.encode("utf-8", "surrogatepass") if isinstance(token, str) else token
    assert not [part for part in raw.split(b".") if len(part) > 20 and part in said]


def hmac_token(
    algorithm: str, secret: bytes, head: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
) -> str:
    """A token that anyone can make who knows ``secret``, such as a public key."""
    parts = (json.dumps(part).encode() for part in (head or header(algorithm), body or claims()))
    signing_input = ".".join(b64(part) for part in parts)
    tag = hmac.HMAC(secret, _HASHES[algorithm]())
    tag.update(signing_input.encode())
    return f"{signing_input}.{b64(tag.finalize())}"


def raw_token(head: Mapping[str, Any] | bytes, body: Mapping[str, Any] | bytes, signature: bytes = b"x" * 64) -> str:
    """A token of any three parts."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, body)]
    return ".".join(b64(part) for part in (*parts, signature))
