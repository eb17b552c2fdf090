"""private_key_jwt (RFC 7523): who holds the key is the client, once an assertion, and for us alone."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from joserfc.jwk import import_key

from control.authority import signing_keys
from control.identity.oauth.assertions import LEEWAY_S, MAX_LIFETIME_S

from .test_oauth import BACK, ISSUER, NOW, Rig

KEY = signing_keys.generate("ES256")
JWK = signing_keys.public_jwk(KEY, "ES256")
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Made = tuple[Rig, str]


@pytest.fixture
def robot(tmp_path: Path) -> Iterator[Made]:
    """A client that has a key, and its client_id."""
    rig = Rig(tmp_path / "data")
    application, rig.secret = rig.applications.create("robot", "ann", scopes=["orders:read"])
    rig.clients.register(application.client_id, [BACK], "ann", NOW, jwks={"keys": [JWK]})
    yield rig, application.client_id
    rig.database.close()


def assertion(client_id: str, key: Any = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """One of that client, unless it says otherwise; a claim that is None is left out."""
    usual = {"iss": client_id, "sub": client_id, "aud": ISSUER, "exp": NOW + 60, "jti": "one"}
    said = {name: value for name, value in {**usual, **changes}.items() if value is not None}
    return jwt.encode(said, key, "ES256", headers=header or {"kid": JWK["kid"]})


def ask(rig: Rig, text: str, **more: str) -> tuple[int, dict[str, Any]]:
    """A token for whoever proves itself by ``text``."""
    form = {"client_assertion_type": TYPE, "client_assertion": text, "grant_type": "client_credentials", **more}
    return rig.post(rig.endpoint.handle, client_id=form.pop("client_id", ""), **form)


@pytest.mark.parametrize("audience", [ISSUER, ISSUER + "/oauth2/token", [ISSUER]])
def test_a_client_proves_itself_by_its_key(robot: Made, audience: Any) -> None:
    """With its client_id beside it or not."""
    rig, client_id = robot
    status, got = ask(rig, assertion(client_id, aud=audience))
    assert status == 200 and rig.claims(got["access_token"])["sub"] == client_id
    assert ask(rig, assertion(client_id, jti="two"), client_id=client_id)[0] == 200
    code = rig.code(client_id=client_id)
    proof = {
        "client_assertion_type": TYPE,
        "client_assertion": assertion(client_id, jti="three"),
        "client_id": client_id,
    }
    assert rig.redeem(code, **proof)[0] == 200


def test_the_assertion_of_another_program(robot: Made) -> None:
    """As Authlib's client makes it: for the token endpoint, for an hour."""
    rig, client_id = robot
    rig.now = time.time()
    pem = signing_keys.to_pem(KEY).decode()
    made = private_key_jwt_sign(import_key(pem, "EC"), client_id, ISSUER + "/oauth2/token", alg="ES256")
    assert ask(rig, made)[0] == 200 and ask(rig, made)[0] == 401


def test_none_counts_twice(robot: Made) -> None:
    """Also of many at once, and for as long as it runs; another client's jti is another's."""
    rig, client_id = robot
    text, found = assertion(client_id), list[int]()
    together = threading.Barrier(4)

    def one() -> None:
        together.wait()
        found.append(ask(rig, text)[0])

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 401, 401, 401]
    rig.now += 60 + LEEWAY_S - 1
    assert ask(rig, text)[0] == 401
    other, _ = rig.applications.create("other", "ann")
    rig.clients.register(other.client_id, [], "ann", NOW, grant_types=[], jwks={"keys": [JWK]})
    assert ask(rig, assertion(other.client_id, exp=int(rig.now) + 60))[0] == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.test"},
        {"aud": ISSUER + "/"},
        {"aud": [ISSUER, "https://elsewhere.test"]},
        {"aud": []},
        {"aud": [[ISSUER]]},
        {"aud": None},
        {"iss": "someone"},
        {"iss": None},
        {"sub": "someone"},
        {"sub": None},
        {"sub": 7},
        {"exp": None},
        {"exp": NOW - LEEWAY_S},
        {"exp": NOW + MAX_LIFETIME_S + LEEWAY_S + 1},
        {"exp": str(NOW + 60)},
        {"exp": True},
        {"nbf": NOW + LEEWAY_S + 1},
        {"iat": NOW + LEEWAY_S + 1},
        {"iat": "now"},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "j" * 201},
        {"header": {"kid": "another"}},
        {"header": {"kid": JWK["kid"], "crit": ["b64"]}},
        {"key": signing_keys.generate("ES256")},
    ],
)
def test_what_does_not_fit_proves_nothing(robot: Made, changes: dict[str, Any]) -> None:
    """The same 401 for each, and the jti is not used up by it."""
    rig, client_id = robot
    status, said = ask(rig, assertion(client_id, **changes))
    assert (status, said["error"]) == (401, "invalid_client")
    assert ask(rig, assertion(client_id))[0] == 200


def test_its_secret_opens_nothing(robot: Made) -> None:
    """Nor does its name; and a client without keys has no other proof than its secret."""
    rig, client_id = robot
    own = {"grant_type": "client_credentials", "client_id": client_id}
    assert rig.post(rig.endpoint.handle, client_secret=rig.secret, **own)[0] == 401
    assert rig.post(rig.endpoint.handle, **own)[0] == 401
    assert ask(rig, assertion(rig.web.client_id))[0] == 401
    assert ask(rig, assertion(rig.spa.client_id))[0] == 401
    assert ask(rig, assertion(client_id), client_id=rig.web.client_id)[0] == 401


def test_one_proof_a_request(robot: Made) -> None:
    """RFC 6749 section 2.3; and an assertion of another type is none."""
    rig, client_id = robot
    assert ask(rig, assertion(client_id), client_secret="x")[1]["error"] == "invalid_request"
    form = {"client_assertion": assertion(client_id), "grant_type": "client_credentials", "client_id": client_id}
    assert rig.post(rig.endpoint.handle, **form)[1]["error"] == "invalid_request"
    saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
    assert rig.post(rig.endpoint.handle, client_assertion_type=saml, **form)[1]["error"] == "invalid_request"


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_the_algorithm_is_the_keys(robot: Made, algorithm: str) -> None:
    """RFC 8725 section 3.1: unsigned, or tagged with the public key as a secret, is worth nothing."""
    rig, client_id = robot
    said = {"iss": client_id, "sub": client_id, "aud": ISSUER, "exp": NOW + 60, "jti": "one"}
    secret = "" if algorithm == "none" else JWK["x"]
    assert ask(rig, jwt.encode(said, secret, algorithm, headers={"kid": JWK["kid"]}))[0] == 401
