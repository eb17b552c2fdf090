"""Each preset takes its provider's access tokens, signed and whole, and refuses what only looks like them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from control.policy import compile_snapshot, load
from sidecar.authn.claims import ABSENT
from sidecar.authn.credential import Credential
from sidecar.authn.principal import Principal
from sidecar.authn.rejection import Rejection
from sidecar.authn.verifier import Verifier
from sidecar.authz.rules import roles_at
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Snapshot, Source

VECTORS = Path(__file__).parents[2] / "vectors" / "providers"
FILES = sorted(VECTORS.glob("*.json"))
KEY = rsa.generate_private_key(65537, 2048)


def vectors(path: Path) -> dict[str, Any]:
    """What stands in the file."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def snapshot_of(provider: dict[str, Any], known: bool = True) -> Snapshot:
    """The provider's issuer, compiled with keys as control would have fetched them."""
    source = {
        "trust_domain": "shop.test",
        "issuers": {"provider": provider["issuer"]},
        "services": {"orders": {"routes": [{"path": "/**"}]}},
    }
    policy = load(json.dumps(source), {}, {})
    assert not policy.warnings
    kids = sorted({token["header"]["kid"] for token in provider["accepted"]})
    public = {
        name: value for name, value in RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True).items() if name in "ne"
    }
    keys = tuple({"kty": "RSA", "use": "sig", "kid": kid, **public} for kid in kids)
    fetched = {policy.issuers[0].keys_from: keys} if known else {}
    return compile_snapshot(policy, "orders", version=1, issued_at=0, own=None, secrets=lambda _: None, fetched=fetched)


def verified(provider: dict[str, Any], header: dict[str, str], claims: dict[str, Any]) -> Principal | Rejection:
    """What a sidecar says to the token."""
    token = jwt.encode(claims, KEY, "RS256", headers={"typ": None, **header})
    return Verifier(snapshot_of(provider)).verify(Credential(Source(), token), provider["now"])


def accepted() -> Iterator[Any]:
    """Each token that is to pass."""
    for path in FILES:
        for number, token in enumerate(vectors(path)["accepted"]):
            yield pytest.param(path, number, id=f"{path.stem}: {token['name']}")


def refused() -> Iterator[Any]:
    """Each near miss."""
    for path in FILES:
        for number, token in enumerate(vectors(path)["refused"]):
            yield pytest.param(path, number, id=f"{path.stem}: {token['name']}")


@pytest.mark.parametrize(("path", "number"), list(accepted()))
def test_a_provider_s_access_token_says_who_calls(path: Path, number: int) -> None:
    """Subject, client, scopes and roles, wherever this provider keeps them."""
    provider = vectors(path)
    token = provider["accepted"][number]
    who = verified(provider, token["header"], token["claims"])
    assert isinstance(who, Principal), who
    wanted = token["principal"]
    assert (who.subject, who.client, sorted(who.scopes)) == (wanted["subject"], wanted["client"], wanted["scopes"])
    roles = roles_at(who.claims, snapshot_of(provider).issuers[0].claims.roles)
    assert (None if roles is ABSENT else roles) == wanted["roles"]


@pytest.mark.parametrize(("path", "number"), list(refused()))
def test_a_near_miss_is_refused_for_what_is_wrong_with_it(path: Path, number: int) -> None:
    """ID tokens, other tenants, other audiences: well signed, and not for this service."""
    provider = vectors(path)
    miss = provider["refused"][number]
    base = provider["accepted"][miss["of"]]
    claims = miss.get("claims") or {**base["claims"], **miss["change"]}
    claims = {name: value for name, value in claims.items() if value is not None}
    who = verified(provider, base["header"], claims)
    assert isinstance(who, Rejection)
    assert who.reason is Reason.INVALID_TOKEN
    assert miss["because"] in who.detail


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_until_keys_are_fetched_tokens_are_503(path: Path) -> None:
    """And never 401: the caller has done nothing wrong."""
    provider = vectors(path)
    [issuer] = snapshot_of(provider, known=False).issuers
    assert (issuer.keys, issuer.keys_known, issuer.refreshable) == ((), False, True)
    token = provider["accepted"][0]
    text = jwt.encode(token["claims"], KEY, "RS256", headers=token["header"])
    who = Verifier(snapshot_of(provider, known=False)).verify(Credential(Source(), text), provider["now"])
    assert isinstance(who, Rejection)
    assert who.reason is Reason.KEYS_UNAVAILABLE


def test_every_preset_has_vectors() -> None:
    """Seven presets, nine shapes of token, each with its source."""
    found = [vectors(path) for path in FILES]
    assert {one["issuer"]["preset"] for one in found} == {
        *("auth0", "okta", "ping", "keycloak", "entra", "cognito", "google")
    }
    assert all(one["source"].startswith("https://") and one["about"] for one in found)
