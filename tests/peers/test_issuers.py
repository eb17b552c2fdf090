"""The reverse direction: npm's ``oidc-provider`` as somebody else's issuer, which one line of a policy makes known.

Control discovers it and holds its keys; its tokens count in a real sidecar, and no longer when their key is removed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from ..stories.conftest import Stack
from ..stories.test_provider_rotation import Callers, Operator
from .conftest import require_package

pytestmark = pytest.mark.peers

PROGRAM = Path(__file__).with_name("programs") / "issuer.mjs"
ORDERS, STOCK = "https://orders.shop.test", "https://stock.shop.test"
POLICY = """\
trust_domain: shop.test
issuers:
  partner: {issuer: ISSUER, audience: [https://orders.shop.test], allow_http: true}
services:
  orders:
    routes:
      - {path: /robots/**, require: {scopes: [orders:read], claims: {client_id: robot}}}
      - {path: /**}
"""
ROTATIONS = 3
TRIES = 20


class Issuer:
    """The running program."""

    def __init__(self, url: str) -> None:
        self.url = url

    def have(self, *kids: str) -> None:
        """These keys from now on; the first signs."""
        httpx.put(self.url + "/-/keys", content=json.dumps(kids), trust_env=False).raise_for_status()

    def token(self, audience: str = ORDERS, **form: str) -> str:
        """An access token of its client."""
        asked = {"grant_type": "client_credentials", "resource": audience, "scope": "orders:read", **form}
        proof = ("robot", "secret%20of%20the%20robot")  # RFC 6749 section 2.3.1: both are encoded as in a form
        answer = httpx.post(self.url + "/token", data=asked, auth=proof, trust_env=False).raise_for_status()
        return str(answer.json()["access_token"])


def kid_of(token: str) -> Any:
    """Which key signed it, as it says itself."""
    return jwt.get_unverified_header(token)["kid"]


@pytest.fixture
def partnered(tmp_path: Path) -> Iterator[tuple[Stack, Issuer]]:
    """A mesh of one sidecar that knows this issuer alone. Dropped keys have a grace of a second."""
    require_package("oidc-provider")
    stack = Stack(tmp_path)
    stack.operator["CONTROL_KEY_GRACE"] = "1s"
    with stack.processes:
        issuer = Issuer(stack.processes.start("issuer", ["node", str(PROGRAM)], r"listening on (\S+)")[1])
        stack.start_control()
        stack.add_sidecar("orders", "orders", stack.start_echo())
        stack.control("push", str(stack.policy(POLICY.replace("ISSUER", issuer.url))), "--wait")
        yield stack, issuer
    stack.http.close()


def test_one_line_makes_an_issuer_known(partnered: tuple[Stack, Issuer]) -> None:
    """It is discovered, what it says of the caller reaches the service, and its tokens for others are refused."""
    stack, issuer = partnered
    answer = stack.get("orders", "/robots/7", issuer.token())
    assert answer.status_code == 200
    seen = {name.lower(): value for name, value in answer.json()["headers"]}
    assert (seen["x-auth-subject"], seen["x-auth-client"], seen["x-auth-scope"]) == ("robot", "robot", "orders:read")
    assert seen["x-auth-issuer"] == issuer.url
    elsewhere = stack.get("orders", "/robots/7", issuer.token(STOCK))
    assert (elsewhere.status_code, elsewhere.json()["reason"]) == (401, "invalid_token")
    refused = stack.get("orders", "/robots/7", issuer.token(scope=""))
    assert (refused.status_code, refused.json()["reason"]) == (403, "insufficient_scope")


def test_plain_http_is_for_those_who_say_so(partnered: tuple[Stack, Issuer]) -> None:
    """Without ``allow_http`` the policy is refused, also for a loopback address."""
    stack, issuer = partnered
    strict = POLICY.replace("ISSUER", issuer.url).replace(", allow_http: true", "")
    assert "https" in stack.control("check", str(stack.policy(strict, "strict.yaml")), expect=1)


def test_it_rotates_its_keys_under_load(partnered: tuple[Stack, Issuer]) -> None:
    """Published, signing, dropped: nobody with a token of a key that is there is refused, nobody with one of a key
    whose removal is in force gets in, however often the token was good before."""
    stack, issuer = partnered
    operator, kid, token = Operator(stack), "first", issuer.token()
    with operator.http, Callers(stack.urls["orders"] + "/robots/7", token) as callers:
        for number in range(ROTATIONS):
            before, before_token, kid = kid, token, f"key-{number}"
            issuer.have(before, kid)
            operator.refresh()
            issuer.have(kid, before)
            token = issuer.token()
            assert (kid_of(before_token), kid_of(token)) == (before, kid)
            callers.use(token)
            issuer.have(kid)
            operator.refresh()
            operator.removed(before)
            assert {stack.get("orders", "/robots/7", before_token).status_code for _ in range(TRIES)} == {401}
    assert set(callers.answers) == {200} and callers.answers[200] > ROTATIONS


def test_a_key_that_it_did_not_announce(partnered: tuple[Stack, Issuer]) -> None:
    """Its first token is refused, control looks at the issuer by itself, and then the token counts."""
    stack, issuer = partnered
    issuer.have("surprise", "first")
    token = issuer.token()
    first = stack.get("orders", "/x", token)
    assert (first.status_code, first.json()["reason"]) == (401, "invalid_token")
    answers = (stack.get("orders", "/x", token).status_code for _ in range(100_000))
    assert any(status == 200 for status in answers), stack.processes.log("control")[-2000:]
