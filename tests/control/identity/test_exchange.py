"""RFC 8693: whoever acts for somebody gets a token that says no more, ends no later, and says who acts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.identity.oauth.clients import EXCHANGE
from control.identity.oauth.exchange import ACCESS_TOKEN, MAX_ACTORS

from .test_oauth import NOW, ORDERS, STOCK, Rig

Whose = tuple[str, str]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh one, with a service called orders that exchanges tokens."""
    made = Rig(tmp_path / "data")
    made.web, made.secret = service(made, "orders", "orders:read", "stock:read")
    yield made
    made.database.close()


def service(rig: Rig, name: str, *scopes: str) -> tuple[Any, str]:
    """An application that may exchange tokens."""
    made, secret = rig.applications.create(name, "ann", scopes=scopes)
    rig.clients.register(made.client_id, [], "ann", NOW, grant_types=[EXCHANGE])
    return made, secret


def ask(rig: Rig, token: str, **changes: str) -> tuple[int, dict[str, Any]]:
    """What orders gets for it; a parameter that is "" is left out."""
    proof = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    usual = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
    return rig.post(rig.endpoint.handle, **{**proof, **usual, **changes})


def anns(rig: Rig, **changes: str | None) -> str:
    """An access token of hers, by which orders was called."""
    _, got = rig.redeem(rig.code(**{"scope": "orders:read stock:read", **changes}))
    token: str = got["access_token"]
    return token


def test_it_says_who_acts_for_whom(rig: Rig) -> None:
    """Less in scope and audience, as asked; recorded."""
    status, got = ask(rig, anns(rig), audience="stock", scope="stock:read")
    assert (status, got["issued_token_type"], got["scope"]) == (200, ACCESS_TOKEN, "stock:read")
    assert "refresh_token" not in got
    claims = rig.claims(got["access_token"])
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("ann", rig.web.client_id, STOCK)
    assert claims["act"] == {"sub": rig.web.client_id}


def test_unasked_it_is_what_both_may(rig: Rig) -> None:
    """The token's scopes that the client may have, the token's audience that it may call."""
    rig.applications.update("orders", "ann", scopes=["stock:read", "admin"], services=["stock"])
    claims = rig.claims(ask(rig, anns(rig))[1]["access_token"])
    assert (claims["scope"], claims["aud"]) == ("stock:read", STOCK)


@pytest.mark.parametrize(
    ("token", "asked", "error"),
    [
        ({"scope": "orders:read"}, {"scope": "stock:read"}, "invalid_scope"),
        ({}, {"scope": "admin"}, "invalid_scope"),
        ({}, {"scope": "orders:read admin"}, "invalid_scope"),
        ({"resource": ORDERS}, {"audience": "stock"}, "invalid_target"),
        ({"resource": ORDERS}, {"resource": STOCK}, "invalid_target"),
        ({}, {"audience": "gone"}, "invalid_target"),
        ({}, {"resource": "https://elsewhere.test"}, "invalid_target"),
        ({}, {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        ({}, {"subject_token_type": ""}, "invalid_request"),
        ({}, {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({}, {"actor_token": "x", "actor_token_type": ACCESS_TOKEN}, "invalid_request"),
        ({}, {"subject_token": "x"}, "invalid_request"),
        ({}, {"subject_token": ""}, "invalid_request"),
    ],
)
def test_never_more(rig: Rig, token: dict[str, str], asked: dict[str, str], error: str) -> None:
    """Neither scope nor audience widens, although the client itself may have more."""
    rig.applications.update("orders", "ann", scopes=["orders:read", "stock:read", "admin"])
    status, said = ask(rig, anns(rig, **token), **asked)
    assert (status, said["error"]) == (400, error)


def test_it_ends_no_later(rig: Rig) -> None:
    """An exchange does not make a token live longer."""
    token = anns(rig)
    rig.now += 600
    _, got = ask(rig, token)
    assert got["expires_in"] == 300
    assert rig.claims(got["access_token"])["exp"] == rig.claims(token)["exp"]
    rig.now += 300
    assert ask(rig, token)[1]["error"] == "invalid_request"


def test_only_whom_it_concerns_exchanges_it(rig: Rig) -> None:
    """A service that it is not for cannot, nor one that is not registered for it, nor without a proof."""
    token = anns(rig, resource=STOCK)
    assert ask(rig, token)[1]["error"] == "invalid_request"
    token = anns(rig)
    plain, secret = rig.applications.create("plain", "ann")
    assert ask(rig, token, client_id=plain.client_id, client_secret=secret)[1]["error"] == "unauthorized_client"
    assert ask(rig, token, client_secret="wrong")[0] == 401
    assert ask(rig, token, client_id=rig.spa.client_id, client_secret="")[0] == 401


def test_actors_add_up_to_a_limit(rig: Rig) -> None:
    """Each stands within the next; nobody makes a token grow without bound."""
    token = anns(rig)
    for depth in range(1, MAX_ACTORS + 1):
        status, got = ask(rig, token)
        assert status == 200
        token, actor = got["access_token"], rig.claims(got["access_token"])["act"]
        for _ in range(depth - 1):
            actor = actor["act"]
        assert actor == {"sub": rig.web.client_id}
    assert ask(rig, token)[1]["error"] == "invalid_request"


def test_it_ends_with_what_it_came_of(rig: Rig) -> None:
    """What people took back is taken back from whoever acts for them, in the sidecars too."""
    _, got = rig.redeem(rig.code())
    first = ask(rig, got["access_token"])[1]["access_token"]
    second = ask(rig, first)[1]["access_token"]
    rig.post(rig.revocation, token=got["refresh_token"])
    named = {rig.claims(token)["jti"] for token in (got["access_token"], first, second)}
    assert named == set(rig.withdrawn)
    assert ask(rig, got["access_token"])[1]["error"] == "invalid_request"


def test_a_token_that_nobody_stands_behind(rig: Rig) -> None:
    """An application's own is exchanged as well; the service acts for the application."""
    shop, secret = rig.applications.create("shop", "ann", scopes=["orders:read"])
    form = {"grant_type": "client_credentials", "client_id": shop.client_id, "client_secret": secret}
    _, got = rig.post(rig.endpoint.handle, **form)
    claims = rig.claims(ask(rig, got["access_token"])[1]["access_token"])
    assert (claims["sub"], claims["act"]["sub"]) == (shop.client_id, rig.web.client_id)
