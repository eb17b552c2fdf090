"""An issuer's keys and tokens, written as files once and read by whoever needs them."""

import functools
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sidecar.contract.snapshot import Issuer

ISSUER, AUDIENCE = "https://issuer.example", "orders-api"
LIFETIME_S = 24 * 3600
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Keys:
    """In ``folder``: ``jwks.json``, ``RS256.pem`` and ``ES256.pem`` (public halves), lists of tokens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._keys: dict[str, PrivateKey] = {
            "RS256": rsa.generate_private_key(65537, 2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
        }
        self._strangers: dict[str, PrivateKey] = {
            "RS256": rsa.generate_private_key(65537, 2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
        }
        jwks = [self._jwk(algorithm) for algorithm in self._keys]
        (folder / "jwks.json").write_text(json.dumps({"keys": jwks}))
        for algorithm in self._keys:
            (folder / f"{algorithm}.pem").write_bytes(self.public(algorithm, serialization.Encoding.PEM))
        self.issuer = Issuer(
            name="own",
            issuer=ISSUER,
            audiences=(AUDIENCE,),
            algorithms=("RS256", "ES256"),
            keys=tuple({name: value for name, value in jwk.items() if name != "use"} for jwk in jwks),
        )

    def public(self, algorithm: str, encoding: serialization.Encoding) -> bytes:
        """The public half, as SubjectPublicKeyInfo."""
        key = self._keys[algorithm].public_key()
        return key.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)

    def _jwk(self, algorithm: str) -> dict[str, str]:
        made = jwt.get_algorithm_by_name(algorithm).to_jwk(self._keys[algorithm].public_key(), as_dict=True)
        plain = {name: value for name, value in made.items() if isinstance(value, str)}
        return plain | {"kid": algorithm, "alg": algorithm, "use": "sig"}

    def token(self, algorithm: str, subject: str = "user-00000", *, false: bool = False, **claims: Any) -> str:
        """``false``: signed by a key that is not the issuer's."""
        now = int(time.time())
        usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + LIFETIME_S}
        rest = {"scope": "orders:read orders:write", "roles": ["buyer", "support"], "jti": f"{subject}-{now:032x}"}
        key = (self._strangers if false else self._keys)[algorithm]
        return jwt.encode({**usual, **rest, **claims}, key, algorithm, {"kid": algorithm})

    @functools.lru_cache  # noqa: B019  # there is one, and it lives as long as the process
    def tokens(self, algorithm: str, count: int, *, false: bool = False) -> Path:
        """A file of so many tokens of as many subjects, one a line."""
        file = self.folder / f"{algorithm}-{count}{'-false' if false else ''}.txt"
        made = (self.token(algorithm, f"user-{number:05}", false=false) for number in range(count))
        file.write_text("\n".join(made) + "\n")
        return file
