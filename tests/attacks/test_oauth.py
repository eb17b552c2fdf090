"""Attacks on the issuer as RFC 9700 and RFC 6819 know them, over SQLite and PostgreSQL: none brings a token more."""

import base64
import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from control.identity.oauth.authorization import Refused
from control.identity.oauth.clients import EXCHANGE
from control.identity.oauth.exchange import ACCESS_TOKEN
from tests.control.either_store import either_store
from tests.control.identity.test_oauth import BACK, CHALLENGE, ISSUER, NOW, ORDERS, STOCK, VERIFIER, Rig

__all__ = ["either_store"]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """The issuer that is attacked."""
    made = Rig(tmp_path / "data")
    yield made
    made.database.close()


def _at_once(count: int, call: Callable[[], tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
    together, found = threading.Barrier(count), list[tuple[int, dict[str, Any]]]()

    def one() -> None:
        together.wait()
        found.append(call())

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def test_a_code_injected_into_the_victims_client(rig: Rig) -> None:
    """RFC 9700 section 4.5: the attacker's code, handed to the victim's session, meets another verifier."""
    victims = "w" * 43
    injected = rig.code_of("mallory")
    status, said = rig.redeem(injected, code_verifier=victims)
    assert (status, said["error"]) == (400, "invalid_grant")


def test_a_stolen_code_is_worth_nothing_without_its_verifier(rig: Rig) -> None:
    """RFC 7636 section 1: neither a guess, nor the challenge itself, nor leaving it out."""
    stolen = rig.code()
    for verifier in ("x" * 43, CHALLENGE, "", VERIFIER + "v", VERIFIER[:-1]):
        assert rig.redeem(stolen, code_verifier=verifier)[0] == 400
    assert rig.redeem(stolen)[0] == 200


def test_a_code_replayed_after_the_victim_used_it(rig: Rig) -> None:
    """RFC 6749 section 10.5: the thief gets nothing, and what was given is taken back from both."""
    stolen = rig.code()
    _, got = rig.redeem(stolen)
    assert rig.redeem(stolen)[1]["error"] == "invalid_grant"
    assert rig.claims(got["access_token"])["jti"] in rig.withdrawn
    assert rig.refresh(got["refresh_token"])[0] == 400


def test_one_code_used_by_many_in_parallel(rig: Rig) -> None:
    """At most one answer has tokens, and in the end those count no more: nobody can tell who it was."""
    for _ in range(5):
        code = rig.code()
        answers = _at_once(8, lambda code=code: rig.redeem(code))  # type: ignore[misc]  # bound now, not when it runs
        given = [got for status, got in answers if status == 200]
        assert len(given) == 1 and len(answers) == 8
        assert rig.claims(given[0]["access_token"])["jti"] in rig.withdrawn
        assert rig.refresh(given[0]["refresh_token"])[0] == 400


def test_one_refresh_token_used_by_many_in_parallel(rig: Rig) -> None:
    """However it turns out, one line of the family lives on at the most."""
    _, got = rig.redeem(rig.code())
    answers = _at_once(8, lambda: rig.refresh(got["refresh_token"]))
    given = [one["refresh_token"] for status, one in answers if status == 200]
    assert given
    assert len([token for token in given if rig.refresh(token)[0] == 200]) <= 1


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge_method": "s256"},
        {"code_challenge": ""},
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
    ],
)
def test_pkce_is_not_downgraded(rig: Rig, changes: dict[str, str | None]) -> None:
    """RFC 9700 section 4.8: for no client, and never by leaving something out."""
    for client_id in (rig.spa.client_id, rig.web.client_id):
        with pytest.raises(Refused):
            rig.authorization.allow(rig.query(client_id=client_id, **changes), "ann")


def test_the_challenge_is_that_of_the_request(rig: Rig) -> None:
    """A challenge that comes with the code, as the attacker would like, is not looked at."""
    code = rig.code()
    mine = "m" * 43
    assert rig.redeem(code, code_verifier=mine, code_challenge=_challenge(mine))[0] == 400


@pytest.mark.parametrize(
    "uri",
    [
        "https://web.shop.test.evil.test/back",
        "https://web.shop.test/back/../../evil",
        "https://web.shop.test/back%2f..%2fevil",
        "https://web.shop.test/back?next=https://evil.test",
        "https://web.shop.test/back#evil",
        "https://web.shop.test:443/back",
        "https://WEB.shop.test/back",
        "https://web.shop.test/Back",
        "https://web.shop.test\\@evil.test/back",
        "https://evil.test/?https://web.shop.test/back",
        "//web.shop.test/back",
        "javascript:alert(1)//https://web.shop.test/back",
        "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1:80@evil.test/cb",
        "http://localhost:80/cb",
        "http://127.1/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1/cb?x",
        BACK + " https://evil.test/",
        BACK + "\n",
    ],
)
def test_redirects_are_not_confused(rig: Rig, uri: str) -> None:
    """RFC 9700 section 4.1: what is not registered, to the letter, is never gone to, with a code or with an error."""
    for changes in ({}, {"scope": "admin"}, {"response_type": "token"}, {"code_challenge": None}):
        with pytest.raises(Refused) as refused:
            rig.authorization.look(rig.query(redirect_uri=uri, **changes))
        assert refused.value.location is None


def test_a_code_is_bound_to_where_it_was_sent(rig: Rig) -> None:
    """RFC 6749 section 10.6: another registered URI than the one of the request does not redeem it."""
    code = rig.code(redirect_uri="http://127.0.0.1:4000/cb")
    for uri in (BACK, "http://127.0.0.1:4001/cb", "http://127.0.0.1/cb", ""):
        assert rig.redeem(code, redirect_uri=uri)[0] == 400


