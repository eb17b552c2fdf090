"""API keys: found by id, proven by hash, and then a principal like any other."""

import math
from typing import Any

import pytest

from sidecar.authn.credential import Credential
from sidecar.authn.principal import Principal
from sidecar.authn.rejection import Rejection
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Revocation, Source
from sidecar.contract.strict import ContractError
from tests.authn.minting import API_KEY, ISS, NOW, api_key, bearer, issuer, mint, snapshot

OTHER = issuer("EdDSA", name="other", issuer="https://other.test/")
SECOND = "sgk_k8_" + "t" * 43


def _sent(text: str = API_KEY) -> Credential:
    return Credential(Source("api_key", "header", "x-api-key"), text)


def _reason(found: Principal | Rejection) -> Reason:
    return found.reason if isinstance(found, Rejection) else Reason.ALLOWED


def test_names_the_principal() -> None:
    """As a token of that issuer would."""
    who = Verifier(snapshot(api_keys=(api_key(expires_at=NOW + 5),))).verify(_sent(), NOW)
    assert isinstance(who, Principal)
    assert (who.issuer_name, who.issuer, who.subject, who.client) == ("partner", ISS, "robot", "web")
    assert who.scopes == {"orders:read"}
    assert who.expires_at == NOW + 5
    assert who.claims == {"iss": ISS, "sub": "robot", "client_id": "web", "scope": "orders:read", "exp": NOW + 5}


def test_one_without_an_end_has_none() -> None:
    """Neither a time nor a claim."""
    who = Verifier(snapshot(api_keys=(api_key(client=""),))).verify(_sent(), NOW)
    assert isinstance(who, Principal)
    assert who.expires_at == math.inf
    assert who.client is None
    assert who.claims.keys() == {"iss", "sub", "scope"}


WRONG = {
    "another secret": "sgk_k7_" + "t" * 43,
    "another key's secret": "sgk_k7_" + SECOND[7:],
    "another key's id": "sgk_k8_" + API_KEY[7:],
    "an unknown id": "sgk_k9_" + API_KEY[7:],
    "id in another case": "sgk_K7_" + API_KEY[7:],
    "the prefix in another case": "SGK_" + API_KEY[4:],
    "a character short": API_KEY[:-1],
    "a character long": API_KEY + "s",
    "no secret": "sgk_k7_",
    "no id": "sgk__" + API_KEY[7:],
    "the hash itself": "sgk_k7_" + api_key().secret_hash,
    "a line end": API_KEY + "\n",
    "beyond ASCII": API_KEY[:-1] + "\u017f",
    "a NUL": API_KEY + "\0",
    "a token": mint(),
    "empty": "",
    "endless": "sgk_k7_" + "s" * 1_000_000,
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_refuses_every_other_text(text: str) -> None:
    """For one reason, and with a detail that does not quote it."""
    verifier = Verifier(snapshot(api_keys=(api_key(), api_key(SECOND))))
    found = verifier.verify(_sent(text), NOW)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.INVALID_TOKEN
    assert text[7:] not in found.detail or len(text) < 8


def test_kinds_never_mix() -> None:
    """A key is no token and a token no key, wherever they stand."""
    verifier = Verifier(snapshot(api_keys=(api_key(),)))
    assert _reason(verifier.verify(bearer(API_KEY), NOW)) is Reason.INVALID_TOKEN
    assert _reason(verifier.verify(_sent(mint()), NOW)) is Reason.INVALID_TOKEN


def test_expires_to_the_second() -> None:
    """Without leeway: control made it and says when it ends."""
    verifier = Verifier(snapshot(api_keys=(api_key(expires_at=NOW),)))
    assert _reason(verifier.verify(_sent(), NOW - 1)) is Reason.ALLOWED
    assert _reason(verifier.verify(_sent(), NOW)) is Reason.TOKEN_EXPIRED


def test_a_route_accepts_only_its_issuers() -> None:
    """A key belongs to an issuer, as a token does."""
    verifier = Verifier(snapshot(issuer(), OTHER, api_keys=(api_key(),)))
    assert _reason(verifier.verify(_sent(), NOW, ("partner",))) is Reason.ALLOWED
    assert _reason(verifier.verify(_sent(), NOW, ("other",))) is Reason.INVALID_TOKEN
    assert _reason(verifier.verify(_sent(), NOW, ())) is Reason.INVALID_TOKEN


@pytest.mark.parametrize(("before", "revoked"), [(NOW - 1, False), (NOW, True), (NOW + 1, True)])
def test_a_key_made_since_counts(before: int, revoked: bool) -> None:
    """As a token does that was issued since."""
    verifier = Verifier(snapshot(api_keys=(api_key(issued_at=NOW),)))
    found = verifier.with_revocations((Revocation("partner", "subject", "robot", before),)).verify(_sent(), NOW)
    assert _reason(found) is (Reason.TOKEN_REVOKED if revoked else Reason.ALLOWED)


@pytest.mark.parametrize(
    ("entry", "revoked"),
    [
        (Revocation("partner", "subject", "robot", 1), True),
        (Revocation("partner", "client", "web", 1), True),
        (Revocation("partner", "issuer", "", 1), True),
        (Revocation("partner", "subject", "7", NOW), False),
        (Revocation("other", "issuer", "", NOW), False),
    ],
)
def test_revocations_name_it(entry: Revocation, revoked: bool) -> None:
    """By subject, client and issuer; a key that does not say when it was made counts as old."""
    verifier = Verifier(snapshot(issuer(), OTHER, api_keys=(api_key(),), revocations=(entry,)))
    assert _reason(verifier.verify(_sent(), NOW)) is (Reason.TOKEN_REVOKED if revoked else Reason.ALLOWED)


UNUSABLE: list[dict[str, Any]] = [
    {"id": "a_b"},
    {"id": "é"},
    {"id": "x" * 65},
    {"secret_hash": "ab"},
    {"secret_hash": "A" * 64},
    {"secret_hash": API_KEY},
    {"subject": "a\nb"},
    {"client": "a\x00"},
    {"scopes": ("a b",)},
    {"scopes": ("a\n",)},
]


@pytest.mark.parametrize("changes", UNUSABLE, ids=str)
def test_an_unusable_key_is_refused_when_loaded(changes: dict[str, Any]) -> None:
    """Rather than never found, or found and harmful further on."""
    with pytest.raises(ContractError) as caught:
        Verifier(snapshot(api_keys=(api_key(**changes),)))
    assert caught.value.code == "bad_key"
    assert API_KEY not in str(caught.value)
