"""Whatever a provider publishes, control reads it or says in a sentence why not, and keeps what it had."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from control.issuers.fetch import FetchError, Place, _url, shown_url
from control.issuers.held import merge, thumbprint
from control.issuers.keys import MAX_KEYS
from control.issuers.provider import usable_keys
from sidecar.authn.keys import load_keys
from sidecar.contract.snapshot import Issuer

GOOD = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "k", "d", "kid", "use", "alg", "key_ops", "x5c"])
WORDS = st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "sig", "enc", "ES256", "EdDSA", "none", "AQAB"])
KEY = st.builds(
    lambda odd, kid: {**GOOD, **odd, "kid": kid},
    st.dictionaries(MEMBERS, WORDS | JSON, max_size=3),
    st.sampled_from(["a", "b", "c"]) | JSON,
)


@settings(max_examples=150, deadline=None)
@given(listed=st.lists(KEY | JSON, max_size=6))
def test_a_key_set(listed: list[Any]) -> None:
    """What comes out of it, every sidecar takes."""
    try:
        keys, _ = usable_keys(json.dumps({"keys": listed}).encode())
    except FetchError as error:
        assert len(str(error)) < 400
        return
    issuer = Issuer("a", "https://a.test", ("x",), ("EdDSA", "ES256", "RS256"), keys=keys)
    assert len(load_keys(issuer)) >= 1
    assert all(isinstance(value, str) for key in keys for value in key.values())


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    """No key set at all."""
    try:
        usable_keys(body)
    except FetchError as error:
        assert len(str(error)) < 400


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60) | st.from_regex(r"https?://[a-z@:\[\]0-9.%/?#]{0,40}", fullmatch=True))
def test_any_url(text: str) -> None:
    """A URL over TLS without a user name, or a sentence that holds no password."""
    try:
        url = _url(Place(text), text)
    except FetchError:
        assert "secret" not in shown_url(f"https://user:secret@host/?secret={text}")
    else:
        assert url.scheme == "https" or url.host in ("localhost", "::1") or url.host.startswith("127.")


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(st.tuples(st.lists(st.sampled_from("abcdefgh"), unique=True), st.integers(0, 50)), max_size=12),
    revoked=st.sets(st.sampled_from("abc")),
)
def test_what_is_held(steps: list[tuple[list[str], int]], revoked: set[str]) -> None:
    """All that is published and not revoked; beside it only what was published within the grace."""
    keys = {name: {**GOOD, "x": name, "kid": name} for name in "abcdefgh"}
    gone_for_good = {thumbprint(keys[name]) for name in revoked}
    held, now, grace_s = merge((), [], 0, 60, gone_for_good), 0, 60
    last_seen: dict[str, int] = {}
    for published, wait_s in steps:
        missed_at = now + wait_s
        held = merge(held, [keys[name] for name in published], missed_at, grace_s, gone_for_good)
        names = {key.kid for key in held}
        assert set(published) - revoked <= names
        assert not names & revoked
        assert len(held) <= MAX_KEYS
        now = missed_at
        for key in held:
            if key.gone_at is None:
                last_seen[key.kid] = now
            assert key.gone_at is None or (key.kid in last_seen and now < key.gone_at + grace_s)