@pytest.mark.parametrize("answer", ["allow", "deny", "refuse"])
def test_every_answer_says_who_we_are(rig: Rig, answer: str) -> None:
    """RFC 9207: a client that mixes issuers up sees it, by a yes, a no and an error alike; and says it once."""
    if answer == "allow":
        location = rig.authorization.allow(rig.query(iss="https://evil.test"), "ann")
    elif answer == "deny":
        location = rig.authorization.deny(rig.query(iss="https://evil.test"))
    else:
        with pytest.raises(Refused) as refused:
            rig.authorization.look(rig.query(scope="admin", iss="https://evil.test"))
        location = refused.value.location or ""
    assert parse_qs(urlsplit(location).query)["iss"] == [ISSUER]


def test_a_code_of_one_client_in_the_hands_of_another(rig: Rig) -> None:
    """RFC 9700 section 4.4: a client that was sent another's code cannot use it, and does not end it either."""
    code = rig.code()
    own = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    assert rig.redeem(code, **own)[1]["error"] == "invalid_grant"
    assert rig.redeem(code)[0] == 200 and rig.withdrawn == []


def test_a_stolen_refresh_token(rig: Rig) -> None:
    """RFC 9700 section 4.14: whoever uses it first, the second use ends it for both."""
    for thief_first in (True, False):
        _, got = rig.redeem(rig.code())
        _, firsts = rig.refresh(got["refresh_token"])
        _, firsts = rig.refresh(firsts["refresh_token"])
        assert rig.refresh(got["refresh_token"])[0] == 400, thief_first
        assert rig.refresh(firsts["refresh_token"])[0] == 400
        assert rig.claims(firsts["access_token"])["jti"] in rig.withdrawn


def test_a_refresh_token_at_another_client(rig: Rig) -> None:
    """RFC 6749 section 10.4: bound to its client; that another tried is not held against it."""
    _, got = rig.redeem(rig.code())
    own = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    assert rig.refresh(got["refresh_token"], **own)[0] == 400
    assert rig.refresh(got["refresh_token"])[0] == 200


def test_scopes_do_not_grow(rig: Rig) -> None:
    """Not at the code, not at the refresh, not by what its operator gave the application since."""
    _, got = rig.redeem(rig.code(scope="orders:read"), scope="stock:read")
    assert got["scope"] == "orders:read"
    assert rig.refresh(got["refresh_token"], scope="orders:read stock:read")[1]["error"] == "invalid_scope"
    rig.applications.update("spa", "ann", scopes=["orders:read", "stock:read", "admin"])
    _, got = rig.refresh(got["refresh_token"])
    assert got["scope"] == "orders:read"


def test_scopes_and_services_do_not_grow_by_exchange(rig: Rig) -> None:
    """A service that may have everything itself gets, for somebody, what they allowed; round and round as well."""
    service, secret = rig.applications.create("orders", "ann", scopes=["orders:read", "stock:read", "admin"])
    rig.clients.register(service.client_id, [], "ann", NOW, grant_types=[EXCHANGE])
    _, got = rig.redeem(rig.code(scope="orders:read", resource=ORDERS))
    token = got["access_token"]
    form = {"grant_type": EXCHANGE, "subject_token_type": ACCESS_TOKEN, "client_id": service.client_id}

    def exchange(**asked: str) -> tuple[int, dict[str, Any]]:
        return rig.post(rig.endpoint.handle, subject_token=token, client_secret=secret, **form, **asked)

    for _ in range(3):
        for asked in (
            {"scope": "admin"},
            {"scope": "orders:read stock:read"},
            {"audience": "stock"},
            {"resource": STOCK},
        ):
            assert exchange(**asked)[0] == 400
        token = exchange()[1]["access_token"]
        claims = rig.claims(token)
        assert (claims["scope"], claims["aud"], claims["sub"]) == ("orders:read", ORDERS, "ann")
    rig.grants.take_back("ann", rig.spa.client_id)
    assert claims["jti"] in rig.withdrawn and exchange()[0] == 400


def test_an_id_token_is_no_access_token(rig: Rig) -> None:
    """Neither to be exchanged, nor to ask who somebody is, nor to be introspected."""
    rig.applications.update("spa", "ann", scopes=["openid"])
    _, got = rig.redeem(rig.code(scope="openid"))
    assert rig.read(got["access_token"]) is not None and rig.read(got["id_token"]) is None
    status, _, _ = rig.issuer.userinfo("GET", {"Authorization": f"Bearer {got['id_token']}"}, b"")
    assert status == 401


def test_how_long_a_secret_takes_tells_nothing(rig: Rig) -> None:
    """RFC 6749 section 10.10: of an unknown client, a wrong secret and the right one the same is compared, in constant
    time each, and the refusals are one and the same answer."""
    answers, compared = list[tuple[int, dict[str, Any]]](), list[int]()
    known = rig.web.client_id
    for client_id, secret in ((known, rig.secret), (known, "wrong"), (known, rig.secret[:-1]), ("nobody", "wrong")):
        calls = list[str]()

        def count(_frame: object, event: str, called: Any, calls: list[str] = calls) -> None:
            if event == "c_call" and called.__name__ == "compare_digest":
                calls.append(event)

        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        sys.setprofile(count)
        try:
            answers.append(rig.post(rig.endpoint.handle, **form))
        finally:
            sys.setprofile(None)
        compared.append(len(calls))
    assert compared == [1, 1, 1, 1]
    assert [status for status, _ in answers][1:] == [401, 401, 401]
    assert answers[1] == answers[2] == answers[3]
