"""Whatever is sent to the token endpoint gets an answer of RFC 6749, and never an exception or a token."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.identity import AccessTokens, Applications, TokenEndpoint
from control.store import open_database

NAMES = st.sampled_from(["grant_type", "scope", "resource", "client_id", "client_secret", "x"])
VALUES = st.one_of(st.sampled_from(["client_credentials", "", "a b", "%ff", "%"]), st.text(max_size=20))
FORMS = st.lists(st.tuples(NAMES, VALUES), max_size=6).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode(errors="surrogatepass")
)
CREDENTIALS = st.one_of(
    st.text(max_size=40),
    st.text(max_size=40).map(lambda text: "Basic " + text),
    st.binary(max_size=30).map(lambda data: "basic " + base64.b64encode(data).decode()),
)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenEndpoint]:
    """One without applications, so that no token is ever right."""
    directory: Path = tmp_path_factory.mktemp("data")
    database = open_database(directory)

    def sign(_claims: object) -> str:
        raise AssertionError("a token was issued to nobody")

    applications = Applications(database, lambda: 0.0)
    tokens = AccessTokens("https://control.test", lambda: {"a": "https://a.test"}, sign, lambda: 0.0)
    yield TokenEndpoint(applications, tokens)
    database.close()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(form=st.one_of(FORMS, st.binary(max_size=200)), credential=st.none() | CREDENTIALS)
def test_every_request_gets_an_answer(endpoint: TokenEndpoint, form: bytes, credential: str | None) -> None:
    """400 or 401 with an error code, and not to be stored."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if credential is not None:
        headers["Authorization"] = credential
    status, lines, body = endpoint.handle("POST", headers, form)
    assert (status, json.loads(body)["error"]) in {
        (400, "invalid_request"),
        (400, "unsupported_grant_type"),
        (401, "invalid_client"),
    }
    assert ("Cache-Control", "no-store") in lines
