"""A snapshot as value and as bytes, and its signature."""

import copy
import dataclasses
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sidecar.contract.envelope import Sealed, decode_sealed, encode_sealed, key_id, open_sealed, public_bytes, seal
from sidecar.contract.snapshot import (
    MAX_SNAPSHOT_BYTES,
    ClaimMap,
    ClaimRule,
    Forward,
    Issuer,
    Requirement,
    Revocation,
    Route,
    Snapshot,
    decode,
    encode,
    redacted,
    with_requirements,
)
from sidecar.contract.strict import ContractError, pack, unpack

FULL = Snapshot(
    trust_domain="shop.test",
    service="orders",
    version=7,
    issued_at=1_800_000_000,
    issuers=(
        Issuer(
            "own",
            "https://own.test/",
            ("orders",),
            ("ES256",),
            keys=({"kty": "EC", "crv": "P-256", "x": "a", "y": "b"},),
        ),
        Issuer(
            "hs",
            "https://hs.test/",
            ("orders", "x"),
            ("HS256",),
            0,
            ClaimMap(("a", "b")),  # and the usual places for the rest
            ({"kty": "oct", "k": "c2VjcmV0"},),
        ),
        Issuer("away", "https://away.test/", ("orders",), ("RS256",), 600, keys_known=False),
    ),
    routes=(
        Route("/public/**", access="public"),
        Route(
            "/orders/{id}",
            ("GET", "PUT"),
            issuers=("own",),
            require=Requirement(
                ("a", "b"),
                ("c",),
                (
                    ClaimRule(("x", "y"), "equals", (True,)),
                    ClaimRule(("r",), "any", ("p", 1)),
                    ClaimRule(("r",), "all", ("q",)),
                    ClaimRule(("s",), "present"),
                ),
            ),
            timeout_ms=10_000,
        ),
        Route("/**"),
    ),
    forward=Forward((("X-Tenant", ("tenant",)),), "keep"),
    revocations=(Revocation("own", "jti", "t1", 2**53 - 1, 5), Revocation("own", "issuer", "", 9)),
)


def _tree() -> dict[str, Any]:
    value = unpack(encode(FULL))
    assert isinstance(value, dict)
    return value


def test_comes_back_as_it_went() -> None:
    """Every field, every type; and equal snapshots have equal bytes."""
    assert decode(encode(FULL)) == FULL
    assert encode(decode(encode(FULL))) == encode(copy.deepcopy(FULL)) == encode(FULL)
    assert repr(decode(encode(FULL)).routes) == repr(FULL.routes)
    small = Snapshot("shop.test", "orders", 1, 0)
    assert decode(encode(small)) == small


BAD: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "format of the future": (("format",), 3),
    "version 0": (("version",), 0),
    "version a boolean": (("version",), True),
    "version a string": (("version",), "7"),
    "version too large": (("version",), 2**53 + 1),
    "no service": (("service",), ""),
    "service as bytes": (("service",), b"orders"),
    "issuers a map": (("issuers",), {}),
    "an issuer nil": (("issuers", 0), None),
    "an issuer without audience": (("issuers", 0, "audiences"), []),
    "an issuer without algorithm": (("issuers", 0, "algorithms"), []),
    "an issuer's name twice": (("issuers", 1, "name"), "own"),
    "an issuer's iss twice": (("issuers", 1, "issuer"), "https://own.test/"),
    "leeway below 0": (("issuers", 0, "leeway_s"), -1),
    "leeway of an hour": (("issuers", 0, "leeway_s"), 3600),
    "leeway a float": (("issuers", 0, "leeway_s"), 5.0),
    "keys_known a number": (("issuers", 0, "keys_known"), 1),
    "an empty claim path": (("issuers", 1, "claims", "subject"), []),
    "a claim path of numbers": (("issuers", 1, "claims", "subject"), [1]),
    "a key without kty": (("issuers", 0, "keys", 0), {"x": "a"}),
    "a key with a list": (("issuers", 0, "keys", 0), {"kty": "EC", "key_ops": ["verify"]}),
    "an unknown access": (("routes", 0, "access"), "anyone"),
    "methods a string": (("routes", 1, "methods"), "GET"),
    "an empty method": (("routes", 1, "methods"), [""]),
    "a route of an unknown issuer": (("routes", 1, "issuers"), ["nobody"]),
    "timeout 0": (("routes", 1, "timeout_ms"), 0),
    "timeout true": (("routes", 1, "timeout_ms"), True),
    "timeout of a week": (("routes", 1, "timeout_ms"), 7 * 86_400_000),
    "an unknown test": (("routes", 1, "require", "claims", 0, "test"), "matches"),
    "equals two values": (("routes", 1, "require", "claims", 0, "values"), ["a", "b"]),
    "equals nothing": (("routes", 1, "require", "claims", 0, "values"), []),
    "any of nothing": (("routes", 1, "require", "claims", 1, "values"), []),
    "present with a value": (("routes", 1, "require", "claims", 3, "values"), ["a"]),
    "a float to compare": (("routes", 1, "require", "claims", 0, "values"), [1.0]),
    "nil to compare": (("routes", 1, "require", "claims", 0, "values"), [None]),
    "an unknown way with the token": (("forward", "token"), "encrypt"),
    "a header without a path": (("forward", "claims", 0), ["X-Tenant"]),
    "a header without a name": (("forward", "claims", 0), ["", ["tenant"]]),
    "a revocation by nothing": (("revocations", 0, "by"), "colour"),
    "a revocation of an issuer's value": (("revocations", 1, "value"), "x"),
    "a revocation of an empty jti": (("revocations", 0, "value"), ""),
    "a capability of the future": (("requires",), ["routes", "telepathy"]),
}


