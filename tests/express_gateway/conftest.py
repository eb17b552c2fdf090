"""One gateway for all cases: control, a sidecar before the echo service, and an issuer whose RSA key a test holds."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from ..stories.conftest import Stack

POLICY = """\
trust_domain: shop.test
issuers:
  own: {builtin: true}
  partner:
    issuer: https://issuer.test/
    audience: [orders]
    jwks: {file: partner.jwks.json}
    algorithms: [RS256]
  punctual:
    issuer: https://punctual.test/
    audience: [orders]
    jwks: {file: partner.jwks.json}
    algorithms: [RS256]
    leeway: 0s
services:
  orders:
    cors: {origins: ['https://app.shop.test']}
    routes:
      - {path: /jwt, issuers: [partner, punctual]}
      - {path: /jwt-admin, issuers: [partner], require: {scopes: [admin]}}
      - {path: /jwt-query, issuers: [partner], credentials: [bearer, {query: token}]}
      - {path: /managed, issuers: [own]}
      - {path: /managed-read, issuers: [own], require: {scopes: [orders:read]}}
      - {path: /key, credentials: [api_key]}
      - {path: /key-read, credentials: [api_key], require: {scopes: [orders:read]}}
      - {path: /key-query, credentials: [{api_key: {query: apiKey}}]}
      - {path: /anonymous, access: public}
      - {path: /admin, access: public}
      - {path: /below/*/**, access: public}
      - {path: /customary/**, access: public}
      - {path: /host, access: public, hosts: ['*.acme.com']}
      - {path: /get, methods: [GET], access: public}
      - {path: /entry, methods: [GET], require: {scopes: [read]}}
      - {path: /entry, methods: [PUT], require: {scopes: [write]}}
      - {path: /twice, issuers: [partner], rate_limit: {requests: 2, per: 1h, by: subject}}
      - {path: /other, issuers: [partner], rate_limit: {requests: 2, per: 1h, by: subject}}
      - {path: /strip/**, access: public, rewrite: /base, encoded_slash: keep}
  gone:
    routes:
      - {path: /**, access: public}
"""


class Gateway:
    """The processes, and whatever a case asks of them."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.key = rsa.generate_private_key(65537, 2048)
        self.stranger = rsa.generate_private_key(65537, 2048)
        members = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        jwks = {"keys": [{"kty": "RSA", "n": members["n"], "e": members["e"], "kid": "k1"}]}
        (stack.folder / "partner.jwks.json").write_text(json.dumps(jwks))
        stack.add_sidecar("orders", "orders", stack.start_echo())
        stack.control("push", str(stack.policy(POLICY)), "--wait")
        self.joined("orders")

    @property
    def public_pem(self) -> bytes:
        """The partner's public key as anybody may have it."""
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def token(self, key: Any = None, **claims: Any) -> str:
        """A token of the partner; a claim given as None is left out. Times are seconds from now."""
        usual: dict[str, Any] = {"iss": "https://issuer.test/", "aud": "orders", "sub": "7", "exp": 300} | claims
        now = int(time.time())
        for name in {"exp", "nbf", "iat"} & usual.keys():
            usual[name] = None if usual[name] is None else now + usual[name]
        given = {name: value for name, value in usual.items() if value is not None}
        return jwt.encode(given, key or self.key, "RS256", headers={"kid": "k1"})

    def ask(self, path: str, token: str = "", method: str = "GET", **headers: str) -> httpx.Response:
        """One request; ``_`` in a header's name stands for a hyphen."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        return self.stack.http.request(method, self.stack.urls["orders"] + path, headers=sent)

    def status(self, path: str, token: str = "", method: str = "GET", **headers: str) -> int:
        """Of its response."""
        return self.ask(path, token, method, **headers).status_code

    def app(self, name: str, *scopes: str) -> tuple[str, str]:
        """A new application: its client_id and secret."""
        made = self.stack.control_json("app", "add", name, *(part for scope in scopes for part in ("--scope", scope)))
        return made["client_id"], made["client_secret"]

    def api_key(self, name: str, subject: str, *scopes: str) -> str:
        """A new API key, in force."""
        parts = [part for scope in scopes for part in ("--scope", scope)]
        said = self.stack.control_json("key", "add", "--name", name, "--subject", subject, *parts, "--wait")
        return str(said["key"])

    def joined(self, name: str) -> None:
        """Waits until the sidecar has a policy in force."""
        assert any(self.stack.ready(name)["ready"] for _ in range(5000))

    def settled(self) -> None:
        """Waits until every sidecar has the newest version, after a verb that does not wait."""
        newest = self.stack.control_json("history")["versions"][0]["version"]
        operator = self.stack.operator
        answer = self.stack.http.get(
            f"{operator['CONTROL_URL']}/v1/versions/{newest}/rollout?wait_s=5",
            headers={"Authorization": f"Bearer {operator['CONTROL_TOKEN']}"},
        )
        assert answer.json()["complete"] is True

    def trade(self, user: str, secret: str, **form: str) -> httpx.Response:
        """The token endpoint, asked by an application that authenticates with Basic."""
        basic = base64.b64encode(f"{user}:{secret}".encode()).decode()
        url = self.stack.operator["CONTROL_URL"] + "/oauth2/token"
        return self.stack.http.post(url, data=form, headers={"Authorization": f"Basic {basic}"})


def payload(token: str) -> dict[str, Any]:
    """A token's claims, unverified."""
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def seen(answer: httpx.Response) -> dict[str, str]:
    """The headers that reached the service."""
    assert answer.status_code == 200, answer.text
    return {name.lower(): value for name, value in answer.json()["headers"]}


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """It runs for all cases; what a case makes in it has a name of its own."""
    stack = Stack(tmp_path_factory.mktemp("gateway"))
    with stack.processes:
        stack.start_control()
        yield Gateway(stack)
    stack.http.close()
