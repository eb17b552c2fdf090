"""Whatever a client says of itself when it registers: taken, or refused as RFC 7591 says it, and never a crash."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.control.identity.test_client_configuration import INFORMATION, again, configure, registered
from tests.control.identity.test_oauth import BACK, Rig
from tests.control.identity.test_registration import JWK, register

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = ["redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method", "scope", "client_name", "jwks"]
WORDS = st.sampled_from([BACK, "authorization_code", "refresh_token", "code", "none", "openid", "private_key_jwt"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["keys", *JWK]), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One for all."""
    path: Path = tmp_path_factory.mktemp("registration")
    made = Rig(path / "data")
    made.issuer.let_register({"right": "registrar"}.get)
    yield made
    made.database.close()


@QUICK
@given(said=st.dictionaries(st.sampled_from(NAMES), JSON))
def test_any_metadata(rig: Rig, said: dict[str, Any]) -> None:
    """Alone, and over what would be taken."""
    for body in (said, {"redirect_uris": [BACK], **said}):
        status, answer = register(rig, json.dumps(body).encode())
        assert status in (201, 400)
        if status == 201:
            assert set(answer["scope"].split()) <= {"openid", "profile", "email"}


@QUICK
@given(body=st.binary(max_size=200))
def test_any_bytes(rig: Rig, body: bytes) -> None:
    """Also what is no JSON."""
    assert register(rig, body)[0] == 400


@pytest.fixture(scope="module")
def client(rig: Rig) -> dict[str, Any]:
    """What one was told when it registered."""
    return registered(rig, token_endpoint_auth_method="none")


SAID_ANEW = st.dictionaries(st.sampled_from([*NAMES, *INFORMATION, "client_secret"]), JSON)


@settings(QUICK, max_examples=60)
@given(said=SAID_ANEW, body=st.binary(max_size=99))
def test_anything_said_anew(rig: Rig, client: dict[str, Any], said: dict[str, Any], body: bytes) -> None:
    """RFC 7592: over what is registered, and as bytes; what is taken is what is read afterwards, and no more."""
    assert configure(rig, "PUT", client, body)[0] == 400
    status, answer = configure(rig, "PUT", client, again(client, **said))
    assert status in (200, 400)
    _, now = configure(rig, "GET", client)
    assert set(now["scope"].split()) <= {"openid", "profile", "email"}
    if status == 200:
        assert again(now) == {name: value for name, value in again(answer).items() if name != "client_secret"}
