"""The ``issuers`` section: whose tokens count is never left open."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from control.policy import Policy, PolicyErrors, gather, load, referenced_env, referenced_files
from sidecar.contract.snapshot import ClaimMap

EC = ec.generate_private_key(ec.SECP256R1()).public_key()
JWK = {**ECAlgorithm.to_jwk(EC, as_dict=True), "kid": "k1"}
JWKS = json.dumps({"keys": [JWK]})
SHORT = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505  # the point
WEAK = json.dumps({"keys": [RSAAlgorithm.to_jwk(SHORT, as_dict=True)]})
PEM = EC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
FILES = {"partner.json": JWKS, "partner.pem": PEM, "weak.json": WEAK}


def read(issuer: str, more: str = "") -> Policy:
    """A policy whose third line is the issuer ``partner``."""
    source = f"trust_domain: shop.test\nissuers:\n  partner: {issuer}\n{more}"
    return load(source + "services: {orders: {routes: [{path: /**}]}}\n", FILES, {"WHERE": "partner"})


def outside(more: str) -> str:
    """An issuer with all it needs but what ``more`` says."""
    return f"{{issuer: https://issuer.test/, audience: orders, {more}}}"


def test_an_outside_issuer_arrives_whole() -> None:
    """Keys, derived algorithms, claim paths and leeway."""
    text = """
    issuer: https://issuer.test/
    audience: [orders, shop, orders]
    jwks: {file: "${WHERE}.json"}
    leeway: 1m
    claims: {subject: uid, scopes: scp, client: azp, roles: [realm.access, roles]}"""
    issuer = read(text).issuers[0]
    assert issuer.outside is not None
    assert (issuer.issuer, issuer.outside.audiences) == ("https://issuer.test/", ("orders", "shop"))
    assert (issuer.outside.algorithms, issuer.leeway_s, issuer.secret_name) == (("ES256",), 60, None)
    assert issuer.outside.claims == ClaimMap(("uid",), (("scp",),), (("azp",),), (("realm.access", "roles"),))
    assert issuer.outside.keys[0]["kid"] == "k1"


def test_an_issuer_s_own_rules_arrive() -> None:
    """Several places of a claim, members of lists, and what its tokens must have."""
    text = outside(
        "jwks: {file: partner.json}, token_type: at+jwt, max_lifetime: 1h, aliases: [issuer.test], "
        "require_claims: [jti, a.b], claims: {audience: client_id, scopes: {any_of: [scope, permissions]}, "
        "client: [[appid], [azp]], roles: 'groups[].name'}"
    )
    issuer = read(text).issuers[0].outside
    assert issuer is not None
    assert (issuer.token_type, issuer.max_lifetime_s, issuer.aliases) == ("at+jwt", 3600, ("issuer.test",))
    assert issuer.required_claims == (("jti",), ("a", "b"))
    assert issuer.claims == ClaimMap(
        ("sub",), (("scope",), ("permissions",)), (("appid",), ("azp",)), (("groups", "[]", "name"),), ("client_id",)
    )


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (outside("jwks: {url: 'https://keys.test/jwks'}"), ("https://keys.test/jwks", False, False)),
        ("{issuer: 'https://issuer.test/', audience: orders}", (None, True, False)),
        ("{issuer: 'http://idp.test/', audience: orders, allow_http: true}", (None, True, True)),
        (
            "{preset: okta, domain: acme.okta.com, server: aus1, audience: x}",
            ("https://acme.okta.com/oauth2/aus1/v1/keys", False, False),
        ),
        ("{preset: okta, domain: acme.okta.com, audience: x, jwks: {file: partner.json}}", (None, False, False)),
    ],
)
def test_where_keys_are_fetched_is_known(text: str, where: tuple[str | None, bool, bool]) -> None:
    """For control to fetch; until it has, nothing is known, and an unknown kid is worth asking about."""
    issuer = read(text).issuers[0]
    assert (issuer.jwks_url, issuer.discovery, issuer.allow_http) == where
    assert issuer.outside is not None
    assert issuer.outside.keys_known != issuer.fetched
    assert issuer.outside.refreshable == issuer.fetched


def test_keys_come_from_a_file_inline_or_pem() -> None:
    """The same key three ways."""
    block = PEM.replace("\n", "\n        ").rstrip()
    texts = [
        outside("jwks: {file: partner.pem}"),
        outside(f"jwks: {{inline: {JWKS}}}"),
        f"\n    issuer: https://issuer.test/\n    audience: x\n    jwks:\n      pem: |\n        {block}",
    ]
    found = [issuer.outside.keys[0] for text in texts if (issuer := read(text).issuers[0]).outside]
    assert [key["x"] for key in found] == [JWK["x"]] * 3


def test_a_secret_is_named_and_not_read() -> None:
    """Its value is control's, when it compiles."""
    policy = read(outside("jwks: {secret: {env: PARTNER_SECRET}}"))
    assert policy.secret_names == ("PARTNER_SECRET",)
    assert policy.issuers[0].outside is not None
    assert policy.issuers[0].outside.keys == ()
    assert policy.issuers[0].outside.algorithms == ("HS256",)


