"""An issuer's keys, each bound to the algorithms it may verify (RFC 8725 sections 3.1 and 3.2).

The algorithm is chosen by the issuer's policy and the key, never by the token: a key meets only the algorithms
that its type, its curve and its own ``alg`` allow, and secrets never stand beside public keys. Keys are parsed
once, here; verifying parses nothing. A weak, private or damaged key is a ContractError, so that ``control check``
refuses it long before a sidecar does. Keys that are for something else (``use`` other than ``sig``, or an
algorithm that the policy does not allow) are left out, as RFC 7517 section 5 asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jwt.algorithms import Algorithm, get_default_algorithms
from jwt.exceptions import InvalidKeyError

from sidecar.contract.snapshot import Issuer, Jwk
from sidecar.contract.strict import ContractError

from .jose import decode_base64url
from .strength import MIN_SECRET_BYTES, is_public, weakness

_RSA = frozenset({"RSA"})
_FITS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), _RSA),
    "ES256": frozenset({"EC P-256"}),
    "ES384": frozenset({"EC P-384"}),
    "ES512": frozenset({"EC P-521"}),
    "EdDSA": frozenset({"OKP Ed25519", "OKP Ed448"}),
    **dict.fromkeys(("HS256", "HS384", "HS512"), frozenset({"oct"})),
}
"""Algorithm (RFC 7518 section 3.1, RFC 8037) -> the kinds of key that it takes."""
ALGORITHMS = frozenset(_FITS)
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_NUMBERS = ("n", "e", "x", "y", "k")
_IMPLEMENTATIONS = get_default_algorithms()


@dataclass(frozen=True, slots=True)
class Key:
    """A prepared key and the one algorithm that it is asked about."""

    algorithm: Algorithm
    material: Any = field(repr=False)

    def verifies(self, signing_input: bytes, signature: bytes) -> bool:
        """Did this key sign? A secret's tag is compared in constant time."""
        return self.algorithm.verify(signing_input, self.material, signature)


class KeySet:
    """One issuer's keys by algorithm and ``kid``."""

    def __init__(self, entries: Iterable[tuple[str, str | None, Key]]) -> None:
        self._named: dict[tuple[str, str], Key] = {}
        self._fitting: dict[str, list[tuple[str | None, Key]]] = {}
        for algorithm, kid, key in entries:
            if kid is not None:
                self._named[algorithm, kid] = key
            self._fitting.setdefault(algorithm, []).append((kid, key))

    def __len__(self) -> int:
        return sum(len(keys) for keys in self._fitting.values())

    def find(self, algorithm: str, kid: str | None) -> Key | None:
        """The key that ``kid`` names. Without a ``kid`` on either side (a PEM has none), the key must be the only
        one that fits the algorithm."""
        if kid is not None and (named := self._named.get((algorithm, kid))) is not None:
            return named
        fitting = self._fitting.get(algorithm, [])
        if len(fitting) != 1 or (kid is not None and fitting[0][0] is not None):
            return None
        return fitting[0][1]


def load_keys(issuer: Issuer) -> KeySet:
    """The issuer's usable keys; ContractError names the first that is weak, private, damaged or out of place."""
    symmetric = _is_symmetric(issuer)
    entries: list[tuple[str, str | None, Key]] = []
    taken: set[tuple[str, str]] = set()
    for number, jwk in enumerate(issuer.keys):
        kid = jwk.get("kid")
        where = f"issuer {issuer.name}, key {kid or number + 1}"
        if jwk.get("use", "sig") != "sig":
            continue
        if (jwk["kty"] == "oct") != symmetric:
            raise ContractError("bad_key", f"{where}: a shared secret and public keys never serve one issuer")
        algorithms = _algorithms_of(jwk, issuer, where)
        material = _material(jwk, algorithms, where) if algorithms else None
        for algorithm in algorithms:
            if kid is not None and (algorithm, kid) in taken:
                raise ContractError("bad_key", f"{where}: two keys have this kid")
            taken |= {(algorithm, kid)} if kid is not None else set()
            entries.append((algorithm, kid, Key(_IMPLEMENTATIONS[algorithm], material)))
    if issuer.keys and not entries:
        raise ContractError("bad_key", f"issuer {issuer.name}: none of its keys fits {', '.join(issuer.algorithms)}")
    return KeySet(entries)


def _is_symmetric(issuer: Issuer) -> bool:
    for algorithm in issuer.algorithms:
        if algorithm not in ALGORITHMS:
            raise ContractError("bad_algorithm", f"issuer {issuer.name}: algorithm {algorithm[:40]!r} is not supported")
    kinds = {algorithm in MIN_SECRET_BYTES for algorithm in issuer.algorithms}
    if len(kinds) > 1:
        raise ContractError("bad_algorithm", f"issuer {issuer.name}: HS* and asymmetric algorithms never go together")
    return True in kinds


def _algorithms_of(jwk: Jwk, issuer: Issuer, where: str) -> tuple[str, ...]:
    kind = " ".join(jwk[name] for name in ("kty", "crv") if name in jwk)
    own = jwk.get("alg")
    if own is None:
        return tuple(name for name in dict.fromkeys(issuer.algorithms) if kind in _FITS[name])
    if own not in issuer.algorithms:
        return ()
    if kind not in _FITS[own]:
        raise ContractError("bad_key", f"{where}: a {kind[:40]} key cannot serve {own}")
    return (own,)


def _material(jwk: Jwk, algorithms: tuple[str, ...], where: str) -> Any:
    private = sorted(_PRIVATE & jwk.keys())
    if private:
        raise ContractError(
            "bad_key", f"{where}: holds {private[0]}, a private key's part; only the public half belongs here"
        )
    try:
        numbers = {name: decode_base64url(jwk[name]) for name in _NUMBERS if name in jwk}
        if is_public(numbers.get("k", b"")):
            raise ContractError("bad_key", f"{where}: a public key is no secret")
        implementation = _IMPLEMENTATIONS[algorithms[0]]
        material = implementation.prepare_key(implementation.from_jwk(dict(jwk)))
    except ContractError:
        raise
    except (InvalidKeyError, ValueError, TypeError, KeyError):
        # The cause is left out: it may quote the key.
        raise ContractError("bad_key", f"{where}: not a whole key of its type") from None
    if weak := weakness(material, algorithms):
        raise ContractError("weak_key", f"{where}: {weak}")
    return material
