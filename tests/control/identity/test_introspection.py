"""RFC 7662: whom a token concerns learns what it says; everybody else learns nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .test_oauth import ISSUER, ORDERS, STOCK, Rig

Answer = tuple[int, dict[str, object]]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh one."""
    made = Rig(tmp_path / "data")
    yield made
    made.database.close()


def asked(rig: Rig, token: str, name: str = "orders") -> Answer:
    """What the application of that name, made if need be, is told."""
    known = {app.name: app.client_id for app in rig.applications.list()}
    if name in known:
        _, secret = rig.applications.rotate_secret(name, "ann")
    else:
        made, secret = rig.applications.create(name, "ann")
        known[name] = made.client_id
    return rig.post(rig.introspection, token=token, client_id=known[name], client_secret=secret)


def test_the_service_that_a_token_is_for_learns_what_it_says(rig: Rig) -> None:
    """And its own client does; what it says is what it holds."""
    _, got = rig.redeem(rig.code(client_id=rig.web.client_id), client_id=rig.web.client_id, client_secret=rig.secret)
    status, said = asked(rig, got["access_token"])
    assert status == 200
    claims = rig.claims(got["access_token"])
    assert said == {"active": True, "token_type": "Bearer", **claims}
    assert (said["iss"], said["sub"], said["aud"]) == (ISSUER, "ann", [ORDERS, STOCK])
    assert asked(rig, got["access_token"], "web") == (200, said)


def test_to_others_it_does_not_count(rig: Rig) -> None:
    """As what is noise, expired, revoked or of another's making does not."""
    _, got = rig.redeem(rig.code(resource=ORDERS))
    token = got["access_token"]
    assert asked(rig, token)[1]["active"] is True
    for name in ("stock", "someone"):
        assert asked(rig, token, name) == (200, {"active": False})
    for noise in ("x", "a.b.c", token[:-4] + "AAAA", "sgr_x"):
        assert asked(rig, noise) == (200, {"active": False})
    rig.post(rig.revocation, token=token)
    assert asked(rig, token) == (200, {"active": False})
    _, got = rig.redeem(rig.code(resource=ORDERS))
    rig.now += got["expires_in"]
    assert asked(rig, got["access_token"]) == (200, {"active": False})


def test_nobody_asks_without_a_proof(rig: Rig) -> None:
    """RFC 7662 section 2.1: else anyone could try tokens. A public client proves nothing."""
    _, got = rig.redeem(rig.code())
    assert rig.post(rig.introspection, token=got["access_token"])[0] == 401
    assert rig.post(rig.introspection, token=got["access_token"], client_secret="wrong")[0] == 401
    status, said = rig.post(rig.introspection, client_id=rig.web.client_id, client_secret=rig.secret)
    assert (status, said["error"]) == (400, "invalid_request")


def test_a_refresh_token_concerns_its_client_alone(rig: Rig) -> None:
    """While it is unused; a used one may be a stolen one."""
    proof = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    _, got = rig.redeem(rig.code(client_id=rig.web.client_id), **proof)
    token = got["refresh_token"]
    _, said = rig.post(rig.introspection, token=token, **proof)
    assert (said["active"], said["sub"], said["scope"]) == (True, "ann", "orders:read")
    assert asked(rig, token) == (200, {"active": False})
    rig.refresh(token, **proof)
    assert rig.post(rig.introspection, token=token, **proof) == (200, {"active": False})