@pytest.mark.parametrize(
    ("issuer", "told"),
    [
        ("{issuer: x, jwks: {file: partner.json}}", "audience is missing"),
        ("{issuer: x, audience: [], jwks: {file: partner.json}}", "must not be empty"),
        ("{issuer: x, audience: orders}", "by OIDC discovery, which needs an https issuer"),
        ("{issuer: 'http://idp.test/', audience: orders}", "or say allow_http: true"),
        ("{audience: orders}", "needs builtin: true, a preset, or issuer"),
        ("{builtin: true, audience: orders}", "audience does not go with builtin"),
        ("{builtin: true, issuer: x}", "issuer does not go with builtin"),
        ("{preset: auth0, domain: x.test}", "audience is missing"),
        ("{preset: auth0, audience: y}", "domain is missing"),
        ("{preset: auht0, audience: y}", "did you mean 'auth0'?"),
        ("{preset: auth0, domain: 'https://x.test/', audience: y}", "no host name"),
        ("{preset: auth0, domain: x.test, audience: y, issuer: z}", "issuer does not go with preset: auth0"),
        ("{preset: google, audience: y, domain: x.test}", "domain does not go with preset: google"),
        ("{issuer: 'https://x.test', audience: y, domain: x.test}", "domain belongs to a preset"),
        ("{preset: entra, tenant: common, audience: y}", "every tenant there is"),
        ("{preset: entra, tenant: abc, version: 3, audience: y}", "must be 1 or 2"),
        ("{preset: cognito, user_pool: abc, audience: y}", "no user pool id"),
        ("{preset: ping, audience: y}", "ping is environment"),
        ("{preset: ping, environment: a, region: xx, audience: y}", "no region of PingOne"),
        ("{preset: keycloak, url: 'http://kc:8080', realm: a, audience: y}", "or say allow_http: true"),
        ("{preset: keycloak, url: 'kc:8080', realm: a, audience: y}", "no URL"),
        ("{preset: keycloak, url: 'https://kc', realm: a/b, audience: y}", "cannot stand in a URL"),
        (outside("jwks: {url: 'ftp://x.test'}"), "no URL"),
        (outside("jwks: {url: 'https://u:p@x.test/'}"), "no URL"),
        (outside("jwks: {url: 'http://x.test/keys'}"), "or say allow_http: true"),
        (outside("jwks: {file: partner.json}, token_type: jwt"), "must be any or at+jwt"),
        (outside("jwks: {file: partner.json}, max_lifetime: 10ms"), "whole seconds"),
        (outside("jwks: {file: partner.json}, require_claims: [a..b]"), "no claim path"),
        (outside("jwks: {file: partner.json}, claims: {scopes: {any_of: []}}"), "several places"),
        (outside("jwks: {}"), "exactly one of file"),
        (outside("jwks: {file: partner.json, pem: x}"), "exactly one of file"),
        (outside("jwks: {file: gone.json}"), "did not come with the policy"),
        (outside("jwks: {file: ../partner.json}"), "not within the policy's directory"),
        (outside("jwks: {file: /etc/passwd}"), "not within the policy's directory"),
        (outside("jwks: {file: weak.json}"), "RSA of 1024 bits"),
        (outside("jwks: {pem: hello}"), "no PEM block"),
        (outside("jwks: {inline: text}"), "must be a mapping, not text"),
        (outside("jwks: {secret: {env: a-b}}"), "no name of an environment variable"),
        (outside("jwks: {secret: {env: CONTROL_TOKEN}}"), "control's own"),
        (outside("jwks: {file: partner.json}, algorithms: [none]"), "'none' is never accepted"),
        (outside("jwks: {file: partner.json}, algorithms: [ES265]"), "did you mean 'ES256'?"),
        (outside("jwks: {file: partner.json}, algorithms: [ES256, HS256]"), "HS256 is for a shared secret"),
        (outside("jwks: {secret: {env: S}}, algorithms: [HS256, RS256]"), "RS256 is for public keys"),
        (outside("jwks: {file: partner.json}, algorithms: []"), "must not be empty"),
        (outside("jwks: {file: partner.json}, algorithms: [RS256]"), "none of its keys fits"),
        (outside("jwks: {file: partner.json}, leeway: 11m"), "10m at the most"),
        (outside("jwks: {file: partner.json}, leeway: 1500ms"), "whole seconds"),
        (outside("jwks: {file: partner.json}, claims: {subjekt: x}"), "did you mean 'subject'?"),
    ],
)
def test_an_issuer_that_leaves_something_open_is_refused(issuer: str, told: str) -> None:
    """One sentence, on the issuer's line."""
    with pytest.raises(PolicyErrors) as caught:
        read(issuer)
    assert any(told in problem.message for problem in caught.value.problems), caught.value.format()
    assert {problem.line for problem in caught.value.problems} == {3}


