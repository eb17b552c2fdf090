"""The pages on outside providers say what the code does: policies hold, near misses are told as they tell them."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from control.policy import Policy, check, compile_snapshot, load
from sidecar.authn.credential import Credential
from sidecar.authn.rejection import Rejection
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Snapshot, Source

PAGES = Path(__file__).parents[3] / "docs" / "providers"
NAMES = sorted(path.stem for path in PAGES.glob("*.md"))
KEY = rsa.generate_private_key(65537, 2048)
NOW = 1_800_000_000
CLIENT = {"auth0": "azp", "okta": "cid", "pingone": "client_id", "pingfederate": "client_id", "entra": "azp"}

Miss = tuple[str, Mapping[str, Any]]
MISSES: dict[str, list[Miss]] = {
    "auth0": [
        ("auth0", {"aud": "K1AUPhZq8m"}),
        ("auth0", {"aud": "https://orders.shop.test/"}),
        ("auth0", {"iss": "https://login.shop.test/"}),
    ],
    "okta": [
        ("okta", {"iss": "https://acme.okta.com"}),
        ("okta", {"aud": "api://orders"}),
        ("okta", {"cid": None}),
    ],
    "ping": [
        ("pingone", {"aud": ["https://api.pingone.eu"]}),
        ("pingone", {"iss": "https://auth.pingone.com/8f1d9a6e-5f0c-4c56-9a3f-0d3c1b2a4e5f/as"}),
        ("pingone", {"client_id": None}),
        ("pingfederate", {"aud": None}),
    ],
    "keycloak": [
        ("keycloak", {"aud": "account"}),
        ("keycloak", {"aud": None}),
        ("keycloak", {"iss": "http://keycloak:8080/realms/shop"}),
        ("keycloak", {"sub": None}),
    ],
    "entra": [
        ("entra", {"iss": "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/"}),
        ("entra", {"aud": "api://6e74172b-be56-4843-9ff4-e66a39bb12e3"}),
        ("entra", {"aud": "00000003-0000-0000-c000-000000000000"}),
        ("entra", {"azp": None}),
    ],
}
"""The issuer, and what is other than in a token that passes."""


@cache
def text_of(page: str) -> str:
    """The page."""
    return (PAGES / f"{page}.md").read_text()


@cache
def policy_of(page: str) -> Policy:
    """Its policy, whole as it stands there."""
    [block] = re.findall(r"```yaml\n(.*?)```", text_of(page), re.DOTALL)
    return load(block, {}, {})


def snapshot_of(policy: Policy, known: bool = True) -> Snapshot:
    """What a sidecar gets, with keys as control would have fetched them."""
    members = RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    key = {"kty": "RSA", "use": "sig", "kid": "k", **{name: members[name] for name in "ne"}}
    fetched = {issuer.keys_from: (key,) for issuer in policy.issuers} if known else {}
    means = {"own": None, "secrets": lambda _: None, "fetched": fetched}
    return compile_snapshot(policy, "orders", version=1, issued_at=0, **means)  # type: ignore[arg-type]  # as they are named


def said(snapshot: Snapshot, issuer: str, changes: Mapping[str, Any]) -> str:
    """The detail of the refusal of one token."""
    known = next(one for one in snapshot.issuers if one.name == issuer)
    usual = {"iss": known.issuer, "aud": known.audiences[0], "sub": "ann", "exp": NOW + 60}
    claims = {**usual, CLIENT.get(issuer, "azp"): "web", **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return refused(snapshot, jwt.encode(claims, KEY, "RS256", headers={"kid": "k"}))


def refused(snapshot: Snapshot, token: str) -> str:
    """The detail."""
    answer = Verifier(snapshot).verify(Credential(Source(), token), NOW)
    assert isinstance(answer, Rejection), answer
    return answer.detail


def details_of(page: str) -> list[str]:
    """Those that the page tells, without those of keys and of tokens that are none."""
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.+?)`)? ?\| [^|]+ \|$", text_of(page), re.MULTILINE)
    assert all(reason in set(Reason) for reason, _ in rows)
    return [detail for _, detail in rows if detail]


def elsewhere(page: str) -> set[str]:
    """Details that no changed claim brings: of an opaque token, of another algorithm, of keys that are not there."""
    policy, found = policy_of(page), set[str]()
    found.add(refused(snapshot_of(policy), "an-opaque-token"))
    for issuer in snapshot_of(policy).issuers:
        claims = {"iss": issuer.issuer, "aud": issuer.audiences[0], "sub": "ann", "exp": NOW + 60}
        found.add(refused(snapshot_of(policy), jwt.encode(claims, "s" * 32, "HS256", headers={"kid": "k"})))
        found.add(said(snapshot_of(policy, known=False), issuer.name, {}))
    return found


def test_each_provider_has_its_page() -> None:
    """And the index leads to each."""
    assert NAMES == ["auth0", "entra", "keycloak", "okta", "ping"]
    index = (PAGES.parent / "providers.md").read_text()
    assert all(f"(providers/{name}.md)" in index for name in NAMES)


@pytest.mark.parametrize("page", NAMES)
def test_the_policy_of_a_page_holds(page: str) -> None:
    """It loads without a warning, and its own tests pass, whose keys nobody has fetched."""
    report = check(policy_of(page), now=NOW)
    assert report.ok, report.format()
    assert not report.warnings
    assert all(issuer.fetched for issuer in policy_of(page).issuers)


@pytest.mark.parametrize("page", NAMES)
def test_a_near_miss_is_told_as_the_page_tells_it(page: str) -> None:
    """To the letter, and nothing that is told never happens."""
    snapshot = snapshot_of(policy_of(page))
    seen = {said(snapshot, issuer, changes) for issuer, changes in MISSES[page]}
    told = details_of(page)
    assert not seen - set(told)
    assert not set(told) - seen - elsewhere(page) - without_uid(page)


def without_uid(page: str) -> set[str]:
    """What Okta's page says of ``claims: {subject: uid}``."""
    if page != "okta":
        return set()
    snapshot = snapshot_of(policy_of(page))
    [issuer] = snapshot.issuers
    by_uid = replace(issuer, claims=replace(issuer.claims, subject=("uid",)))
    return {said(replace(snapshot, issuers=(by_uid,)), "okta", {})}
