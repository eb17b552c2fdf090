"""Registering clients: what may be registered, what it allows, and what ends with it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from control.authority import signing_keys
from control.errors import Conflict, Invalid, NotFound
from control.identity.oauth.clients import CODE, DEVICE, EXCHANGE

from .test_oauth import BACK, NOW, Rig

KEY = signing_keys.generate("ES256")
JWK = signing_keys.public_jwk(KEY, "ES256")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh one."""
    made = Rig(tmp_path / "data")
    yield made
    made.database.close()


@pytest.mark.parametrize(
    "asked",
    [
        {"redirect_uris": [], "grant_types": [CODE]},
        {"redirect_uris": [BACK], "grant_types": [DEVICE]},
        {"redirect_uris": [], "grant_types": []},
        {"redirect_uris": [BACK], "grant_types": [CODE, "password"]},
        {"redirect_uris": [BACK] * 1 + [f"https://a.test/{n}" for n in range(20)]},
        {"redirect_uris": [BACK], "grant_types": [CODE, EXCHANGE], "public": True},
        {"redirect_uris": [BACK], "jwks": {"keys": [JWK]}, "public": True},
        {"redirect_uris": [BACK], "jwks": {"keys": []}},
        {"redirect_uris": [BACK], "jwks": {}},
        {"redirect_uris": [BACK], "jwks": {"keys": [JWK] * 11}},
        {"redirect_uris": [BACK], "jwks": {"keys": [JWK, JWK]}},
        {"redirect_uris": [BACK], "jwks": {"keys": ["x"]}},
        {"redirect_uris": [BACK], "jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}]}},
        {"redirect_uris": [BACK], "jwks": {"keys": [{**JWK, "d": "AAAA"}]}},
        {"redirect_uris": [BACK], "jwks": {"keys": [{**JWK, "x": "AAAA"}]}},
        {"redirect_uris": [BACK], "jwks": {"keys": [{**JWK, "kid": "\x00"}]}},
        {"redirect_uris": [BACK], "jwks": {"keys": [{"kid": "a"}]}},
        {"redirect_uris": [BACK], "jwks": {"keys": [{**JWK, "x": 7}]}},
    ],
)
def test_what_makes_no_sense_is_not_registered(rig: Rig, asked: Mapping[str, Any]) -> None:
    """And leaves nothing behind."""
    application, _ = rig.applications.create("other", "ann")
    given = dict(asked)
    with pytest.raises(Invalid):
        rig.clients.register(application.client_id, given.pop("redirect_uris"), "ann", NOW, **given)
    assert rig.clients.get(application.client_id) is None


def test_of_a_loopback_address_the_port_alone_is_free(rig: Rig) -> None:
    """RFC 8252 section 7.3: all else of it is the same text, down to an empty query and the letters of the scheme."""
    known = ["http://127.0.0.1:9/back", "http://[::1]/back?a=b", "http://localhost:9/back"]
    kept = rig.clients.update(rig.web.client_id, "ann", NOW, redirect_uris=known)
    for uri in (*known, "http://127.0.0.1/back", "http://127.0.0.1:65535/back", "http://[::1]:8/back?a=b"):
        assert kept.may_return_to(uri), uri
    other = ("/back?", "/back#", "/back/", "/Back", "/back;x", "/%62ack", "/./back", "", "/back?a=b")
    for uri in (
        *(f"http://127.0.0.1:8{rest}" for rest in other),
        *("http://127.0.0.1:/back", "http://127.0.0.1:65536/back", "http://127.0.0.1:8@evil.test/back"),
        *(
            "HTTP://127.0.0.1:8/back",
            "https://127.0.0.1:8/back",
            "http://127.0.0.1.evil.test/back",
            "http://127.1/back",
        ),
        *(
            "http://[::1]:8/back",
            "http://[::1]:8/back?a=b&",
            "http://[0:0:0:0:0:0:0:1]/back?a=b",
            "http://localhost/back",
        ),
    ):
        assert not kept.may_return_to(uri), uri


def test_a_registration_is_kept_as_it_was_said(rig: Rig) -> None:
    """Once each, found by client_id; nobody registers twice, or what is no application."""
    application, _ = rig.applications.create("other", "ann")
    jwks = {"keys": [{**JWK, "x5c": ["unused"]}]}
    made = rig.clients.register(application.client_id, [BACK, BACK], "ann", NOW, grant_types=[CODE, DEVICE], jwks=jwks)
    assert made == rig.clients.get(application.client_id) == rig.clients.all()[application.client_id]
    assert (made.redirect_uris, made.grant_types, made.jwks) == ((BACK,), (CODE, DEVICE), {"keys": [JWK]})
    for client_id in (application.client_id, "nobody"):
        with pytest.raises(Conflict):
            rig.clients.register(client_id, [BACK], "ann", NOW)


def test_a_change_counts_from_the_next_request_on(rig: Rig) -> None:
    """Another redirect URI, another kind of client; what was not named stays."""
    client_id = rig.web.client_id
    rig.clients.update(client_id, "ann", NOW, redirect_uris=["https://new.test/"])
    assert not rig.clients.find(client_id).may_return_to(BACK)
    assert rig.clients.update(client_id, "ann", NOW, public=True).redirect_uris == ("https://new.test/",)
    with pytest.raises(Invalid):
        rig.clients.update(client_id, "ann", NOW, grant_types=[EXCHANGE])
    assert rig.clients.find(client_id).grant_types == (CODE,)


def test_what_is_removed_lets_nobody_in(rig: Rig) -> None:
    """Its grants end in the sidecars and its refresh tokens are worth nothing; its secret still gets its own tokens."""
    code = rig.code(client_id=rig.web.client_id)
    proof = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    _, got = rig.redeem(code, **proof)
    rig.clients.remove(rig.web.client_id, "ann", NOW)
    assert rig.withdrawn == [rig.claims(got["access_token"])["jti"]]
    assert rig.refresh(got["refresh_token"], **proof)[0] == 400
    assert rig.post(rig.endpoint.handle, grant_type="client_credentials", **proof)[0] == 200
    for call in (rig.clients.find, lambda client_id: rig.clients.remove(client_id, "ann", NOW)):
        with pytest.raises(NotFound):
            call(rig.web.client_id)


def test_what_one_person_takes_back_ends_at_once(rig: Rig) -> None:
    """Whoever takes back what they let a client do has let it do nothing; others are not touched."""
    _, mine = rig.redeem(rig.code())
    _, hers = rig.redeem(rig.code_of("bea"))
    assert [grant.client_id for grant in rig.grants.let_in("ann")] == [rig.spa.client_id]
    rig.grants.take_back("ann", rig.spa.client_id)
    assert rig.refresh(mine["refresh_token"])[1]["error"] == "invalid_grant"
    assert rig.refresh(hers["refresh_token"])[0] == 200
    assert rig.grants.let_in("ann") == [] and len(rig.grants.let_in("bea")) == 1