def test_two_issuers_are_told_apart() -> None:
    """One built in at most, and no two with one iss."""
    with pytest.raises(PolicyErrors, match="only one issuer is built in, and partner is it"):
        read("{builtin: true}", "  two: {builtin: true}\n")
    google = "{preset: google, audience: a}"
    with pytest.raises(PolicyErrors, match="the same iss as partner"):
        read(google, "  two: {issuer: accounts.google.com, audience: b, jwks: {file: partner.json}}\n")
    with pytest.raises(PolicyErrors, match="the same iss as partner"):
        read(outside("jwks: {file: partner.json}"), f"  two: {outside('jwks: {file: partner.json}')}\n")


def test_an_issuer_on_plain_http_is_warned_of() -> None:
    """Unless its name can only be near."""
    template = "{{issuer: {}, audience: x, jwks: {{file: partner.json}}}}"
    near = (
        "http://idp.test/",
        "http://keycloak:8080/x",
        "http://127.0.0.1:1",
        "http://[::1]/",
        "urn:x",
        "https://a.com",
    )
    for url in near:
        assert not read(template.format(f"'{url}'")).warnings
    for url in ("http://idp.com/", "http://8.8.8.8/"):
        assert "http to a public name" in read(template.format(url)).warnings[0].message


def test_gather_takes_what_the_text_refers_to_and_no_more(tmp_path: Path) -> None:
    """Files beside the policy, and only the variables that it names."""
    source = """trust_domain: ${DOMAIN}
issuers:
  a: {issuer: x, audience: y, jwks: {file: "keys/${WHO}.json"}}
  b: {issuer: z, audience: y, jwks: {secret: {env: TOP_SECRET}}}
services: {}
"""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "me.json").write_text(JWKS)
    (tmp_path / "policy.yaml").write_text(source)
    found = gather(tmp_path / "policy.yaml", {"DOMAIN": "shop.test", "WHO": "me", "TOP_SECRET": "s", "HOME": "/"})
    assert found == (source, {"keys/me.json": JWKS}, {"DOMAIN": "shop.test", "WHO": "me"})
    assert referenced_env(source) == ("DOMAIN", "WHO")
    assert referenced_files(source, found.env) == ("keys/me.json",)
    assert load(*found).trust_domain == "shop.test"


def test_gather_says_what_it_could_not_read(tmp_path: Path) -> None:
    """A missing policy, a missing file, a directory, a way out, and what is no text."""
    with pytest.raises(PolicyErrors, match="there is no file"):
        gather(tmp_path / "none.yaml", {})
    (tmp_path / "in").mkdir()
    (tmp_path / "out.json").write_text(JWKS)
    (tmp_path / "in" / "link.json").symlink_to(tmp_path / "out.json")
    (tmp_path / "in" / "bytes.json").write_bytes(b"\xff\xfe")
    names = ("gone.json", ".", "../out.json", "link.json", "bytes.json")
    issuers = "".join(f"  i{n}: {{jwks: {{file: {name}}}}}\n" for n, name in enumerate(names))
    policy = tmp_path / "in" / "policy.yaml"
    policy.write_text(f"issuers:\n{issuers}trust_domain: shop.test\nservcies: {{}}\n")
    with pytest.raises(PolicyErrors) as caught:
        gather(policy, {})
    told = ("there is no file", "not within", "not within", "leads out of", "not UTF-8")
    found = [problem for problem in caught.value.problems if problem.path.endswith("jwks.file")]
    assert [(problem.line, problem.path) for problem in found] == [(n + 2, f"issuers.i{n}.jwks.file") for n in range(5)]
    assert all(want in problem.message for want, problem in zip(told, found, strict=True))
    assert any("unknown key 'servcies'" in problem.message for problem in caught.value.problems)  # all at once
