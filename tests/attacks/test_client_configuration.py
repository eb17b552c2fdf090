"""Attacks on what clients registered by themselves (RFC 7592 section 5), over SQLite and PostgreSQL: nobody changes
another's registration, nor makes more of its own."""

from collections.abc import Callable

from control.identity.credentials import hash_of
from control.identity.oauth.clients import CODE, EXCHANGE
from control.store.tables import RegistrationAccessRow
from tests.control.either_store import either_store
from tests.control.identity.test_client_configuration import ELSEWHERE, again, configure, registered
from tests.control.identity.test_oauth import BACK, NOW, Rig
from tests.control.identity.test_registration import rig

__all__ = ["either_store", "rig"]
METHODS = ("GET", "PUT", "DELETE")


def test_nobody_elses_token_opens_it(rig: Rig) -> None:
    """Another client's, a secret, an operator's, a guess, the hash that is kept, or none: one answer to all."""
    victim, mallory = registered(rig), registered(rig)
    token = victim["registration_access_token"]
    with rig.database.read() as session:
        kept = session.get(RegistrationAccessRow, victim["client_id"])
        assert kept is not None and kept.token_hash == hash_of(token)
    guesses = [
        "",
        "sgm_",
        token[:-1],
        token + "A",
        token.upper(),
        victim["client_secret"],
        "right",
        kept.token_hash.hex(),
    ]
    answers = set()
    for guess in (mallory["registration_access_token"], *guesses):
        for method in METHODS:
            answers.add(str(configure(rig, method, victim, again(victim), token=guess)))
    assert len(answers) == 1 and answers.pop().startswith("(401, ")
    assert configure(rig, "GET", victim)[1]["redirect_uris"] == [BACK]


def test_nobody_learns_which_clients_there_are(rig: Rig) -> None:
    """One that an operator registered, one that is turned off, and none at all are told apart by nothing."""
    mine, off = registered(rig), registered(rig)
    rig.applications.update(off["client_id"], "op", active=False)
    names = [rig.web.client_id, rig.spa.client_id, off["client_id"], "nobody", "", "x" * 100, "é", "a\x00b", "../web"]
    mine_token = mine["registration_access_token"]
    seen = {str(configure(rig, method, mine, again(mine), client_id=name)) for name in names for method in METHODS}
    assert len(seen) == 1 and "invalid_token" in seen.pop()
    assert configure(rig, "GET", off)[0] == 401
    assert configure(rig, "GET", mine, token=mine_token)[0] == 200


def test_it_makes_no_more_of_itself(rig: Rig) -> None:
    """Than registration gives: OpenID Connect's scopes, and no service."""
    client = registered(rig)
    for more in (
        {"scope": "openid orders:read"},
        {"grant_types": [CODE, EXCHANGE]},
        {"grant_types": [CODE, "client_credentials"]},
        {"grant_types": ["password", CODE]},
    ):
        assert configure(rig, "PUT", client, again(client, **more))[0] == 400
    status, _ = configure(rig, "PUT", client, again(client, services=["orders"], active=True, public=False))
    assert status == 200
    kept = rig.applications.get(client["client_id"])
    assert (kept.scopes, kept.services) == (["openid", "email"], [])


def test_what_an_operator_gave_is_not_pointed_elsewhere(rig: Rig) -> None:
    """The code of a client that may call services would go to whoever holds its registration token; and what an
    operator took away does not come back."""
    update, change = rig.applications.update, rig.clients.update
    by_operator: tuple[Callable[[str], object], ...] = (
        lambda client_id: update(client_id, "op", scopes=["openid", "email", "orders:read"]),
        lambda client_id: update(client_id, "op", scopes=["openid"]),
        lambda client_id: update(client_id, "op", services=["orders"]),
        lambda client_id: update(client_id, "op", services=None),
        lambda client_id: update(client_id, "op", name="notes"),
        lambda client_id: change(client_id, "op", NOW, redirect_uris=[ELSEWHERE]),
        lambda client_id: change(client_id, "op", NOW, grant_types=[CODE, EXCHANGE]),
        lambda client_id: change(client_id, "op", NOW, public=True),
    )
    for done in by_operator:
        client = registered(rig)
        done(client["client_id"])
        before = rig.clients.get(client["client_id"]), rig.applications.get(client["client_id"])
        status, said = configure(rig, "PUT", client, again(client, redirect_uris=["https://mallory.test/back"]))
        assert (status, said["error"]) == (403, "unauthorized_client")
        assert (rig.clients.get(client["client_id"]), rig.applications.get(client["client_id"])) == before
        assert configure(rig, "GET", client)[0] == 200
        assert configure(rig, "DELETE", client)[0] == 204


def test_its_token_opens_nothing_else(rig: Rig) -> None:
    """No registration, no introspection, no token."""
    client = registered(rig)
    shown = {"Authorization": f"Bearer {client['registration_access_token']}"}
    assert rig.issuer.registration is not None
    assert rig.issuer.registration("POST", shown, b"{}")[0] == 401
    whose = {"client_id": client["client_id"], "client_secret": client["registration_access_token"]}
    assert rig.post(rig.introspection, token="x", **whose)[0] == 401
    assert rig.redeem(rig.code(client_id=client["client_id"], scope="openid"), **whose)[0] == 401
    assert rig.issuer.userinfo("GET", {"authorization": shown["Authorization"]}, b"")[0] == 401


def test_a_client_that_is_removed_and_registered_again_is_another(rig: Rig) -> None:
    """Neither its id nor its token comes back; nor does the token of one that an operator made no client again."""
    client = registered(rig)
    configure(rig, "DELETE", client)
    other = registered(rig)
    assert other["client_id"] != client["client_id"]
    for client_id in (client["client_id"], other["client_id"]):
        assert configure(rig, "GET", client, client_id=client_id)[0] == 401
    rig.clients.remove(other["client_id"], "op", NOW)
    rig.clients.register(other["client_id"], [BACK], "op", NOW)
    assert configure(rig, "GET", other)[0] == 401
