"""Hostile credentials: a value or a Rejection, never an exception."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.authn.credential import Credential, find_credential
from sidecar.authn.edwards import point_fault
from sidecar.authn.jose import Token, parse_token
from sidecar.authn.keys import load_keys
from sidecar.authn.principal import Principal, principal_from_claims
from sidecar.authn.rejection import Rejection
from sidecar.authn.strict_json import parse_object
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Source
from sidecar.contract.strict import ContractError
from tests.authn.minting import (
    API_KEY,
    NOW,
    api_key,
    assemble,
    b64,
    bearer,
    claims,
    header,
    issuer,
    jwk,
    mint,
    snapshot,
)

VERIFIER = Verifier(snapshot(api_keys=(api_key(),)))
SOURCES = (Source(), Source("api_key"), Source("token", "cookie", "t"), Source("token", "query", "t"))
SOURCES += (Source("token", "header", "x-token"),)
GOOD = mint()
FAST = settings(max_examples=150, deadline=None)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "jti", "scope", "client_id", "azp", "cnf"])
HEADER_NAMES = st.sampled_from(["alg", "kid", "typ", "crit", "cty", "jwk", "x5c", "b64"])


@FAST
@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: b"Bearer " + tail))
def test_credentials(value: bytes) -> None:
    """Whatever stands in the header, the token that comes out is token68."""
    found = find_credential([(b"authorization", value)])
    if isinstance(found, Credential):
        assert found.text.isascii()
        assert found.text.isprintable()
        assert " " not in found.text


PIECES = st.sampled_from(
    [b"authorization", b"cookie", b"x-token", b"Bearer ", b"ApiKey ", b"t=", b"; ", b"&", b"%74=a", b"a.b.c"]
)


@FAST
@given(
    st.lists(st.tuples(PIECES, st.lists(PIECES | st.binary(max_size=8), max_size=5).map(b"".join)), max_size=5),
    st.lists(st.sampled_from(["t=", "%74=", "+t=", "t", "=", "&", ";", "%", "%zz", "a.b", "\x80"]), max_size=8).map(
        "".join
    ),
)
def test_credentials_from_anywhere(headers: list[tuple[bytes, bytes]], query: str) -> None:
    """A credential comes from one of the route's places, and only where no other candidate stands beside it."""
    found = find_credential(headers, query, SOURCES)
    if isinstance(found, Credential):
        assert found.source in SOURCES
        ours = (b"bearer ", b"apikey ")
        named = [name for name, value in headers if name == b"x-token" or value.strip(b" \t").lower().startswith(ours)]
        assert named.count(b"x-token") + named.count(b"authorization") <= (
            found.source.place in ("header", "authorization")
        )
        assert "\x80" not in found.text


@FAST
@given(st.text(max_size=80) | st.text("sgk_7-", max_size=90).map(lambda tail: "sgk_k7_" + tail))
def test_api_keys_of_noise(text: str) -> None:
    """Only the key itself is the key."""
    found = VERIFIER.verify(Credential(Source("api_key"), text), NOW)
    assert isinstance(found, Rejection) != (text == API_KEY)


@FAST
@given(st.text(max_size=300) | st.lists(st.binary(max_size=60).map(b64), max_size=5).map(".".join))
def test_tokens_of_noise(text: str) -> None:
    """Noise is INVALID_TOKEN."""
    found = VERIFIER.verify(bearer(text), NOW)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.INVALID_TOKEN


@FAST
@given(st.data())
def test_mutations_of_a_good_token(data: st.DataObject) -> None:
    """A good token with a slice replaced is refused, or was not changed."""
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, len(GOOD)))
    changed = GOOD[:start] + data.draw(st.text("ABCabc019-_.=+/ \n", max_size=12)) + GOOD[end:]
    found = VERIFIER.verify(bearer(changed), NOW)
    assert changed == GOOD or isinstance(found, Rejection)


@FAST
@given(st.dictionaries(HEADER_NAMES, JSON, max_size=3), st.dictionaries(NAMES, JSON, max_size=4))
def test_truly_signed_surprises(head: dict[str, Any], body: dict[str, Any]) -> None:
    """A truly signed token may say anything: a principal of the right types, or a Rejection that prints."""
    token = assemble(json.dumps({**header(), **head}).encode(), json.dumps(claims(**body)).encode())
    found = VERIFIER.verify(bearer(token), NOW)
    if isinstance(found, Rejection):
        found.detail.encode("utf-8")
        return
    assert isinstance(found.subject, str)
    assert all(isinstance(scope, str) and " " not in scope for scope in found.scopes)
    json.dumps(found.claims, ensure_ascii=False, allow_nan=False).encode("utf-8")


@FAST
@given(st.dictionaries(NAMES, JSON, max_size=5))
def test_claims_from_a_policy_test(body: dict[str, Any]) -> None:
    """Claims that never were JSON (NaN, huge integers) are judged all the same."""
    found = principal_from_claims(issuer(), claims(**body), NOW)
    assert isinstance(found, Rejection | Principal)


@FAST
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps({"x": value}).encode()))
def test_what_strict_json_reads_json_reads_alike(data: bytes) -> None:
    """Strict JSON reads less than the standard library, and never otherwise."""
    try:
        value = parse_object(data)
    except ValueError:
        return
    assert value == json.loads(data)


@FAST
@given(st.text('[]{}"\\,:u0d8 ', max_size=400))
def test_bracket_soup(text: str) -> None:
    """Depth is counted without being fooled by strings, and nothing but ValueError comes out."""
    try:
        parse_object(text.encode())
    except ValueError as error:
        assert str(error)


@FAST
@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(min_size=1, max_size=40))
def test_a_parsed_token_has_one_spelling(head: bytes, body: bytes, signature: bytes) -> None:
    """What parses is spelled exactly as its parts would be spelled again."""
    text = f"{b64(head)}.{b64(body)}.{b64(signature)}"
    found = parse_token(text)
    if isinstance(found, Token):
        assert f"{found.signing_input.decode()}.{b64(found.signature)}" == text


KEYS = [jwk(kind) for kind in ("ES256", "EdDSA", "Ed448", "HS256", "RS256")]
TEXTS = st.text(max_size=20) | st.binary(max_size=70).map(b64) | st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256"])
MEMBERS = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "k", "kid", "use", "alg", "d"])


@FAST
@given(
    st.sampled_from(KEYS),
    st.dictionaries(MEMBERS, TEXTS, max_size=3),
    st.sets(MEMBERS.filter(lambda name: name != "kty"), max_size=2),
)
def test_hostile_keys(key: dict[str, str], changes: dict[str, str], without: set[str]) -> None:
    """A JWK from outside is loaded, left out, or a ContractError; nothing else comes out."""
    hostile = {name: value for name, value in {**key, **changes}.items() if name not in without}
    for algorithms in (("RS256", "ES256", "EdDSA"), ("HS256",)):
        try:
            loaded = load_keys(issuer(algorithms=algorithms, keys=(hostile,)))
        except ContractError as error:
            assert error.code in ("bad_key", "weak_key")
        else:
            assert len(loaded) >= 1


@FAST
@given(st.binary(min_size=32, max_size=32) | st.binary(min_size=57, max_size=57))
def test_points_of_noise(encoded: bytes) -> None:
    """Any bytes are a point or are not; that much is always computed."""
    fault = point_fault("Ed25519" if len(encoded) == 32 else "Ed448", encoded)
    assert fault is None or "point" in fault
