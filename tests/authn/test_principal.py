"""Verified claims -> who calls. Type confusion on each claim is in attacks/test_tokens."""

from typing import Any

import pytest

from sidecar.authn.principal import Principal, principal_from_claims
from sidecar.authn.rejection import Rejection
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import ClaimMap
from tests.authn.minting import AUD, ISS, NOW, claims, issuer


def _principal(issuer_changes: dict[str, Any] | None = None, **changes: Any) -> Principal:
    found = principal_from_claims(issuer(**(issuer_changes or {})), claims(**changes), NOW)
    assert isinstance(found, Principal), found
    return found


def test_names_the_principal() -> None:
    """Everything that the rest of the sidecar asks about is there."""
    assert _principal(client_id="web") == Principal(
        issuer_name="partner",
        issuer=ISS,
        subject="7",
        client="web",
        scopes=frozenset({"orders:read"}),
        claims=claims(client_id="web"),
        expires_at=NOW + 300,
        token_id="t1",
    )


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        (..., set()),
        ("", set()),
        ("a", {"a"}),
        ("a b  a", {"a", "b"}),
        ([], set()),
        (["a", "b:c"], {"a", "b:c"}),
    ],
)
def test_reads_scopes(scope: Any, scopes: set[str]) -> None:
    """A space-delimited string, a list of strings, or none."""
    assert _principal(scope=scope).scopes == scopes


@pytest.mark.parametrize(
    ("given", "client"),
    [
        ({}, None),
        ({"azp": "spa"}, "spa"),
        ({"client_id": "web", "azp": "spa"}, "web"),
    ],
)
def test_finds_the_client(given: dict[str, str], client: str | None) -> None:
    """client_id (RFC 9068), else azp (OpenID Connect)."""
    assert _principal(**given).client == client


def test_follows_the_issuers_map() -> None:
    """Each claim is looked for where the issuer keeps it, and only there."""
    where = ClaimMap(("user", "id"), (("https://shop.test/scp",),), (("app",),))
    given = {"user": {"id": "u9"}, "https://shop.test/scp": ["x"], "azp": "not-asked", "scope": "not-asked"}
    found = _principal({"claims": where}, **given)
    assert (found.subject, found.scopes, found.client) == ("u9", {"x"}, None)


def test_a_mapped_subject_is_not_replaced_by_sub() -> None:
    """Where the map's subject is missing the token is refused, though it has a sub."""
    found = principal_from_claims(issuer(claims=ClaimMap(subject=("oid",))), claims(), NOW)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.INVALID_TOKEN


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": NOW - 4}, None),
        ({"exp": NOW - 5}, Reason.TOKEN_EXPIRED),
        ({"exp": NOW - 4.5}, None),
        ({"exp": ...}, Reason.INVALID_TOKEN),
        ({"nbf": NOW + 5}, None),
        ({"nbf": NOW + 6}, Reason.INVALID_TOKEN),
        ({"iat": NOW + 5}, None),
        ({"iat": NOW + 6}, Reason.INVALID_TOKEN),
        ({"iat": ...}, None),
        ({"exp": NOW - 3600, "aud": "other"}, Reason.INVALID_TOKEN),
    ],
)
def test_time_has_edges(changes: dict[str, Any], reason: Reason | None) -> None:
    """Leeway is the issuer's 5 s, to the second, on both sides."""
    found = principal_from_claims(issuer(), claims(**changes), NOW)
    assert (found.reason if isinstance(found, Rejection) else None) is reason


@pytest.mark.parametrize("aud", [AUD, "orders", ["x", AUD], [AUD, AUD]])
def test_accepts_an_audience_of_ours(aud: Any) -> None:
    """A string or a list of strings that holds one of ours."""
    assert _principal(aud=aud)


def test_a_key_bound_token_is_unproven() -> None:
    """cnf (RFC 7800) asks for a proof that is not looked at yet, whatever its value."""
    for cnf in ({"jkt": "x"}, {}, None):
        found = principal_from_claims(issuer(), claims(cnf=cnf), NOW)
        assert isinstance(found, Rejection)
        assert found.reason is Reason.UNPROVEN_TOKEN
