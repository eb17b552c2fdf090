"""RP-initiated logout: whom a client means is believed of its ID token alone, and nobody is sent to a strange place."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from control.identity.oauth.logout import Farewell

from .test_oauth import BACK, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh one, whose public client may ask who people are."""
    made = Rig(tmp_path / "data")
    made.applications.update("spa", "ann", scopes=["openid"])
    yield made
    made.database.close()


def asked(rig: Rig, **said: str) -> Farewell:
    """What the page is told."""
    return rig.issuer.logout.look(urlencode(said))


def test_a_client_asks_by_its_id_token(rig: Rig) -> None:
    """Also by one that is over; the state comes back."""
    _, got = rig.redeem(rig.code(scope="openid"))
    rig.now += 86_400
    whole = {"id_token_hint": got["id_token"], "post_logout_redirect_uri": BACK, "state": "s t"}
    for more in ({}, {"client_id": rig.spa.client_id}):
        assert asked(rig, **whole, **more) == Farewell("ann", "spa", BACK + "?state=s+t")
    assert asked(rig, id_token_hint=got["id_token"]) == Farewell("ann", "spa")


def test_a_name_alone_says_for_nobody(rig: Rig) -> None:
    """Anyone can write it; the way back is a registered one all the same."""
    assert asked(rig, client_id=rig.spa.client_id, post_logout_redirect_uri=BACK) == Farewell(None, "spa", BACK)


def test_nobody_is_sent_to_a_strange_place(rig: Rig) -> None:
    """No open redirect: by no likeness, by no other's token, by nobody's word."""
    _, got = rig.redeem(rig.code(scope="openid"))
    hint = got["id_token"]
    for place in (BACK + "/", BACK + "?x", "https://evil.test/", "http://127.0.0.1:9/cb", "//web.shop.test/back"):
        assert asked(rig, id_token_hint=hint, post_logout_redirect_uri=place).location is None
    nobody = Farewell()
    assert asked(rig, post_logout_redirect_uri=BACK) == nobody
    assert asked(rig, client_id="nobody", post_logout_redirect_uri=BACK) == nobody
    assert asked(rig, id_token_hint=hint, client_id=rig.web.client_id, post_logout_redirect_uri=BACK) == nobody
    for false in (got["access_token"], hint[:-4] + "AAAA", "x", "a.b.c"):
        assert asked(rig, id_token_hint=false, post_logout_redirect_uri=BACK) == nobody
    assert rig.issuer.logout.look(f"client_id={rig.spa.client_id}&client_id={rig.spa.client_id}") == nobody
    rig.applications.update("spa", "ann", active=False)
    assert asked(rig, id_token_hint=hint, post_logout_redirect_uri=BACK) == nobody
