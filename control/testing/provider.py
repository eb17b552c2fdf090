"""An OpenID provider that a test holds in its hands: discovery, a key set, keys that come and go, and every fault.

A real HTTP server on a free port of 127.0.0.1, in a thread of its own.
"""

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ALGORITHM = "ES256"
DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"

Answer = tuple[int, Mapping[str, str], bytes]


class Provider:
    """A context manager. ``published`` are the key set's keys by ``kid``; ``answers`` are said instead of the usual, by
    path; ``asked`` are the requests that came: path and headers (names in lower case)."""

    def __init__(self, cache_control: str = "") -> None:
        self.published: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.cache_control = cache_control
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self.add("first")

    def __enter__(self) -> "Provider":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, kid: str) -> None:
        """Publishes a new key."""
        self.published = {**self.published, kid: ec.generate_private_key(ec.SECP256R1())}

    def drop(self, kid: str) -> ec.EllipticCurvePrivateKey:
        """Publishes a key no longer; it can still sign, if it is given to ``token``."""
        dropped = self.published[kid]
        self.published = {name: key for name, key in self.published.items() if name != kid}
        return dropped

    def token(self, kid: str, key: ec.EllipticCurvePrivateKey | None = None, **claims: Any) -> str:
        """A token of this provider, signed by the key called ``kid``."""
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": "orders", "sub": "ann", "iat": now, "exp": now + 3600}
        return jwt.encode({**usual, **claims}, key or self.published[kid], ALGORITHM, headers={"kid": kid})

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The key set as it is published now."""
        return {"keys": [_jwk(kid, key) for kid, key in self.published.items()]}

    def _answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        if path in self.answers:
            return self.answers[path]
        if path == DISCOVERY:
            said = {"issuer": self.issuer, "jwks_uri": self.issuer + KEYS}
            return 200, {}, json.dumps(said).encode()
        if path != KEYS:
            return 404, {}, b""
        body = json.dumps(self.jwks()).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        said_headers = {"ETag": etag, **({"Cache-Control": self.cache_control} if self.cache_control else {})}
        return (304, said_headers, b"") if headers.get("if-none-match") == etag else (200, said_headers, body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                provider.asked.append((self.path, headers))
                status, said, body = provider._answer(self.path, headers)
                self.send_response(status)
                for name, value in said.items():
                    self.send_header(name, value)
                if "Content-Length" not in said and status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        return Handler


def _jwk(kid: str, key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    members = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**{name: str(members[name]) for name in ("kty", "crv", "x", "y")}, "kid": kid, "use": "sig"}
