"""The examples of RFC 7515, 7520, 7797 and 8037: what they sign verifies here, and what they show beyond a signed JWT
is refused."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.authn.jose import decode_base64url
from sidecar.authn.keys import load_keys
from sidecar.authn.rejection import Rejection
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from tests.authn.minting import bearer, issuer, snapshot

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "rfc_jws.json").read_text())
SIGNED, REFUSED = ({row["source"]: row for row in VECTORS[kind]} for kind in ("signed", "refused"))
IN_FORCE = 1_300_819_000


def _issuer(row: dict[str, Any], **changes: Any) -> Any:
    return issuer(algorithms=(row["algorithm"],), keys=(row["key"],), **changes)


@pytest.mark.parametrize("row", SIGNED.values(), ids=SIGNED.keys())
def test_the_signature_verifies(row: dict[str, Any]) -> None:
    """With the key of the example, found as its header names it; with one bit turned it does not."""
    signing_input, _, text = row["token"].rpartition(".")
    header = json.loads(decode_base64url(signing_input.partition(".")[0]))
    key = load_keys(_issuer(row)).find(header["alg"], header.get("kid"))
    assert key is not None
    signature = decode_base64url(text)
    assert key.verifies(signing_input.encode(), signature)
    for turned in (bytes([signature[0] ^ 1]) + signature[1:], signature[:-1] + bytes([signature[-1] ^ 1])):
        assert not key.verifies(signing_input.encode(), turned)
    assert not key.verifies(signing_input.encode() + b"A", signature)


@pytest.mark.parametrize("row", SIGNED.values(), ids=SIGNED.keys())
def test_a_signature_alone_lets_nobody_in(row: dict[str, Any]) -> None:
    """The examples sign a sentence, or claims without audience and subject."""
    found = Verifier(snapshot(_issuer(row, issuer="joe"))).verify(bearer(row["token"]), IN_FORCE)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.INVALID_TOKEN
    payload = base64.urlsafe_b64decode(row["token"].split(".")[1] + "==")
    assert ("aud is nothing" if payload.startswith(b'{"iss":"joe"') else "payload: not JSON") in found.detail


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_a_signed_jwt(row: dict[str, Any]) -> None:
    """Unsecured, detached, unencoded, critical or in JSON: refused, whichever key it would take."""
    for signed in SIGNED.values():
        found = Verifier(snapshot(_issuer(signed, issuer="joe"))).verify(bearer(row["token"]), IN_FORCE)
        assert isinstance(found, Rejection)
        assert found.reason is Reason.INVALID_TOKEN
