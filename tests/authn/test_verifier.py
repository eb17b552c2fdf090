"""The door: tokens in, principals or rejections out, and the revocations behind it."""

from typing import Any

import pytest

from sidecar.authn.principal import Principal
from sidecar.authn.rejection import Rejection
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Revocation
from sidecar.contract.strict import ContractError
from tests.authn.minting import ISS, NOW, bearer, claims, issuer, jwk, mint, snapshot

OTHER = issuer("EdDSA", name="other", issuer="https://other.test/")


def _reason(found: Principal | Rejection) -> Reason:
    return found.reason if isinstance(found, Rejection) else Reason.ALLOWED


@pytest.mark.parametrize(
    "algorithm",
    [
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES384",
        "ES512",
        "EdDSA",
        "Ed448",
        "HS256",
        "HS512",
    ],
)
def test_verifies_every_algorithm(algorithm: str) -> None:
    """A true token passes, and the same with one bit of its signature turned does not."""
    verifier = Verifier(snapshot(issuer(algorithm)))
    token = mint(algorithm=algorithm)
    assert _reason(verifier.verify(bearer(token), NOW)) is Reason.ALLOWED
    dot = token.rindex(".") + 1
    turned = token[:dot] + ("B" if token[dot] != "B" else "C") + token[dot + 1 :]
    assert _reason(verifier.verify(bearer(turned), NOW)) is Reason.INVALID_TOKEN


def test_each_issuer_has_its_own_keys() -> None:
    """A token of one issuer signed with another's key is refused."""
    verifier = Verifier(snapshot(issuer(), OTHER))
    assert _reason(verifier.verify(bearer(mint(claims(iss="https://other.test/"), "EdDSA")), NOW)) is Reason.ALLOWED
    assert _reason(verifier.verify(bearer(mint(claims(iss=ISS), "EdDSA")), NOW)) is Reason.INVALID_TOKEN
    assert _reason(verifier.verify(bearer(mint(claims(iss="https://other.test/"))), NOW)) is Reason.INVALID_TOKEN


def test_a_route_accepts_only_its_issuers() -> None:
    """Also when the token is already in the cache, which another route filled."""
    verifier = Verifier(snapshot(issuer(), OTHER))
    token = mint()
    for _ in range(2):
        assert _reason(verifier.verify(bearer(token), NOW, ("other",))) is Reason.INVALID_TOKEN
        assert _reason(verifier.verify(bearer(token), NOW, ())) is Reason.INVALID_TOKEN
        assert _reason(verifier.verify(bearer(token), NOW, ("partner",))) is Reason.ALLOWED
        assert _reason(verifier.verify(bearer(token), NOW)) is Reason.ALLOWED


def test_keys_never_obtained_are_not_the_callers_fault() -> None:
    """503 and not 401, but only for a token that could have been verified."""
    verifier = Verifier(snapshot(issuer(keys=(), keys_known=False)))
    assert _reason(verifier.verify(bearer(mint()), NOW)) is Reason.KEYS_UNAVAILABLE
    assert _reason(verifier.verify(bearer(mint(claims(iss="https://x.test/"))), NOW)) is Reason.INVALID_TOKEN
    assert _reason(verifier.verify(bearer(mint(algorithm="EdDSA")), NOW)) is Reason.INVALID_TOKEN


def test_reasons_of_time_are_for_true_signatures_only() -> None:
    """A forger learns nothing of expiry, binding or revocation."""
    revoked = Revocation("partner", "jti", "t1", 2**53 - 1)
    verifier = Verifier(snapshot(issuer(), revocations=(revoked,)))
    rows: list[tuple[dict[str, Any], Reason]] = [
        ({"exp": NOW - 60}, Reason.TOKEN_EXPIRED),
        ({"cnf": {}}, Reason.UNPROVEN_TOKEN),
        ({}, Reason.TOKEN_REVOKED),
    ]
    for changes, reason in rows:
        assert _reason(verifier.verify(bearer(mint(claims(**changes))), NOW)) is reason
        assert _reason(verifier.verify(bearer(mint(claims(**changes), number=1)), NOW)) is Reason.INVALID_TOKEN


REVOKED = {
    "by jti": (Revocation("partner", "jti", "t1", 2**53 - 1), True),
    "by another jti": (Revocation("partner", "jti", "t2", 2**53 - 1), False),
    "by subject, issued before": (Revocation("partner", "subject", "7", NOW - 9), True),
    "by subject, issued in that second": (Revocation("partner", "subject", "7", NOW - 10), True),
    "by subject, issued since": (Revocation("partner", "subject", "7", NOW - 11), False),
    "by client": (Revocation("partner", "client", "web", NOW), True),
    "by another client": (Revocation("partner", "client", "app", NOW), False),
    "by issuer": (Revocation("partner", "issuer", "", NOW), True),
    "another issuer's subject": (Revocation("other", "subject", "7", NOW), False),
    "another issuer": (Revocation("other", "issuer", "", NOW), False),
}


