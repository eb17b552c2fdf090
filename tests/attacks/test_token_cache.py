"""Attacks on what the sidecar remembers: a token verified once must not open anything that it would not open today.

A cache keyed by the token alone was a bypass in several gateways, and one that outlives a key, a revocation or a policy
is the same. Each row warms the cache with an honest request, changes one thing, and asks again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import trio

from sidecar.authn.jose import decode_base64url
from sidecar.contract.snapshot import ClaimMap, Issuer, Revocation, Route, Snapshot, Source

from ..authn.minting import API_KEY, NOW, api_key, b64, claims, header, issuer, jwk, mint, needs, sign
from ..proxy.stage import Stage
from .attack import PASSED, Answer
from .token_attack import (
    ES,
    EXPIRED,
    INVALID,
    MISSING,
    REVOKED,
    ROUTES,
    SCOPE,
    SEVERAL,
    asking,
    raw_token,
    status_and_word,
    with_token,
    world,
)
from .token_signatures import ORDERS

OTHER = issuer("ES256", name="other", issuer="https://other.test/", keys=(jwk("ES256", 1),))
HERE = (
    Route("/other/**", issuers=("other",)),
    Route("/both/**", issuers=("partner", "other")),
    Route("/cookie/**", credentials=(Source(place="cookie", name="t"),)),
    *ROUTES,
)
WORLD = world(ES, OTHER, routes=HERE, api_keys=(api_key(),))
GOOD = mint(claims(client_id="web"))
HEAD, BODY, SIGNATURE = GOOD.split(".")
KEY = asking(b"Authorization: ApiKey " + API_KEY.encode(), target="/key/a")
KEYED = replace(WORLD, routes=(Route("/key/**", credentials=(Source("api_key"),)), *HERE))


def malleated(token: str) -> str:
    """The same claims under another, equally true signature, (r, n - s), which anyone can make of a token."""
    text, _, signature = token.rpartition(".")
    raw = decode_base64url(signature)
    other = ORDERS["ES256"] - int.from_bytes(raw[32:], "big")
    return f"{text}.{b64(raw[:32] + other.to_bytes(32, 'big'))}"


def trusting(**changes: Any) -> Callable[[Snapshot], Snapshot]:
    """The partner's rules changed."""
    changed: tuple[Issuer, ...] = (replace(ES, **changes), OTHER)
    return lambda before: replace(before, issuers=changed)


def revoking(by: Any, value: str, before: int = NOW + 60, name: str = "partner") -> Callable[[Snapshot], Snapshot]:
    """One revocation more."""
    entry = Revocation(name, by, value, before)
    return lambda now: replace(now, revocations=(*now.revocations, entry))


def unchanged(before: Snapshot) -> Snapshot:
    """Another version of the same."""
    return before


@dataclass(frozen=True, slots=True)
class Story:
    """``warm`` passes; then ``change`` and ``later`` seconds; then ``sent`` gets ``answer``."""

    answer: Answer
    change: Callable[[Snapshot], Snapshot] = unchanged
    sent: bytes = with_token(GOOD)
    warm: bytes = with_token(GOOD)
    later: float = 0
    world: Snapshot = WORLD


def _swapped(signature: bytes) -> bytes:
    return with_token(f"{HEAD}.{BODY}.{b64(signature)}")


