"""The RFCs' own signatures (RFC 7515 appendices A and E, RFC 7520 section 4, RFC 8037 appendix A).

Each verifies with the RFC's key, wherever the example is a signature of a kind that is spoken here; each fails once a
byte of it is changed; and what our rules refuse although an RFC shows it (``none``, detached payloads, serialisations
other than the compact one, claims without an audience) is refused.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sidecar.authn.credential import Credential
from sidecar.authn.jose import parse_token
from sidecar.authn.keys import load_keys
from sidecar.authn.rejection import Rejection
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Issuer, Snapshot, Source
from sidecar.contract.strict import ContractError

HERE = Path(__file__).parent
RFC7515, RFC7520, RFC8037 = (
    {row["section"]: row for row in json.loads((HERE / name).read_text())}
    for name in ("rfc7515/appendix_a.json", "rfc7520/section_4.json", "rfc8037/appendix_a.json")
)
IN_TIME = 1300819370
"""Ten seconds before ``exp`` of RFC 7515's examples."""


def _compact(row: Mapping[str, Any]) -> tuple[str, str]:
    text, _, signature = row["compact"].rpartition(".")
    return text, signature


def _signatures() -> Iterator[tuple[str, str, Mapping[str, str], str, str]]:
    """Where from, the algorithm, the key, what was signed, and the signature."""
    for name in ("A.1", "A.2", "A.3", "A.4"):
        row = RFC7515[name]
        yield (f"RFC 7515 {name}", row["algorithm"], row["key"], *_compact(row))
    for number, signed in enumerate(RFC7515["A.6"]["json"]["signatures"]):
        row = RFC7515[("A.2", "A.3")[number]]
        text = f"{signed['protected']}.{RFC7515['A.6']['json']['payload']}"
        yield f"RFC 7515 A.6 signature {number + 1}", row["algorithm"], row["key"], text, signed["signature"]
    flat = RFC7515["A.7"]["json"]
    yield "RFC 7515 A.7", "ES256", RFC7515["A.7"]["key"], f"{flat['protected']}.{flat['payload']}", flat["signature"]
    for row in RFC7520.values():
        for number, signed in enumerate(row["signed"]):
            where = f"RFC 7520 {row['section']} signature {number + 1}"
            yield where, row["algorithms"][number], row["keys"][number], signed["input"], signed["signature"]
    row = RFC8037["A.5"]
    yield ("RFC 8037 A.5", "EdDSA", row["key"], *_compact(row))


SIGNATURES = {row[0]: row[1:] for row in _signatures()}


def _issuer(algorithm: str, key: Mapping[str, str]) -> Issuer:
    return Issuer("rfc", "joe", ("orders",), (algorithm,), keys=(key,))


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _verifies(name: str, flip: bool = False, other: bytes = b"") -> bool:
    algorithm, key, text, signature = SIGNATURES[name]
    found = load_keys(_issuer(algorithm, key)).find(algorithm, key.get("kid"))
    assert found is not None
    raw = _bytes(signature)
    return found.verifies(text.encode() + other, bytes([raw[0] ^ 1]) + raw[1:] if flip else raw)


def test_none_is_missing() -> None:
    """All of the RFCs' signatures: a table that lost one would pass."""
    assert len(SIGNATURES) == 18


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_rfc_s_signature_verifies(name: str) -> None:
    """With the key as the RFC prints it, and no longer once a bit or the text is another."""
    assert _verifies(name)
    assert not _verifies(name, flip=True)
    assert not _verifies(name, other=b"x")


