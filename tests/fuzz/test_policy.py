"""Whatever is in a policy file: a Policy, or PolicyErrors. Never anything else, and never without an end."""

import json

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from control.issuers.keys import KeysError, keys_from_text
from control.policy import OwnIssuer, Policy, PolicyErrors, changes, check, compile_snapshot, load, referenced_env
from sidecar.contract.snapshot import decode, encode

KEYS = [
    *("trust_domain", "issuers", "services", "tests", "builtin", "issuer", "audience", "jwks", "algorithms", "leeway"),
    *("file", "inline", "pem", "secret", "env", "claims", "routes", "path", "methods", "access", "require", "scopes"),
    *("any_scope", "timeout", "forward", "headers", "token", "request", "expect", "service", "own", "orders", "<<"),
    *(
        "hosts",
        "query",
        "deny",
        "cors",
        "origins",
        "credentials",
        "callers",
        "when",
        "shadow",
        "rate_limit",
        "requests",
    ),
    *("per", "by", "burst", "body_limit", "encoded_slash", "rewrite", "respond", "redirect", "to", "request_headers"),
    *("response_headers", "set", "add", "remove", "preset", "domain", "url", "tenant", "user_pool", "realm", "any_of"),
    *("token_type", "max_lifetime", "require_claims", "aliases", "name", "addresses", "api_key", "cookie", "header"),
]
WORDS = [
    *("own", "orders", "shop.test", "/**", "/a/{id}", "public", "GET", "5s", "allow", "${X}", "no", "claims.sub", "*"),
    *("auth0", "okta", "ping", "keycloak", "entra", "cognito", "google", "bearer", "api_key", "1MiB", "10.0.0.0/8"),
    *("https://a.test", "*.a.test", "eu-west-1_A", "claims.sub == path.id", "now > 1", "ip", "at+jwt", "keep", "\r\n"),
]
SCALARS = st.one_of(st.sampled_from(WORDS), st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)
PATHS = st.sampled_from(["/**", "/", "/a", "/a/*", "/a/{id}", "/a/**", "/{x}/b"])
MATCHES = st.sampled_from(["", "x", {"any": ["x", "y"]}, {"prefix": "x"}, {"present": True}, {"absent": True}])
ROUTES = st.fixed_dictionaries(
    {"path": PATHS},
    optional={
        "methods": st.lists(st.sampled_from(["GET", "PUT", "HEAD"]), min_size=1, max_size=2),
        "require": st.fixed_dictionaries(
            {},
            optional={
                "scopes": st.lists(st.sampled_from(["a", "b"]), max_size=2),
                "claims": st.dictionaries(st.sampled_from(["t", "a.b"]), st.sampled_from(["x", 1, True]), max_size=2),
            },
        ),
        "timeout": st.sampled_from(["5s", "1ms", {"idle": "2s"}]),
        "hosts": st.lists(st.sampled_from(["a.test", "*.test"]), min_size=1, max_size=2),
        "headers": st.dictionaries(st.sampled_from(["X-A", "x-b"]), MATCHES, min_size=1),
        "query": st.dictionaries(st.sampled_from(["q", "Q"]), MATCHES, min_size=1),
        "credentials": st.lists(
            st.sampled_from(["bearer", "api_key", {"cookie": "s"}, {"api_key": {"header": "X-K"}}]),
            min_size=1,
            unique_by=str,
        ),
        "shadow": st.just({"scopes": ["s"], "callers": ["orders"], "when": "now > 1"}),
        "rate_limit": st.just({"requests": 5, "per": "1s", "by": "claims.t"}),
        "body_limit": st.just("1KiB"),
        "respond": st.just({"status": 201, "body": "x"}),
        "encoded_slash": st.just("keep"),
        "response_headers": st.just({"set": {"X-A": "b"}}),
    },
)
DENY = st.fixed_dictionaries(
    {"path": PATHS},
    optional={
        "claims": st.just({"t": 1}),
        "callers": st.just(["orders"]),
        "addresses": st.lists(st.sampled_from(["10.0.0.0/8", "::/0", "192.0.2.1"]), min_size=1),
        "headers": st.dictionaries(st.just("X-A"), MATCHES, min_size=1),
        "shadow": st.booleans(),
    },
)
POLICIES = st.tuples(st.lists(ROUTES, max_size=6), st.lists(DENY, max_size=3)).map(
    lambda rules: {
        "trust_domain": "shop.test",
        "issuers": {"own": {"builtin": True}},
        "services": {
            "orders": {
                "routes": rules[0],
                "deny": [{"name": f"d{number}", **rule} for number, rule in enumerate(rules[1])],
            }
        },
        "tests": [{"service": "orders", "request": {"path": "/a/b"}, "token": {"sub": "x"}, "expect": "allow"}],
    }
)


def loaded(source: str) -> Policy | None:
    """The policy, or None where it was refused in order."""
    try:
        referenced_env(source)
        return load(source, {"a.json": "{}"}, {"X": "x"})
    except PolicyErrors as error:
        assert error.problems
        assert error.format().isprintable() or "\n" in error.format()
        return None


@given(st.text(max_size=200) | st.text(alphabet="ab:-[]{}&*!|>'\"%@`#,?\n \t$<0", max_size=200))
def test_any_text_is_read_or_refused(source: str) -> None:
    """As it may come over the wire."""
    loaded(source)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_any_tree_of_known_words_is_read_or_refused(tree: dict[str, object]) -> None:
    """Right words in wrong places."""
    loaded(yaml.safe_dump(tree))


@settings(max_examples=60, deadline=None)  # the first condition loads the CEL library
@given(POLICIES, POLICIES)
def test_sound_policies_compile_check_and_compare(one: dict[str, object], two: dict[str, object]) -> None:
    """To bytes that a sidecar takes; a policy never differs from itself."""
    old, new = loaded(json.dumps(one)), loaded(json.dumps(two))
    assert old is not None
    assert new is not None
    snapshot = compile_snapshot(
        new,
        "orders",
        version=1,
        issued_at=0,
        own=OwnIssuer("https://c.test", (), ("ES256",)),
        secrets=lambda _: None,
    )
    assert decode(encode(snapshot)) == snapshot
    assert not check(new, now=1000).problems
    assert changes(new, new) == []
    assert all(str(change) for change in changes(old, new))


@given(st.text(max_size=200) | VALUES.map(lambda value: json.dumps({"keys": [value]})))
def test_any_key_file_is_read_or_refused(text: str) -> None:
    """JWKS, PEM, or neither."""
    try:
        assert keys_from_text(text)
    except KeysError as error:
        assert str(error)