_NEW_ES = issuer(keys=(jwk("ES256", 1),))
_UNSIGNED = f"{b64(json.dumps(header(alg='none')).encode())}.{BODY}."
STORIES = {
    # another text for what is remembered
    "the same payload, a stranger's signature": Story(INVALID, sent=_swapped(sign("ES256", b"x", 7))),
    "the same payload, no signature": Story(INVALID, sent=with_token(f"{HEAD}.{BODY}.")),
    "the same payload, one bit of the signature": Story(INVALID, sent=with_token(GOOD[:-2] + "AA")),
    "the same payload, zeros for a signature": Story(INVALID, sent=_swapped(bytes(64))),
    "the same signature, another payload": Story(
        INVALID, sent=with_token(f"{HEAD}.{b64(json.dumps(claims(sub='admin')).encode())}.{SIGNATURE}")
    ),
    "the same signature, another header": Story(
        INVALID, sent=with_token(f"{b64(json.dumps(header(typ='at+jwt')).encode())}.{BODY}.{SIGNATURE}")
    ),
    "alg none over what is remembered": Story(INVALID, sent=with_token(_UNSIGNED)),
    "the same token in capitals": Story(INVALID, sent=with_token(GOOD.upper())),
    "the same token and padding": Story(INVALID, sent=with_token(GOOD + "=")),
    "the same token and a dot": Story(INVALID, sent=with_token(GOOD + ".")),
    "the same token cut off": Story(INVALID, sent=with_token(GOOD[:-1])),
    "the same token twice": Story(SEVERAL, sent=asking(*[b"Authorization: Bearer " + GOOD.encode()] * 2)),
    "the same token in a cookie": Story(MISSING, sent=asking(b"Cookie: t=" + GOOD.encode())),
    "the same token where only a cookie counts": Story(INVALID, sent=with_token(GOOD, "/cookie/a")),
    "the same token as API key": Story(INVALID, sent=asking(b"Authorization: ApiKey " + GOOD.encode())),
    "the same jti, signed by a stranger": Story(INVALID, sent=with_token(mint(number=7))),
    # another route, time or rule for the same text
    "a route of another issuer": Story(INVALID, sent=with_token(GOOD, "/other/a")),
    "a route of another scope": Story(SCOPE, sent=with_token(GOOD, "/admin/a")),
    "remembered on a public route": Story(SCOPE, warm=with_token(GOOD, "/public/a"), sent=with_token(GOOD, "/admin/a")),
    "expired since": Story(EXPIRED, later=305),
    "expired long since": Story(EXPIRED, later=10**8),
    "the clock set back before nbf": Story(
        INVALID, later=-60, warm=with_token(mint(claims(nbf=NOW))), sent=with_token(mint(claims(nbf=NOW)))
    ),
    "the clock set back before iat": Story(INVALID, later=-60),
    "the leeway shrunk": Story(
        EXPIRED,
        trusting(leeway_s=0),
        later=301,
        world=replace(WORLD, issuers=(replace(ES, leeway_s=60), OTHER)),
    ),
    "the key removed": Story(INVALID, trusting(keys=(jwk("ES256", 3, kid="k2"),))),
    "the key replaced under its kid": Story(INVALID, trusting(keys=(jwk("ES256", 3),))),
    "the key no longer for signatures": Story(
        INVALID, trusting(keys=(jwk("ES256", use="enc"), jwk("ES256", 3, kid="k2")))
    ),
    "the keys unknown": Story((503, "keys_unavailable"), trusting(keys=(), keys_known=False)),
    "the algorithm no longer allowed": Story(INVALID, trusting(algorithms=("RS256",), keys=(jwk("RS256"),))),
    "the audience renamed": Story(INVALID, trusting(audiences=("web",))),
    "the issuer renamed": Story(INVALID, trusting(issuer="https://new.test/")),
    "the issuer gone": Story(INVALID, lambda now: replace(now, issuers=(OTHER,), routes=ROUTES, api_keys=())),
    "the issuer taken over by another of the same name": Story(
        INVALID, lambda now: replace(now, issuers=(_NEW_ES, OTHER))
    ),
    "the issuer's name taken by another": Story(
        INVALID,
        lambda now: replace(
            now, issuers=(replace(OTHER, name="partner"), replace(ES, name="other", keys=(jwk("ES256", 3),)))
        ),
    ),
    "the scope's claim moved": Story(
        SCOPE,
        trusting(claims=ClaimMap(scopes=(("scp",),))),
        warm=with_token(mint(claims(scope="admin", jti="s")), "/admin/a"),
        sent=with_token(mint(claims(scope="admin", jti="s")), "/admin/a"),
    ),
    "the subject's claim moved": Story(INVALID, trusting(claims=ClaimMap(subject=("uid",)))),
    "a lifetime bounded": Story(INVALID, trusting(max_lifetime_s=60)),
    "a type asked for": Story(INVALID, trusting(token_type="at+jwt")),
    "a claim asked for": Story(INVALID, trusting(required_claims=(("tenant",),))),
    "the route asks for more": Story(SCOPE, lambda now: replace(now, routes=(Route("/**", require=needs("admin")),))),
    "the route takes another issuer now": Story(
        INVALID, lambda now: replace(now, routes=(Route("/**", issuers=("other",)),))
    ),
    "the route gone": Story((404, "no_route"), lambda now: replace(now, routes=(Route("/else"),))),
    # revoked
    "revoked by jti": Story(REVOKED, revoking("jti", "t1")),
    "revoked by subject": Story(REVOKED, revoking("subject", "7")),
    "revoked by client": Story(REVOKED, revoking("client", "web")),
    "revoked by issuer": Story(REVOKED, revoking("issuer", "")),
    "revoked: issued before": Story(REVOKED, revoking("issuer", "", NOW - 10)),
    "revoked, seen on another route": Story(REVOKED, revoking("jti", "t1"), sent=with_token(GOOD, "/both/a")),
    "revoked, seen on a public route": Story(REVOKED, revoking("jti", "t1"), sent=with_token(GOOD, "/public/a")),
    "revoked, and its signature turned over": Story(REVOKED, revoking("jti", "t1"), sent=with_token(malleated(GOOD))),
    "revoked, and turned over before": Story(
        REVOKED, revoking("jti", "t1"), warm=with_token(malleated(GOOD)), sent=with_token(malleated(GOOD))
    ),
    "revoked by subject, who renews it without iat": Story(
        REVOKED, revoking("subject", "7"), sent=with_token(mint(claims(iat=..., jti="t2")))
    ),
    "revoked by subject, who changes the jti": Story(
        REVOKED, revoking("subject", "7"), sent=with_token(mint(claims(jti="t2")))
    ),
    "revoked by subject, who leaves the jti out": Story(
        REVOKED, revoking("subject", "7"), sent=with_token(mint(claims(jti=...)))
    ),
    "revoked, and a fraction of a second newer": Story(
        REVOKED, revoking("subject", "7", NOW - 10), sent=with_token(mint(claims(iat=NOW - 9.5)))
    ),
    # API keys
    "an API key revoked by its subject": Story(REVOKED, revoking("subject", "robot"), KEY, KEY, world=KEYED),
    "an API key revoked by its client": Story(REVOKED, revoking("client", "web"), KEY, KEY, world=KEYED),
    "an API key revoked by its issuer": Story(REVOKED, revoking("issuer", ""), KEY, KEY, world=KEYED),
    "an API key removed": Story(INVALID, lambda now: replace(now, api_keys=()), KEY, KEY, world=KEYED),
    "an API key renewed": Story(
        INVALID, lambda now: replace(now, api_keys=(api_key(secret_hash="0" * 64),)), KEY, KEY, world=KEYED
    ),
    "an API key expired": Story(
        EXPIRED, lambda now: replace(now, api_keys=(api_key(expires_at=NOW),)), KEY, KEY, world=KEYED
    ),
}


