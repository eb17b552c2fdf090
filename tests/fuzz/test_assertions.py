"""Whatever a client sends as its assertion, or an operator as its keys: 401 or Invalid, and never a crash."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.errors import Invalid
from control.identity.oauth.client_keys import checked_jwks
from tests.control.identity.test_assertions import JWK, KEY, ask
from tests.control.identity.test_oauth import ISSUER, NOW, Rig

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One for all, with a client called robot that has a key."""
    path: Path = tmp_path_factory.mktemp("assertions")
    made = Rig(path / "data")
    made.web, made.secret = made.applications.create("robot", "ann")
    made.clients.register(made.web.client_id, [], "ann", NOW, grant_types=[], jwks={"keys": [JWK]})
    yield made
    made.database.close()


@QUICK
@given(text=st.text(max_size=300).filter(lambda text: text.strip() != ""))
def test_any_text(rig: Rig, text: str) -> None:
    """Also what is no JWT."""
    assert ask(rig, text)[0] == 401


@QUICK
@given(name=st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]), value=JSON)
def test_any_claim(rig: Rig, name: str, value: Any) -> None:
    """Truly signed, and whatever it says."""
    usual = {"iss": rig.web.client_id, "sub": rig.web.client_id, "aud": ISSUER, "exp": NOW + 60, "jti": "one"}
    payload = json.dumps({**usual, name: value}).encode()
    text = jwt.PyJWS().encode(payload, KEY, "ES256", headers={"kid": JWK["kid"]})
    assert ask(rig, text)[0] in (200, 401)


@QUICK
@given(keys=st.lists(st.dictionaries(st.sampled_from([*JWK, "n", "e", "d", "k"]), JSON, max_size=9) | JSON, max_size=3))
def test_any_keys(keys: list[Any]) -> None:
    """What an operator registers."""
    mixed = [{**JWK, **key} if isinstance(key, dict) else key for key in keys]
    for given_keys in (keys, mixed):
        try:
            checked_jwks({"keys": given_keys})
        except Invalid:
            continue
