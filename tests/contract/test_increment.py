"""Increments and the chains that they make: exact bytes, no gap, and a place that two ends can compare."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sidecar.contract.envelope import INCREMENT, Sealed, public_bytes, seal
from sidecar.contract.increment import (
    MAX_INCREMENT_BYTES,
    Chain,
    Increment,
    decode_increment,
    encode_increment,
    extended,
    open_increments,
)
from sidecar.contract.messages import InUse
from sidecar.contract.snapshot import Issuer, Revocation, Snapshot, encode
from sidecar.contract.strict import ContractError, pack, unpack

KEY = Ed25519PrivateKey.generate()
NOW = 1_800_000_000
JTI = Revocation("own", "jti", "abc", 2**53 - 1, NOW + 60)
OWN = Issuer("own", "https://own.test", ("orders",), ("ES256",))
SNAPSHOT = Snapshot("shop.test", "orders", 4, 1, issuers=(OWN,), revocations=(Revocation("own", "jti", "old", 9, 9),))


def step(version: int, *revocations: Revocation, domain: str = "shop.test") -> Increment:
    """From the version before."""
    return Increment(domain, version - 1, version, NOW, revocations)


def signed(increment: Increment) -> Sealed:
    """By the one key."""
    return seal(encode_increment(increment), KEY, INCREMENT)


def code(caught: pytest.ExceptionInfo[ContractError]) -> str:
    """The stable word."""
    return caught.value.code


def test_comes_back_as_it_went() -> None:
    """Equal values, equal bytes."""
    increment = step(5, JTI, Revocation("own", "issuer", "", 7))
    assert decode_increment(encode_increment(increment)) == increment
    assert encode_increment(increment) == encode_increment(replace(increment))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"base": 5},
        {"base": 3},
        {"base": 0, "version": 1},
        {"version": "5"},
        {"trust_domain": ""},
        {"surprise": 1},
        {"revocations": [{"issuer": "own"}]},
        {"revocations": []},
        {"issued_at": -1},
    ],
)
def test_is_exact(changes: dict[str, object]) -> None:
    """What ``encode_increment`` could not have written is refused, also a default that is spelled out."""
    fields = unpack(encode_increment(step(5)))
    assert isinstance(fields, dict)
    with pytest.raises(ContractError):
        decode_increment(pack(fields | changes))


def test_is_bounded() -> None:
    """Before it is read."""
    with pytest.raises(ContractError) as caught:
        decode_increment(b"\0" * (MAX_INCREMENT_BYTES + 1))
    assert code(caught) == "too_large"


def test_a_snapshot_is_no_increment_and_an_increment_no_snapshot() -> None:
    """Each is signed as what it is."""
    for sealed in (seal(encode_increment(step(5)), KEY), seal(encode(SNAPSHOT), KEY)):
        with pytest.raises(ContractError) as caught:
            open_increments([sealed], public_bytes(KEY))
        assert code(caught) == "bad_signature"


def test_adds_to_a_snapshot_and_drops_what_is_over() -> None:
    """Version and time move on; an issuer that does not count here, and an entry past its time, take no room."""
    other = Revocation("other", "jti", "x", 1)
    whole = extended(SNAPSHOT, [step(5, JTI), step(6, other)], NOW)
    assert (whole.version, whole.issued_at, whole.revocations) == (6, NOW, (JTI,))
    assert whole.issuers is SNAPSHOT.issuers
    later = extended(whole, [step(7)], NOW + 61)
    assert later.revocations == ()
    assert extended(SNAPSHOT, [], NOW) is SNAPSHOT


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([step(6)], "gap"),
        ([step(5), step(7)], "gap"),
        ([step(4)], "gap"),
        ([step(5, domain="b")], "wrong_trust_domain"),
    ],
    ids=["one too far", "one left out", "again", "another mesh"],
)
def test_what_does_not_continue_it_is_refused(steps: list[Increment], why: str) -> None:
    """The one left out may be the one that counts."""
    with pytest.raises(ContractError) as caught:
        extended(SNAPSHOT, steps, NOW)
    assert code(caught) == why


def test_a_chain_knows_its_places() -> None:
    """From each the rest follows; from elsewhere nothing does. Equal content, equal place, however it came about."""
    first, second = signed(step(5)), signed(step(6, JTI))
    base = seal(encode(SNAPSHOT), KEY)
    chain = Chain.begin(4, base, (first, second))
    assert chain == Chain.begin(4, base).plus((first,)).plus((second,))
    assert chain.plus(()) is chain
    assert [place.version for place in chain.places] == [4, 5, 6]
    assert chain.places[0] == InUse(4, base.digest)
    assert [chain.after(place) for place in chain.places] == [(first, second), (second,), ()]
    for elsewhere in (None, InUse(5, base.digest), InUse(3, base.digest), InUse(7, chain.in_use.digest)):
        assert chain.after(elsewhere) is None
    assert Chain.begin(4, base, (second, first)).in_use.digest != chain.in_use.digest