@pytest.mark.parametrize("name", STORIES)
async def test_what_was_good_is_not_good_for_ever(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """Twice let in, so that it is remembered for sure; then refused, and again, and the service hears of neither."""
    story = STORIES[name]
    stage = Stage(nursery, snapshot=story.world)
    for _ in range(2):
        assert await status_and_word(stage, story.warm) == PASSED, stage.records
    stage.gate.use(replace(story.change(story.world), version=4))
    stage.now += story.later
    for _ in range(2):
        assert await status_and_word(stage, story.sent) == story.answer, stage.records
    assert [record.status for record in stage.records[:2]] == [200, 200]
    assert stage.proxy.pool.open <= 1
    assert not stage.bugs


async def test_a_revocation_names_nobody_else(nursery: trio.Nursery, autojump_clock: object) -> None:
    """The same subject, client and jti of another issuer are other ones."""
    stage = Stage(nursery, snapshot=WORLD)
    theirs = with_token(mint(claims(iss=OTHER.issuer, client_id="web"), number=1))
    assert await status_and_word(stage, theirs) == PASSED
    revoked = WORLD
    for by, value in (("jti", "t1"), ("subject", "7"), ("client", "web"), ("issuer", "")):
        revoked = revoking(by, value)(revoked)
    stage.gate.use(replace(revoked, version=4))
    assert await status_and_word(stage, with_token(GOOD)) == REVOKED
    assert await status_and_word(stage, theirs) == PASSED


async def test_a_refusal_is_not_for_ever_either(nursery: trio.Nursery, autojump_clock: object) -> None:
    """A token refused for a key that was not there yet, a time to come or a route's issuers is good when they are."""
    without = replace(WORLD, issuers=(replace(ES, keys=(jwk("ES256", 3),)), OTHER))
    stage = Stage(nursery, snapshot=without)
    for _ in range(3):
        assert await status_and_word(stage, with_token(GOOD)) == INVALID
    stage.gate.use(replace(WORLD, version=4))
    assert await status_and_word(stage, with_token(GOOD)) == PASSED
    young = with_token(mint(claims(nbf=NOW + 60)))
    assert await status_and_word(stage, young) == INVALID
    stage.now += 60
    assert await status_and_word(stage, young) == PASSED
    assert await status_and_word(stage, with_token(mint(claims(jti="o")), "/other/a")) == INVALID
    assert await status_and_word(stage, with_token(mint(claims(jti="o")), "/both/a")) == PASSED


async def test_bad_tokens_crowd_nobody_out(nursery: trio.Nursery, autojump_clock: object) -> None:
    """Thousands of forgeries of a good token, each another: the good one stays good, and memory bounded."""
    stage = Stage(nursery, snapshot=WORLD)
    assert await status_and_word(stage, with_token(GOOD)) == PASSED
    client = stage.client()
    for number in range(3000):
        forged = raw_token(header(), claims(jti=str(number)), bytes(64))
        await client.send(with_token(forged))
        head, _ = await client.response()
        assert head.status == 401
    await client.send(with_token(GOOD))
    assert (await client.response())[0].status == 200
    await client.close()
