"""Whatever an authorization request or redirect URI says: an answer, and no redirect to where nobody registered."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.identity.oauth.authorization import Refused
from control.identity.oauth.clients import Registration
from tests.control.identity.test_oauth import BACK, CHALLENGE, Rig

QUICK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = st.sampled_from(
    ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
     "resource", "response_mode", "request", "request_uri", "nonce", "prompt",
     "max_age", "login_hint"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(["code", BACK, CHALLENGE, "S256", "plain", "orders:read", "", '"', "\\", "\x00", "é", " "]),
    st.text(max_size=20).filter(lambda text: text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)),
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One for all: looking changes nothing."""
    path: Path = tmp_path_factory.mktemp("oauth")
    made = Rig(path / "data")
    yield made
    made.database.close()


def _look(rig: Rig, query: str) -> None:
    try:
        asked = rig.authorization.look(query)
    except Refused as refused:
        assert refused.location is None or refused.location.startswith((BACK + "?", "http://127.0.0.1"))
        assert refused.location is None or (refused.location.isascii() and refused.location.isprintable())
    else:
        assert asked.redirect_uri == BACK or asked.redirect_uri.startswith("http://127.0.0.1")


@QUICK
@given(pairs=st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_any_parameters(rig: Rig, pairs: list[tuple[str, str]]) -> None:
    """Beside a true request, or over it."""
    said = {name for name, _ in pairs}
    usual = [pair for pair in (part.split("=", 1) for part in rig.query().split("&")) if pair[0] not in said]
    _look(rig, urlencode(pairs) + "&" + "&".join(f"{name}={value}" for name, value in usual))


@QUICK
@given(pairs=st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_any_parameters_sent_ahead(rig: Rig, pairs: list[tuple[str, str]]) -> None:
    """RFC 9126: kept, or refused as OAuth says it."""
    said = dict(part.split("=", 1) for part in rig.query().split("&"))
    body = urlencode(pairs) + "".join(f"&{name}={value}" for name, value in said.items() if name not in dict(pairs))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, answer = rig.issuer.pushed("POST", headers, body.encode())
    assert status in (201, 400, 401, 429), answer


LOGOUT = st.sampled_from(["client_id", "id_token_hint", "post_logout_redirect_uri", "state", "x"])


@QUICK
@given(pairs=st.lists(st.tuples(LOGOUT, VALUES), max_size=6), query=st.text(max_size=200))
def test_any_logout(rig: Rig, pairs: list[tuple[str, str]], query: str) -> None:
    """Nobody goes anywhere but to where the client said."""
    for text in (urlencode(pairs), f"client_id={rig.spa.client_id}&" + urlencode(pairs), query):
        location = rig.issuer.logout.look(text).location
        assert location is None or location.split("?")[0] == BACK


@QUICK
@given(query=st.text(max_size=200))
def test_any_text(rig: Rig, query: str) -> None:
    """Also what is no query."""
    _look(rig, query)


@QUICK
@given(tail=st.text(max_size=30), head=st.sampled_from(["http://127.0.0.1", "http://127.0.0.1:", BACK, "//", ""]))
def test_any_redirect_uri(tail: str, head: str) -> None:
    """It is one of those registered, or differs from a loopback one in its port alone."""
    client = Registration("spa", (BACK, "http://127.0.0.1/cb"), True)
    uri = head + tail
    if client.may_return_to(uri):
        port = uri.removeprefix("http://127.0.0.1").removesuffix("/cb").removeprefix(":")
        assert uri == BACK or port == "" or port.isdigit()
