"""RFC 8628: a device shows a code, people type it in elsewhere, and the device gets their tokens."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.identity.oauth.clients import CODE, DEVICE
from control.identity.oauth.devices import INTERVAL_S, LIFETIME_S, MAX_WAITING

from .test_oauth import BACK, ISSUER, NOW, ORDERS, STOCK, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh one, whose public client is a device."""
    made = Rig(tmp_path / "data")
    made.applications.update("spa", "ann", scopes=["orders:read", "openid"])
    made.clients.update(made.spa.client_id, "ann", NOW, grant_types=[CODE, DEVICE])
    yield made
    made.database.close()


def begun(rig: Rig, **form: str) -> dict[str, Any]:
    """What the device is told."""
    status, told = rig.post(rig.issuer.device, **form)
    assert status == 200
    return told


def poll(rig: Rig, told: dict[str, Any], **more: str) -> tuple[int, dict[str, Any]]:
    """The device asks."""
    return rig.post(rig.endpoint.handle, grant_type=DEVICE, device_code=told["device_code"], **more)


def test_a_device_gets_what_people_allowed(rig: Rig) -> None:
    """Once; with a refresh token, and an ID token if it asked for one."""
    told = begun(rig, scope="orders:read openid", resource=ORDERS)
    assert told["verification_uri_complete"] == f"{ISSUER}/oauth2/device?user_code={told['user_code']}"
    assert (told["expires_in"], told["interval"]) == (LIFETIME_S, INTERVAL_S)
    pages, typed = rig.issuer.device_authorization, f" {told['user_code'].lower().replace('-', ' ')} "
    question = pages.look(typed)
    assert question is not None
    assert (question.name, question.scopes, question.audience) == ("spa", ("orders:read", "openid"), (ORDERS,))
    assert poll(rig, told)[1]["error"] == "authorization_pending"
    assert pages.allow(typed, "ann", NOW)
    status, got = poll(rig, told)
    assert status == 200
    claims = rig.claims(got["access_token"])
    assert (claims["sub"], claims["aud"], rig.claims(got["id_token"])["auth_time"]) == ("ann", ORDERS, NOW)
    assert poll(rig, told)[0] == 400
    assert rig.refresh(got["refresh_token"])[0] == 200
    rig.grants.take_back("ann", rig.spa.client_id)
    assert claims["jti"] in rig.withdrawn


def test_a_no_is_access_denied(rig: Rig) -> None:
    """And nobody turns it into a yes, nor a yes into a no."""
    pages, told, other = rig.issuer.device_authorization, begun(rig), begun(rig)
    assert pages.deny(told["user_code"], "ann") and not pages.allow(told["user_code"], "ann")
    assert poll(rig, told)[1]["error"] == "access_denied"
    assert pages.allow(other["user_code"], "ann") and not pages.deny(other["user_code"], "bea")
    assert pages.look(other["user_code"]) is None
    assert poll(rig, other)[0] == 200


def test_a_code_is_over_after_ten_minutes(rig: Rig) -> None:
    """Also one that was allowed."""
    told, allowed = begun(rig), begun(rig)
    rig.issuer.device_authorization.allow(allowed["user_code"], "ann")
    rig.now += LIFETIME_S
    assert poll(rig, told)[1]["error"] == poll(rig, allowed)[1]["error"] == "expired_token"
    assert rig.issuer.device_authorization.look(told["user_code"]) is None
    assert not rig.issuer.device_authorization.allow(told["user_code"], "ann")


def test_who_asks_too_often_waits_longer(rig: Rig) -> None:
    """Section 3.5: five seconds, and five more each time."""
    told = begun(rig)
    assert poll(rig, told)[1]["error"] == "authorization_pending"
    rig.now += INTERVAL_S - 1
    assert poll(rig, told)[1]["error"] == "slow_down"
    rig.now += INTERVAL_S
    assert poll(rig, told)[1]["error"] == "slow_down"
    rig.now += INTERVAL_S + 10
    assert poll(rig, told)[1]["error"] == "authorization_pending"


def test_of_many_at_once_one_gets_tokens(rig: Rig) -> None:
    """The code is used in the step that makes the grant."""
    told, found = begun(rig), list[int]()
    rig.issuer.device_authorization.allow(told["user_code"], "ann")
    together = threading.Barrier(5)

    def one() -> None:
        together.wait()
        found.append(poll(rig, told)[0])

    threads = [threading.Thread(target=one) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 400, 400, 400, 400]
    assert len(rig.grants.let_in("ann")) == 1


def test_a_device_gets_no_more_than_its_client_may(rig: Rig) -> None:
    """Scope and service as everywhere; a client that is not registered for it gets no code."""
    assert rig.post(rig.issuer.device, scope="admin")[1]["error"] == "invalid_scope"
    assert rig.post(rig.issuer.device, resource="https://elsewhere.test")[1]["error"] == "invalid_target"
    proof = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    assert rig.post(rig.issuer.device, **proof)[1]["error"] == "unauthorized_client"
    assert rig.post(rig.issuer.device, client_id="nobody")[0] == 401
    rig.applications.update("spa", "ann", services=["stock"])
    told = begun(rig)
    question = rig.issuer.device_authorization.look(told["user_code"])
    assert question is not None and question.audience == (STOCK,)
    rig.applications.update("spa", "ann", active=False)
    assert rig.issuer.device_authorization.look(told["user_code"]) is None
    assert not rig.issuer.device_authorization.allow(told["user_code"], "ann")


def test_a_code_serves_its_own_client_alone(rig: Rig) -> None:
    """Another's is none."""
    rig.clients.update(rig.web.client_id, "ann", NOW, grant_types=[CODE, DEVICE], redirect_uris=[BACK])
    told = begun(rig)
    rig.issuer.device_authorization.allow(told["user_code"], "ann")
    assert poll(rig, told, client_id=rig.web.client_id, client_secret=rig.secret)[0] == 400
    assert poll(rig, {"device_code": "sgd_x"})[0] == 400
    assert poll(rig, told)[0] == 200


def test_one_client_cannot_fill_the_store(rig: Rig) -> None:
    """So many wait at the most."""
    for number in range(MAX_WAITING):
        assert rig.issuer.devices.begin(rig.spa.client_id, "", [], f"d{number}", f"u{number}")
    assert rig.post(rig.issuer.device)[0] == 429
    assert not rig.issuer.devices.begin(rig.web.client_id, "", [], "other", "U-7")
    rig.now += LIFETIME_S
    assert rig.post(rig.issuer.device)[0] == 200