@pytest.mark.parametrize(("path", "value"), BAD.values(), ids=BAD.keys())
def test_refuses_a_wrong_value(path: tuple[str | int, ...], value: Any) -> None:
    """What ``encode`` could not have written is refused, wherever it stands."""
    tree = _tree()
    place: Any = tree
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ContractError):
        decode(pack(tree))


def _maps(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        inner = [found for key, item in value.items() for found in _maps(item, (*path, key))]
        return inner if "kty" in value else [path, *inner]
    if isinstance(value, list):
        return [found for n, item in enumerate(value) for found in _maps(item, (*path, n))]
    return []


@pytest.mark.parametrize("path", _maps(_tree()), ids=str)
def test_every_map_is_exact(path: tuple[str | int, ...]) -> None:
    """At every place, an unknown key and a missing one are errors."""

    def at(tree: Any) -> dict[str, Any]:
        for step in path:
            tree = tree[step]
        assert isinstance(tree, dict)
        return tree

    tree = _tree()
    at(tree)["surprise"] = 1
    with pytest.raises(ContractError) as caught:
        decode(pack(tree))
    assert caught.value.code == "unknown_key"
    for key in at(_tree()):
        tree = _tree()
        del at(tree)[key]
        try:
            found = decode(pack(tree))
        except ContractError as error:
            assert error.code in ("malformed", "lacks_capability")  # some have defaults
        else:
            assert encode(found) == pack(tree) != encode(FULL)


def test_a_default_spelled_out_is_not_canonical() -> None:
    """One snapshot has one form, so that one signature stands for one meaning."""
    for change in ({"deny": []}, {"cors": None}):
        with pytest.raises(ContractError, match="one form"):
            decode(pack(_tree() | change))


def test_it_names_what_it_takes() -> None:
    """A sidecar that lacks a capability can say which."""
    plain_one, deep = with_requirements(FULL), Route("/x", require=Requirement(when="true"), hosts=("a.test",))
    assert plain_one.requires == FULL.requires
    assert set(with_requirements(dataclasses.replace(FULL, routes=(deep,))).requires) - set(FULL.requires) == {
        "conditions",
        "matchers",
    }


def test_a_newer_control_is_refused_for_its_true_reason() -> None:
    """The capability that is lacking, not the strange key that comes with it."""
    tree = _tree() | {"requires": ["routes", "cel"], "conditions": []}
    with pytest.raises(ContractError, match="cannot enforce: cel") as caught:
        decode(pack(tree))
    assert caught.value.code == "lacks_capability"


def test_an_oversize_snapshot_is_not_even_read() -> None:
    """The limit stands before the parser."""
    with pytest.raises(ContractError) as caught:
        decode(bytes(MAX_SNAPSHOT_BYTES + 1))
    assert caught.value.code == "too_large"


def test_redacted_shows_no_secret() -> None:
    """Nor does the repr."""
    assert "c2VjcmV0" not in str(redacted(FULL)) + repr(FULL)
    assert "c2VjcmV0" in str(dataclasses.asdict(FULL))


KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = public_bytes(KEY)
SEALED = seal(encode(FULL), KEY)


def test_a_signature_holds() -> None:
    """Through memory and through disk."""
    assert open_sealed(SEALED, PUBLIC) == encode(FULL)
    assert decode_sealed(encode_sealed(SEALED)) == SEALED
    assert SEALED.key_id == key_id(PUBLIC)
    assert seal(encode(FULL), KEY).digest == SEALED.digest != seal(b"", KEY).digest


@pytest.mark.parametrize("position", [0, 1, len(SEALED.payload) // 2, len(SEALED.payload) - 1])
def test_altered_bytes_are_refused(position: int) -> None:
    """One bit anywhere, a byte more or a byte less."""
    turned = bytearray(SEALED.payload)
    turned[position] ^= 1
    for payload in (bytes(turned), SEALED.payload + b"\0", SEALED.payload[:-1], b""):
        with pytest.raises(ContractError) as caught:
            open_sealed(dataclasses.replace(SEALED, payload=payload), PUBLIC)
        assert caught.value.code == "bad_signature"


def test_an_altered_signature_is_refused() -> None:
    """Another one, a short one, one of another key under our name, and one made without the prefix."""
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    for signature in (
        bytes(64),
        b"",
        SEALED.signature[:-1],
        SEALED.signature + b"\0",
        seal(SEALED.payload, other).signature,
        KEY.sign(SEALED.payload),
    ):
        with pytest.raises(ContractError) as caught:
            open_sealed(Sealed(SEALED.payload, signature, SEALED.key_id), PUBLIC)
        assert caught.value.code == "bad_signature"
    with pytest.raises(ContractError, match="not the pinned one"):
        open_sealed(seal(SEALED.payload, other), PUBLIC)
