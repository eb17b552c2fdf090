"""The cache of verified tokens: what it keeps under load, and what ends with a key, a rule, a time or a revocation."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from sidecar.authn.cache import MAX_ENTRIES, MAX_FALSE, TokenCache
from sidecar.authn.principal import Principal
from sidecar.authn.rejection import Rejection
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Issuer, Revocation
from tests.authn.minting import NOW, bearer, claims, issuer, jwk, mint, snapshot

OTHER = issuer("EdDSA", name="other", issuer="https://other.test/")
WHO = Principal("partner", "https://issuer.test/", "7", None, frozenset(), {}, NOW + 300.0, None)


def _reason(found: Principal | Rejection) -> Reason:
    return found.reason if isinstance(found, Rejection) else Reason.ALLOWED


def _use(cache: TokenCache, tokens: Iterable[int], now: float = NOW) -> float:
    """The share of uses that found their token."""
    uses = hits = 0
    who = replace(WHO, expires_at=now + 300)
    for token in tokens:
        digest = token.to_bytes(32, "big")
        uses += 1
        if cache.get(digest, now) is None:
            cache.put(digest, who, 1000, now)
        else:
            hits += 1
    return hits / uses


def test_tokens_in_turn_that_fit_are_all_found() -> None:
    """A thousand callers one after the other, where Envoy's hundred entries serve nobody."""
    for tokens in (1000, MAX_ENTRIES):
        cache = TokenCache()
        assert [_use(cache, range(tokens)) for _ in range(4)] == [0.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("tokens", [9000, 10_000, 20_000])
def test_tokens_in_turn_that_do_not_fit_are_found_as_far_as_they_fit(tokens: int) -> None:
    """The least recently used is the very next: a cache that dropped it would find nothing at all."""
    cache = TokenCache()
    room = MAX_ENTRIES / tokens
    shares = [_use(cache, range(tokens)) for _ in range(8)]
    assert shares[0] == 0.0
    assert min(shares[1:]) > 0.8 * room


def test_tokens_used_once_push_out_none_in_use() -> None:
    """Five hundred callers, each with forty strangers between two of his requests, two hundred thousand in all."""
    cache = TokenCache()
    hot = range(500)
    _use(cache, hot)
    _use(cache, hot)
    strangers = iter(range(1000, 10**9))
    for _ in range(10):
        assert _use(cache, hot) == 1.0
        _use(cache, (next(strangers) for _ in range(20_000)))
    assert len(cache) == MAX_ENTRIES


def test_newcomers_are_taken_in() -> None:
    """A thousand at once, while a cache full of tokens that were in use gives way; any number once those expired."""
    cache = TokenCache()
    for _ in range(3):
        _use(cache, range(MAX_ENTRIES))
    few, many = range(10**6, 10**6 + 1000), range(10**7, 10**7 + 6000)
    assert [_use(cache, few) for _ in range(3)] == [0.0, 1.0, 1.0]
    assert [_use(cache, many, NOW + 300) for _ in range(3)] == [0.0, 1.0, 1.0]


def test_it_is_bounded_both_ways() -> None:
    """By entries and by the tokens' size; one too large for it is not kept."""
    cache = TokenCache(max_entries=80, max_bytes=8000)
    _use(cache, range(200))
    assert len(cache) == 8
    small = TokenCache(max_entries=16, max_bytes=10**6)
    _use(small, range(200))
    assert len(small) == 16
    cache.put(b"huge", WHO, 10_000, NOW)
    assert cache.get(b"huge", NOW) is None


def test_false_ones_are_bounded() -> None:
    """The oldest goes first, and no true one with it."""
    cache = TokenCache()
    cache.put(b"true", WHO, 1000, NOW)
    for number in range(2 * MAX_FALSE):
        cache.put_false(number.to_bytes(32, "big"))
    assert not cache.is_false((MAX_FALSE - 1).to_bytes(32, "big"))
    assert cache.is_false(MAX_FALSE.to_bytes(32, "big"))
    assert cache.get(b"true", NOW) is WHO


def _work(verifier: Verifier, name: str = "partner") -> int:
    return verifier.issuers[name].signatures_checked


def test_a_signature_is_checked_once() -> None:
    """A true one and a false one; a false one does not become true by being asked often."""
    verifier = Verifier(snapshot())
    true, false = mint(), mint(number=1)
    for _ in range(5):
        assert _reason(verifier.verify(bearer(true), NOW)) is Reason.ALLOWED
        assert _reason(verifier.verify(bearer(false), NOW)) is Reason.INVALID_TOKEN
    assert _work(verifier) == 2
    assert verifier.issuers["partner"].hits == 8


def test_a_hit_is_checked_against_the_clock() -> None:
    """A cached token expires on time, and a clock set back does not make it valid early."""
    verifier = Verifier(snapshot())
    token = bearer(mint(claims(nbf=NOW - 100)))
    assert _reason(verifier.verify(token, NOW)) is Reason.ALLOWED
    assert _reason(verifier.verify(token, NOW + 304)) is Reason.ALLOWED
    assert _reason(verifier.verify(token, NOW + 305)) is Reason.TOKEN_EXPIRED
    assert len(verifier.issuers["partner"].cache) == 0
    assert _reason(verifier.verify(token, NOW)) is Reason.ALLOWED
    assert _reason(verifier.verify(token, NOW - 200)) is Reason.INVALID_TOKEN


def test_a_hit_is_checked_against_the_route() -> None:
    """Even an expired token tells a route of other issuers nothing."""
    verifier = Verifier(snapshot(issuer(), OTHER))
    token = bearer(mint())
    assert _reason(verifier.verify(token, NOW)) is Reason.ALLOWED
    assert _reason(verifier.verify(token, NOW + 999, ("other",))) is Reason.INVALID_TOKEN


def test_only_good_tokens_are_cached() -> None:
    """A flood of bad tokens leaves the cache as it was."""
    verifier = Verifier(snapshot())
    for token in ("", "a.b.c", mint(number=1), mint(claims(exp=NOW - 60)), mint(claims(aud="x")), mint(claims(cnf={}))):
        assert _reason(verifier.verify(bearer(token), NOW)) is not Reason.ALLOWED
    assert len(verifier.issuers["partner"].cache) == 0


def test_a_new_snapshot_keeps_what_was_verified() -> None:
    """Of every issuer that stays as it is, however the rest changes."""
    before = Verifier(snapshot(issuer(), OTHER))
    ours, theirs = bearer(mint()), bearer(mint(claims(iss="https://other.test/"), "EdDSA"))
    for token in (ours, theirs):
        assert _reason(before.verify(token, NOW)) is Reason.ALLOWED
    changed = issuer("EdDSA", name="other", issuer="https://other.test/", leeway_s=6)
    after = Verifier(snapshot(changed, issuer(), version=2), before)
    for token in (ours, theirs):
        assert _reason(after.verify(token, NOW)) is Reason.ALLOWED
    assert (_work(after), _work(after, "other")) == (1, 1)
    assert after.issuers["partner"].hits == 1
    assert after.issuers["other"].hits == 0


GONE: dict[str, tuple[Issuer, ...]] = {
    "its key": (issuer(keys=(jwk("ES256", 1, kid="k2"),)),),
    "its key, for another under the same kid": (issuer(keys=(jwk("ES256", 1),)),),
    "all keys": (issuer(keys=(), keys_known=False),),
    "its algorithm": (issuer(algorithms=("EdDSA",), keys=(jwk("EdDSA"),)),),
    "its audience": (issuer(audiences=("other",)),),
    "its issuer": (OTHER,),
    "the spelling of its iss": (issuer(issuer="https://issuer.test"),),
    "the kind of token": (issuer(token_type="at+jwt"),),
    "so long a life": (issuer(max_lifetime_s=60),),
    "the want of a claim": (issuer(required_claims=(("tenant",),)),),
}


@pytest.mark.parametrize("issuers", GONE.values(), ids=GONE.keys())
def test_nothing_outlives_what_let_it_through(issuers: tuple[Issuer, ...]) -> None:
    """A token in the cache is refused under the first snapshot that no longer has it, and back again under the next."""
    token = bearer(mint())
    before = Verifier(snapshot())
    assert _reason(before.verify(token, NOW)) is Reason.ALLOWED
    after = Verifier(snapshot(*issuers, version=2), before)
    assert _reason(after.verify(token, NOW)) in (Reason.INVALID_TOKEN, Reason.KEYS_UNAVAILABLE)
    assert _reason(Verifier(snapshot(version=3), after).verify(token, NOW)) is Reason.ALLOWED


def test_a_false_one_is_asked_again_under_new_keys() -> None:
    """What one key did not sign another may have."""
    token = bearer(mint(number=1))
    before = Verifier(snapshot())
    assert _reason(before.verify(token, NOW)) is Reason.INVALID_TOKEN
    after = Verifier(snapshot(issuer(keys=(jwk("ES256", 1),))), before)
    assert _reason(after.verify(token, NOW)) is Reason.ALLOWED


@pytest.mark.parametrize("by", [("jti", "t1"), ("subject", "7"), ("client", "web"), ("issuer", "")])
def test_a_revocation_reaches_the_cache(by: tuple[Any, str]) -> None:
    """With a snapshot or as an increment, without a signature checked again; and its end lets the token back in."""
    token = bearer(mint(claims(client_id="web")))
    revoked = (Revocation("partner", *by, NOW),)
    first = Verifier(snapshot())
    assert _reason(first.verify(token, NOW)) is Reason.ALLOWED
    second = first.with_revocations(revoked)
    assert _reason(second.verify(token, NOW)) is Reason.TOKEN_REVOKED
    assert _reason(first.verify(token, NOW)) is Reason.ALLOWED  # the one that a request has pinned
    third = Verifier(snapshot(revocations=revoked), second)
    assert _reason(third.verify(token, NOW)) is Reason.TOKEN_REVOKED
    assert _reason(third.with_revocations(()).verify(token, NOW)) is Reason.ALLOWED
    assert _work(third) == 1


def test_issuers_do_not_crowd_each_other() -> None:
    """Each has its own room: as many tokens as one may mint, another's stay."""
    verifier, token = Verifier(snapshot(issuer(), OTHER)), bearer(mint())
    assert _reason(verifier.verify(token, NOW)) is Reason.ALLOWED
    _use(verifier.issuers["other"].cache, range(3 * MAX_ENTRIES))
    assert _reason(verifier.verify(token, NOW)) is Reason.ALLOWED
    assert _work(verifier) == 1
