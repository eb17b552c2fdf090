"""The published schema and the reference say what the code does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.policy import Policy, check, json_schema, load, presets

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "policy.md").read_text()
CLAIM_TESTS = {"claim", "equals", "any", "all", "present"}


def keys(schema: Any) -> Iterator[str]:
    """Every key that a policy may have."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from keys(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from keys(item)


def test_the_published_schema_is_current() -> None:
    """To renew it: ``python -m control.policy.schema > docs/policy.schema.json``."""
    assert json.loads((DOCS / "policy.schema.json").read_text()) == json_schema()


def test_the_schema_knows_every_key_and_no_null() -> None:
    """Strict as the reader is: nothing unknown, nothing empty."""
    schema = json_schema()
    assert {"trust_domain", "jwks", "any_scope", "expires_in", *CLAIM_TESTS} <= set(keys(schema))
    assert '"null"' not in json.dumps(schema)
    route = schema["$defs"]["RouteShape"]["properties"]  # one for a list of one, text for a mapping
    assert [form.get("type") or form["$ref"] for form in route["rate_limit"]["anyOf"]] == [
        "array",
        "#/$defs/RateLimitShape",
    ]
    assert [form.get("type") or form["$ref"] for form in route["timeout"]["anyOf"]] == [
        "#/$defs/TimeoutsShape",
        "string",
    ]
    loose = {name for name, part in schema["$defs"].items() if part.get("additionalProperties") is not False}
    assert loose == {"TokenShape"}


@pytest.mark.parametrize("key", sorted(set(keys(json_schema()))))
def test_every_key_is_in_the_reference(key: str) -> None:
    """In code, as it is written."""
    assert re.search(rf"(?m)`{key}[`:]|\b{key}:\s", REFERENCE)


def reference() -> Policy:
    """The blocks of issuers, services and tests, put together."""
    blocks = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)
    source = "trust_domain: shop.test\n" + "".join(block for block in blocks if "…" not in block)
    jwks = '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
    return load(source.replace("algorithms: [RS256, ES256]", ""), {"partner.jwks.json": jwks}, {})


def test_the_reference_s_own_policy_loads() -> None:
    """And nothing in it is probably not meant."""
    policy = reference()
    assert len(policy.tests) == 5
    assert not policy.warnings


def test_the_reference_s_own_tests_pass() -> None:
    """What it says is decided, is decided so."""
    report = check(reference(), now=1_700_000_000)
    assert report.ok, report.format()


def test_the_providers_page_loads() -> None:
    """Each provider as it is written there."""
    [block] = re.findall(r"```yaml\n(.*?)```", (DOCS / "providers.md").read_text(), re.DOTALL)
    policy = load(f"trust_domain: shop.test\n{block}services: {{}}\n", {}, {})
    assert {issuer.preset for issuer in policy.issuers} == set(presets.NAMES)
    assert all(issuer.fetched for issuer in policy.issuers)


PROMISED = """
trust_domain: shop.test
issuers:
  own: {builtin: true}
  auth0: {preset: auth0, domain: acme.eu.auth0.com, audience: https://orders.shop.test}
  partner:
    issuer: https://issuer.test/
    audience: [orders]
    algorithms: [RS256, ES256]
    leeway: 5s
    claims: {subject: sub, scopes: scope, client: azp, roles: realm_access.roles}
services:
  orders:
    issuers: [own, partner]
    routes:
      - {path: /public/**, access: public}
      - {path: /admin/**, require: {scopes: [admin]}}
      - path: /orders/{id}
        methods: [GET]
        require:
          scopes: [orders:read]
          claims: {tenant: acme, roles: {any: [clerk, boss]}}
          when: 'claims.sub == path.id'
        rate_limit: {requests: 100, per: 1m, by: subject}
        timeout: 10s
      - {path: /**}
    forward: {headers: {X-Tenant: claims.tenant}, token: strip}
    cors: {origins: ['https://app.shop.test'], credentials: true}
tests:
  - service: orders
    request: {method: GET, path: /orders/7}
    token: {issuer: partner, sub: '7', scope: orders:read, tenant: acme, roles: [clerk]}
    expect: allow
"""


def test_the_promised_policy_is_checked_and_allows_what_it_says() -> None:
    """The file by which the product is explained; the keys of its outside issuers are not even known yet."""
    policy = load(PROMISED, {}, {})
    report = check(policy, now=1_700_000_000)
    assert report.ok, report.format()
    assert not report.warnings
    assert [issuer.keys_from for issuer in policy.issuers if issuer.fetched] == [
        "https://acme.eu.auth0.com/.well-known/jwks.json",
        "https://issuer.test/",
    ]
