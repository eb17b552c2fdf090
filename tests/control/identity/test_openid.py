"""OpenID Connect: who let the client in, when, and that it asked just now."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from control.identity.oauth.authorization import Refused

from .test_oauth import BACK, ISSUER, NOW, ORDERS, STOCK, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh one, whose public client may ask who people are."""
    made = Rig(tmp_path / "data")
    made.applications.update("spa", "ann", scopes=["orders:read", "openid", "profile", "email"])
    yield made
    made.database.close()


def tokens(rig: Rig, auth_time: int | None = NOW - 5, **changes: str | None) -> dict[str, Any]:
    """What ann's yes brings."""
    location = rig.authorization.allow(rig.query(**{"scope": "openid", **changes}), "ann", auth_time)
    status, got = rig.redeem(parse_qs(urlsplit(location).query)["code"][0])
    assert status == 200
    return got


def told(rig: Rig, token: str, method: str = "GET") -> tuple[int, dict[str, Any], str]:
    """What userinfo says."""
    status, headers, body = rig.issuer.userinfo(method, {"Authorization": f"Bearer {token}"}, b"")
    return status, json.loads(body or b"{}"), dict(headers).get("WWW-Authenticate", "")


def test_an_id_token_says_who_and_when(rig: Rig) -> None:
    """For the client alone, with the nonce of its request; it is no access token."""
    got = tokens(rig, nonce="n-1")
    assert jwt.get_unverified_header(got["id_token"])["typ"] == "JWT"
    claims = rig.claims(got["id_token"])
    assert claims == {
        "iss": ISSUER,
        "sub": "ann",
        "aud": rig.spa.client_id,
        "iat": NOW,
        "exp": NOW + 900,
        "auth_time": NOW - 5,
        "nonce": "n-1",
    }
    assert rig.read(got["id_token"]) is None
    assert told(rig, got["id_token"])[0] == 401


def test_without_openid_there_is_none(rig: Rig) -> None:
    """Nor without a nonce is there one in it; a refresh brings no second."""
    assert "id_token" not in tokens(rig, scope="orders:read")
    got = tokens(rig, auth_time=None)
    assert not {"nonce", "auth_time"} & rig.claims(got["id_token"]).keys()
    assert "id_token" not in rig.refresh(got["refresh_token"])[1]


def test_userinfo_tells_as_far_as_the_scopes_go(rig: Rig) -> None:
    """To whoever holds an access token with openid that counts."""
    assert told(rig, tokens(rig)["access_token"])[1] == {"sub": "ann"}
    whole = tokens(rig, scope="openid profile email")["access_token"]
    assert told(rig, whole, "POST")[1] == {"sub": "ann", "name": "Ann", "email": "ann@shop.test"}
    status, _, challenge = told(rig, tokens(rig, scope="orders:read")["access_token"])
    assert (status, 'error="insufficient_scope"' in challenge) == (403, True)
    rig.post(rig.revocation, token=whole)
    status, _, challenge = told(rig, whole)
    assert (status, 'error="invalid_token"' in challenge) == (401, True)
    for header in ("", "Bearer", "Bearer ", "Basic x", "several"):
        status, headers, _ = rig.issuer.userinfo("GET", {"authorization": header}, b"")
        assert (status, dict(headers)["WWW-Authenticate"]) == (401, 'Bearer realm="oauth2"')
    assert rig.issuer.userinfo("PUT", {}, b"")[0] == 405


def test_whoever_is_gone_is_nobody(rig: Rig) -> None:
    """Although their token still runs."""
    token = tokens(rig)["access_token"]
    del rig.people["ann"]
    assert told(rig, token)[0] == 401


def test_who_may_call_no_service_may_still_ask_who_it_is(rig: Rig) -> None:
    """With a token for that alone, which no service takes."""
    rig.applications.update("spa", "ann", services=[])
    got = tokens(rig)
    assert rig.claims(got["access_token"])["aud"] == ISSUER
    assert told(rig, got["access_token"])[0] == rig.refresh(got["refresh_token"])[0] == 200
    for changes in ({"scope": "orders:read"}, {"scope": "openid", "resource": ORDERS}):
        with pytest.raises(Refused) as refused:
            rig.authorization.look(rig.query(**changes))
        assert refused.value.error == "invalid_target"


def test_max_age_is_kept(rig: Rig) -> None:
    """Whoever signed in longer ago has to again; a page that forgot would be refused."""
    query = rig.query(scope="openid", max_age="60")
    question = rig.authorization.look(query)
    assert not question.must_sign_in(NOW - 60, NOW)
    assert question.must_sign_in(NOW - 61, NOW) and question.must_sign_in(None, NOW)
    assert rig.authorization.allow(query, "ann", NOW - 60)
    for auth_time in (NOW - 61, None):
        with pytest.raises(Refused) as refused:
            rig.authorization.allow(query, "ann", auth_time)
        assert refused.value.error == "login_required"


def at_once(rig: Rig, subject: str | None, auth_time: int | None = NOW, **changes: str) -> str | None:
    """The error, "code", or None if a page is to ask."""
    try:
        location = rig.authorization.at_once(rig.query(**changes), subject, auth_time)
    except Refused as refused:
        assert refused.location is not None and refused.location.startswith(BACK + "?")
        answer = parse_qs(urlsplit(refused.location).query)
        assert (answer["error"], answer["state"], answer["iss"]) == ([refused.error], ["s t"], [ISSUER])
        return refused.error
    return None if location is None else "code"


def test_prompt_none_shows_no_page(rig: Rig) -> None:
    """It is login_required, consent_required, or a code for what was allowed before, and no more."""
    assert at_once(rig, None, prompt="none") == "login_required"
    assert at_once(rig, "ann", NOW - 61, prompt="none", max_age="60") == "login_required"
    assert at_once(rig, "ann", prompt="none") == "consent_required"
    tokens(rig, scope="openid orders:read")
    assert at_once(rig, "ann", prompt="none", scope="openid") == "code"
    assert at_once(rig, "ann", prompt="none", scope="openid profile") == "consent_required"
    assert at_once(rig, "bea", prompt="none", scope="openid") == "consent_required"


def test_a_yes_is_remembered_until_it_is_taken_back(rig: Rig) -> None:
    """Unless the client wants people asked, or is one that anyone may say to be, on their own machine."""
    assert at_once(rig, "ann") is None
    tokens(rig, scope="orders:read")
    assert at_once(rig, "ann") == "code"
    assert at_once(rig, None) is None
    for prompt in ("login", "consent", "select_account"):
        assert at_once(rig, "ann", prompt=prompt) is None
    assert at_once(rig, "ann", redirect_uri="http://127.0.0.1:9/cb") is None
    rig.grants.take_back("ann", rig.spa.client_id)
    assert at_once(rig, "ann") is None


def test_less_is_remembered_than_another_service(rig: Rig) -> None:
    """A yes for one service is none for two."""
    tokens(rig, scope="orders:read", resource=ORDERS)
    assert at_once(rig, "ann", resource=ORDERS) == "code"
    assert at_once(rig, "ann", resource=STOCK) is None and at_once(rig, "ann") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "create"},
        {"prompt": "none consent"},
        {"max_age": "1.5"},
        {"max_age": "-1"},
        {"max_age": "9" * 10},
        {"nonce": "n" * 501},
    ],
)
def test_what_cannot_be_meant_is_refused(rig: Rig, changes: dict[str, str]) -> None:
    """By a redirect, since the client is known."""
    with pytest.raises(Refused) as refused:
        rig.authorization.look(rig.query(**changes))
    assert refused.value.error == "invalid_request" and refused.value.location is not None