@pytest.mark.parametrize("name", SIGNATURES)
def test_no_other_rfc_s_key_verifies_it(name: str) -> None:
    """Nor does any other algorithm that the key could serve."""
    algorithm, key, text, signature = SIGNATURES[name]
    others = [(kind, known) for kind, known, *_ in SIGNATURES.values() if known != key]
    if key["kty"] == "RSA":
        bare = {name: value for name, value in key.items() if name != "alg"}
        others += [(kind, bare) for kind in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512") if kind != algorithm]
    for kind, other in others:
        found = load_keys(_issuer(kind, other)).find(kind, other.get("kid"))
        assert found is not None
        assert not found.verifies(text.encode(), _bytes(signature)), (kind, other)


def _verdict(token: str, algorithm: str, key: Mapping[str, str]) -> Rejection:
    snapshot = Snapshot("shop.test", "orders", 1, 1, issuers=(_issuer(algorithm, key),))
    found = Verifier(snapshot).verify(Credential(Source(), token), IN_TIME)
    assert isinstance(found, Rejection)
    return found


@pytest.mark.parametrize("section", ["A.1", "A.2", "A.3"])
def test_a_true_signature_is_not_enough(section: str) -> None:
    """RFC 7515's tokens have neither audience nor subject: any service would take them, so none may."""
    row = RFC7515[section]
    found = _verdict(row["compact"], row["algorithm"], row["key"])
    assert found.reason is Reason.INVALID_TOKEN
    assert "aud" in found.detail
    text, signature = _compact(row)
    assert "signature" in _verdict(f"{text}.{'A' * len(signature)}", row["algorithm"], row["key"]).detail


REFUSED = {
    "RFC 7515 A.4: a payload that is no JSON": (RFC7515["A.4"]["compact"], "ES512", RFC7515["A.4"]["key"]),
    "RFC 7515 A.5: none": (RFC7515["A.5"]["compact"], "RS256", RFC7515["A.2"]["key"]),
    "RFC 7515 A.6: the general JSON serialisation": (
        json.dumps(RFC7515["A.6"]["json"]),
        "RS256",
        RFC7515["A.2"]["key"],
    ),
    "RFC 7515 A.7: the flattened JSON serialisation": (
        json.dumps(RFC7515["A.7"]["json"]),
        "ES256",
        RFC7515["A.3"]["key"],
    ),
    "RFC 7515 E: crit of something undefined": (RFC7515["E"]["compact"], "RS256", RFC7515["A.2"]["key"]),
    "RFC 8037 A.5: a payload that is no JSON": (RFC8037["A.5"]["compact"], "EdDSA", RFC8037["A.5"]["key"]),
    **{
        f"RFC 7520 {row['section']}: {row['title']}": (
            row.get("compact") or json.dumps(row.get("json_flat") or row["json"]),
            row["algorithms"][0],
            row["keys"][0],
        )
        for row in RFC7520.values()
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_an_rfc_shows_and_we_refuse(name: str) -> None:
    """No claims, no signature, or another serialisation: not a token, whoever signed it."""
    token, algorithm, key = REFUSED[name]
    assert isinstance(parse_token(token), Rejection) or _verdict(token, algorithm, key).reason is Reason.INVALID_TOKEN
    assert _verdict(token, algorithm, key).reason is Reason.INVALID_TOKEN


def test_a_private_key_is_no_verification_key() -> None:
    """RFC 8037 A.1 has ``d``: it must never be in a policy or a snapshot."""
    with pytest.raises(ContractError, match="private"):
        load_keys(_issuer("EdDSA", RFC8037["A.1"]["private"]))


def test_keys_that_are_cut_or_in_the_wrong_place_are_refused() -> None:
    """A secret too short for its algorithm, a key of another kind, a point that is not on its curve."""
    secret, point, okp = RFC7520["4.4"]["keys"][0], RFC7515["A.3"]["key"], RFC8037["A.2"]["key"]
    for algorithm, key in (
        ("HS256", {**secret, "k": secret["k"][:40]}),
        ("HS512", {name: value for name, value in secret.items() if name != "alg"}),
        ("HS256", point),
        ("ES384", point),
        ("ES256", {**point, "y": point["x"]}),
        ("ES256", {**point, "crv": "P-384"}),
        ("EdDSA", {**okp, "x": okp["x"][:40]}),
        ("EdDSA", {**okp, "crv": "X25519"}),
        ("RS256", {**RFC7515["A.2"]["key"], "n": RFC7515["A.2"]["key"]["n"][:171]}),
    ):
        with pytest.raises(ContractError):
            load_keys(_issuer(algorithm, key))
