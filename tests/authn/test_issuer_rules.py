"""What an issuer may ask of its tokens beyond what every token must hold."""

from typing import Any

import pytest

from sidecar.authn.principal import Principal
from sidecar.authn.rejection import Rejection
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import ClaimMap, Revocation
from tests.authn.minting import ISS, NOW, bearer, claims, header, issuer, mint, snapshot

ALIAS = "issuer.test"


def _verify(rules: dict[str, Any], head: dict[str, Any] | None = None, **body: Any) -> Principal | Rejection:
    token = mint(claims(**body), head=head)
    verifier = Verifier(snapshot(issuer(**rules)))
    first, second = verifier.verify(bearer(token), NOW), verifier.verify(bearer(token), NOW)
    assert first == second  # from the cache as well
    return first


def _reason(found: Principal | Rejection) -> Reason:
    return found.reason if isinstance(found, Rejection) else Reason.ALLOWED


def test_an_alias_is_the_same_issuer() -> None:
    """Its principals are named as the others, so that one revocation reaches both spellings."""
    who = _verify({"aliases": (ALIAS,)}, iss=ALIAS)
    assert isinstance(who, Principal)
    assert (who.issuer_name, who.issuer, who.claims["iss"]) == ("partner", ISS, ALIAS)
    revoked = snapshot(issuer(aliases=(ALIAS,)), revocations=(Revocation("partner", "subject", "7", NOW),))
    for iss in (ISS, ALIAS):
        assert _reason(Verifier(revoked).verify(bearer(mint(claims(iss=iss))), NOW)) is Reason.TOKEN_REVOKED


@pytest.mark.parametrize("iss", ["ISSUER.test", "issuer.test/", "issuer.tes", "partner", [ALIAS], "\uff49ssuer.test"])
def test_an_alias_is_exact(iss: Any) -> None:
    """No prefix, no other case, no look-alike, not the issuer's name in the policy."""
    assert _reason(_verify({"aliases": (ALIAS,)}, iss=iss)) is Reason.INVALID_TOKEN


def test_an_alias_brings_no_other_rules() -> None:
    """Keys, audiences and the routes' lists of issuers hold under every spelling."""
    other = issuer("EdDSA", name="other", issuer="https://other.test/", aliases=("other.test",))
    verifier = Verifier(snapshot(issuer(aliases=(ALIAS,)), other))
    assert _reason(verifier.verify(bearer(mint(claims(iss=ALIAS, aud="x"))), NOW)) is Reason.INVALID_TOKEN
    assert _reason(verifier.verify(bearer(mint(claims(iss="other.test"))), NOW)) is Reason.INVALID_TOKEN
    assert _reason(verifier.verify(bearer(mint(claims(iss=ALIAS), "EdDSA")), NOW)) is Reason.INVALID_TOKEN
    assert _reason(verifier.verify(bearer(mint(claims(iss=ALIAS))), NOW, ("other",))) is Reason.INVALID_TOKEN
    assert _reason(verifier.verify(bearer(mint(claims(iss=ALIAS))), NOW, ("partner",))) is Reason.ALLOWED


TYPES = [
    ("at+jwt", True),
    ("AT+JWT", True),
    ("application/at+jwt", True),
    ("Application/At+Jwt", True),
    ("JWT", False),
    ("application/jwt", False),
    (..., False),
    ("at+jwt ", False),
    ("application/application/at+jwt", False),
    ("id+jwt", False),
]


@pytest.mark.parametrize(("typ", "accepted"), TYPES, ids=str)
def test_only_access_tokens_where_the_issuer_types_them(typ: Any, accepted: bool) -> None:
    """RFC 9068 section 4; an ID token of the same issuer is refused."""
    found = _verify({"token_type": "at+jwt"}, header(typ=typ))
    assert _reason(found) is (Reason.ALLOWED if accepted else Reason.INVALID_TOKEN)