@pytest.mark.parametrize(("entry", "revoked"), REVOKED.values(), ids=REVOKED.keys())
def test_revocations_name_their_tokens(entry: Revocation, revoked: bool) -> None:
    """And no others."""
    verifier = Verifier(snapshot(issuer(), OTHER, revocations=(entry,)))
    found = verifier.verify(bearer(mint(claims(client_id="web"))), NOW)
    assert _reason(found) is (Reason.TOKEN_REVOKED if revoked else Reason.ALLOWED)


@pytest.mark.parametrize(("iat", "revoked"), [(..., True), (NOW - 9.5, True), (NOW - 9, False), (-5, True)])
def test_age_is_read_carefully(iat: Any, revoked: bool) -> None:
    """A token that hides its age counts as old; a fraction of the second counts as that second."""
    entry = Revocation("partner", "subject", "7", NOW - 10)
    found = Verifier(snapshot(revocations=(entry,))).verify(bearer(mint(claims(iat=iat))), NOW)
    assert _reason(found) is (Reason.TOKEN_REVOKED if revoked else Reason.ALLOWED)


def test_of_two_revocations_the_later_counts() -> None:
    """In whichever order they stand."""
    early, late = (Revocation("partner", "subject", "7", before) for before in (NOW - 100, NOW))
    for entries in ((early, late), (late, early)):
        assert _reason(Verifier(snapshot(revocations=entries)).verify(bearer(mint()), NOW)) is Reason.TOKEN_REVOKED


def test_increments_say_what_the_whole_says() -> None:
    """Whether entries are added, taken away, exchanged or given again later, the last list alone counts."""
    a, b = (Revocation("partner", "jti", name, NOW) for name in ("a", "b"))
    c, late = Revocation("partner", "subject", "7", NOW - 100), Revocation("partner", "subject", "7", NOW)
    token = {name: bearer(mint(claims(jti=name))) for name in ("a", "b", "c")}
    verifier = Verifier(snapshot(issuer()))
    for entries in ((a,), (a, b), (a, b, c), (a, b, c, late), (b, c), (), (b, a), (late,), (c,), (c, a), (late, c)):
        verifier = verifier.with_revocations(entries)
        whole = Verifier(snapshot(issuer(), revocations=entries))
        for sent in token.values():
            assert verifier.verify(sent, NOW) == whole.verify(sent, NOW)
        assert _reason(verifier.verify(token["c"], NOW)) is (
            Reason.TOKEN_REVOKED if late in entries else Reason.ALLOWED
        )


def test_a_rotated_key_overlaps() -> None:
    """Old and new key stand side by side; each token finds its own."""
    verifier = Verifier(snapshot(issuer(keys=(jwk("ES256", 0, kid="old"), jwk("ES256", 1, kid="new")))))
    assert _reason(verifier.verify(bearer(mint(head={"alg": "ES256", "kid": "old"})), NOW)) is Reason.ALLOWED
    assert _reason(verifier.verify(bearer(mint(number=1, head={"alg": "ES256", "kid": "new"})), NOW)) is Reason.ALLOWED
    assert (
        _reason(verifier.verify(bearer(mint(number=1, head={"alg": "ES256", "kid": "old"})), NOW))
        is Reason.INVALID_TOKEN
    )
    assert _reason(verifier.verify(bearer(mint(head={"alg": "ES256"})), NOW)) is Reason.INVALID_TOKEN


def test_an_unknown_kid_is_worth_asking_about() -> None:
    """Where control can fetch that issuer's keys, and only for a kid and an algorithm that could be its own."""
    known, fixed = issuer(refreshable=True), issuer("EdDSA", name="other", issuer="https://other.test/")
    verifier = Verifier(snapshot(known, fixed))
    rows = [
        (mint(head={"alg": "ES256", "kid": "new"}), "partner"),
        (mint(head={"alg": "ES256", "kid": "k1"}, number=1), None),
        (mint(head={"alg": "EdDSA", "kid": "new"}), None),
        (mint(claims(iss="https://other.test/"), head={"alg": "EdDSA", "kid": "new"}), None),
        (mint(claims(iss="https://x.test/"), head={"alg": "ES256", "kid": "new"}), None),
    ]
    for token, refresh in rows:
        found = verifier.verify(bearer(token), NOW)
        assert isinstance(found, Rejection)
        assert found.reason is Reason.INVALID_TOKEN
        assert found.refresh == refresh


def test_an_iss_has_one_issuer() -> None:
    """A snapshot in which two claim it, by alias or not, is refused."""
    for changes in ({"issuer": ISS}, {"aliases": (ISS,)}):
        other = issuer("EdDSA", **{"name": "other", "issuer": "https://other.test/", **changes})
        with pytest.raises(ContractError):
            Verifier(snapshot(issuer(), other))
