"""The public keys by which a client proves itself (RFC 7523), held to what the sidecars ask of an issuer's."""

from collections.abc import Mapping
from typing import Any

from control.errors import Invalid
from sidecar.authn.keys import KeySet, load_keys
from sidecar.contract.snapshot import Issuer
from sidecar.contract.strict import ContractError

ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")
MAX_KEYS = 10
_MEMBERS = frozenset({"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"})
MAX_MEMBER = 2000


def checked_jwks(jwks: Mapping[str, Any]) -> dict[str, Any]:
    """The set with what counts of each key; Invalid for one that is private, weak, damaged or of another kind."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
        raise Invalid(f"jwks is a JWK Set of 1 to {MAX_KEYS} public keys")
    kept = list[dict[str, str]]()
    for key in keys:
        if not isinstance(key, Mapping) or {"d", "k", "p", "q"} & key.keys():
            raise Invalid("jwks holds a private key or a secret: only public halves belong here")
        members = {name: value for name, value in key.items() if name in _MEMBERS}
        if not all(isinstance(value, str) and len(value) <= MAX_MEMBER for value in members.values()):
            raise Invalid("a member of a key is no text, or too long")
        if not isinstance(members.get("kty"), str):
            raise Invalid("a key has no kty")
        if not members.get("kid", "x").isprintable():  # nor, then, storable
            raise Invalid("a kid is printable")
        kept.append(members)
    loaded(kept)
    return {"keys": kept}


def loaded(keys: list[dict[str, str]]) -> KeySet:
    """Ready to verify; Invalid."""
    try:
        return load_keys(Issuer("client", "client", ("client",), ALGORITHMS, keys=tuple(keys)))
    except ContractError as error:
        raise Invalid(f"jwks: {error}") from None