LIFETIMES: list[tuple[dict[str, Any], bool]] = [
    ({"iat": NOW - 10, "exp": NOW + 290}, True),
    ({"iat": NOW - 10, "exp": NOW + 291}, False),
    ({"iat": NOW - 10, "exp": NOW + 290.5}, False),
    ({"iat": NOW - 10.5, "exp": NOW + 289.5}, True),
    ({"iat": ..., "exp": NOW + 100}, False),
    ({"iat": -(2**40), "exp": NOW + 100}, False),
    ({"iat": 0, "exp": NOW + 100, "nbf": NOW}, False),
    ({"iat": str(NOW), "exp": NOW + 100}, False),
    ({"iat": NOW + 100, "exp": NOW + 200}, False),
]


@pytest.mark.parametrize(("times", "accepted"), LIFETIMES, ids=str)
def test_no_token_is_made_for_longer_than_the_issuer_may(times: dict[str, Any], accepted: bool) -> None:
    """Counted from ``iat``, without which a lifetime is not known."""
    found = _verify({"max_lifetime_s": 300}, **times)
    assert _reason(found) is (Reason.ALLOWED if accepted else Reason.INVALID_TOKEN)


def test_the_refusal_says_what_is_missing() -> None:
    """To operators: which claim, of which issuer."""
    rules = {"required_claims": (("tenant", "id"), ("roles", "[]", "name"))}
    good: dict[str, Any] = {"tenant": {"id": "acme"}, "roles": [{"name": "clerk"}]}
    assert _reason(_verify(rules, **good)) is Reason.ALLOWED
    assert _reason(_verify(rules, **{**good, "tenant": {"id": False}})) is Reason.ALLOWED
    for changes in ({"tenant": ...}, {"tenant": {"id": None}}, {"tenant": "id"}, {"tenant": []}):
        found = _verify(rules, **{**good, **changes})
        assert isinstance(found, Rejection)
        assert found.reason is Reason.INVALID_TOKEN
        assert "tenant.id is missing" in found.detail
    for roles in ([], [{}], {"name": "clerk"}, "clerk"):
        assert _reason(_verify(rules, **{**good, "roles": roles})) is Reason.INVALID_TOKEN


def test_the_audience_may_stand_elsewhere() -> None:
    """Cognito's access tokens say it in ``client_id``; its ID tokens, which say it in ``aud``, are then none."""
    rules = {"audiences": ("app1",), "claims": ClaimMap(audience=("client_id",))}
    assert _reason(_verify(rules, aud=..., client_id="app1")) is Reason.ALLOWED
    assert _reason(_verify(rules, aud=..., client_id="app2")) is Reason.INVALID_TOKEN
    assert _reason(_verify(rules, aud="app1")) is Reason.INVALID_TOKEN
    nested = {"audiences": ("app1",), "claims": ClaimMap(audience=("apps", "[]", "id"))}
    assert _reason(_verify(nested, apps=[{"id": "x"}, {"id": "app1"}])) is Reason.ALLOWED
    assert _reason(_verify(nested, apps=[])) is Reason.INVALID_TOKEN


def test_several_places() -> None:
    """Scopes are all that stand anywhere; the client is the first that is there."""
    places = ClaimMap(scopes=(("scope",), ("permissions",), ("grants", "[]", "name")), client=(("cid",), ("azp",)))
    body: dict[str, Any] = {"permissions": ["read:x"], "grants": [{"name": "g1"}, {"name": "g2"}], "azp": "web"}
    who = _verify({"claims": places}, **body)
    assert isinstance(who, Principal)
    assert who.scopes == {"orders:read", "read:x", "g1", "g2"}
    assert who.client == "web"
    assert _reason(_verify({"claims": places}, **body, cid=5)) is Reason.INVALID_TOKEN
    assert _reason(_verify({"claims": places}, grants=[{"name": "a b"}])) is Reason.INVALID_TOKEN


@pytest.mark.parametrize("events", [{}, {"http://schemas.openid.net/event/backchannel-logout": {}}])
def test_a_security_event_is_no_access_token(events: dict[str, Any]) -> None:
    """A logout token that nobody typed is signed by the issuer as well (RFC 8417 section 4.6)."""
    assert _reason(_verify({}, events=events)) is Reason.INVALID_TOKEN
    assert _reason(_verify({}, events=["sale"])) is Reason.ALLOWED
