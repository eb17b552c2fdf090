"""RFC 9126: a client sends its request ahead, and people bring its name."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from control.identity.oauth.authorization import Refused
from control.identity.oauth.pushed import AGAIN_S, LIFETIME_S, MAX_WAITING, PREFIX

from .test_oauth import BACK, CHALLENGE, STOCK, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh one."""
    made = Rig(tmp_path / "data")
    yield made
    made.database.close()


def push(rig: Rig, **changes: str) -> tuple[int, dict[str, Any]]:
    """A request of the confidential client, unless it says otherwise."""
    proof = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    usual = {"response_type": "code", "redirect_uri": BACK, "scope": "orders:read", "state": "s\0é"}
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    return rig.post(rig.issuer.pushed, **{**proof, **usual, **pkce, **changes})


def brought(rig: Rig, name: str, client_id: str | None = None, **more: str) -> str:
    """What people bring."""
    return urlencode({"client_id": client_id or rig.web.client_id, "request_uri": name, **more})


def test_what_was_sent_ahead_is_asked(rig: Rig) -> None:
    """And not what the browser says beside it; the answer carries the state that was sent ahead."""
    status, said = push(rig, resource=STOCK)
    assert (status, said["expires_in"]) == (201, LIFETIME_S)
    query = brought(rig, said["request_uri"], scope="admin", state="other", redirect_uri="https://evil.test/")
    asked = rig.authorization.look(query)
    assert (asked.scopes, asked.audience, asked.redirect_uri) == (("orders:read",), (STOCK,), BACK)
    answer = parse_qs(urlsplit(rig.authorization.allow(query, "ann")).query)
    assert answer["state"] == ["s\0é"]
    proof = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    assert rig.redeem(answer["code"][0], **proof)[0] == 200


def _refused_to(call: Callable[[], str]) -> bool:
    with pytest.raises(Refused) as refused:
        call()
    return (refused.value.error, refused.value.location) == ("invalid_request_uri", None)


@pytest.mark.parametrize("answer", ["allow", "deny"])
def test_it_is_answered_once(rig: Rig, answer: str) -> None:
    """By yes or by no, and by nobody else after that; looking at it is free."""
    query, allow = brought(rig, push(rig)[1]["request_uri"]), rig.authorization.allow
    for _ in range(2):
        rig.authorization.look(query)
    if answer == "allow":
        allow(query, "ann")
        assert _refused_to(lambda: rig.authorization.deny(query))
    else:
        rig.authorization.deny(query)
        assert _refused_to(lambda: allow(query, "ann"))
    assert _refused_to(lambda: allow(query, "bea"))
    rig.now += AGAIN_S
    for call in (lambda: allow(query, "ann"), lambda: rig.authorization.deny(query)):
        assert _refused_to(call)


def test_a_button_that_is_clicked_twice(rig: Rig) -> None:
    """Browsers show what comes of the second click: a code that counts, or the same no."""
    query = brought(rig, push(rig)[1]["request_uri"])
    first, second = (parse_qs(urlsplit(rig.authorization.allow(query, "ann")).query) for _ in range(2))
    assert first["state"] == second["state"] and first["code"] != second["code"]
    proof = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    assert rig.redeem(second["code"][0], **proof)[0] == 200
    no = brought(rig, push(rig)[1]["request_uri"])
    assert rig.authorization.deny(no) == rig.authorization.deny(no)


def test_it_serves_its_own_client_for_a_while(rig: Rig) -> None:
    """Another client's name, no client's, a made-up name, or too late: no redirect."""
    name = push(rig)[1]["request_uri"]
    for query in (
        brought(rig, name, rig.spa.client_id),
        brought(rig, PREFIX + "x"),
        urlencode({"request_uri": name}),
    ):
        with pytest.raises(Refused) as refused:
            rig.authorization.look(query)
        assert refused.value.location is None
    rig.now += LIFETIME_S
    with pytest.raises(Refused):
        rig.authorization.look(brought(rig, name))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "admin"}, "invalid_scope"),
        ({"redirect_uri": "https://evil.test/"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"resource": "https://elsewhere.test"}, "invalid_target"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"request_uri": PREFIX + "x"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
    ],
)
def test_what_would_be_refused_later_is_refused_now(rig: Rig, changes: dict[str, str], error: str) -> None:
    """Section 2.1: as at the authorization endpoint."""
    status, said = push(rig, **changes)
    assert (status, said["error"]) == (400, error)


def test_who_sends_proves_it(rig: Rig) -> None:
    """A confidential client by its proof; a public one sends its own alone."""
    assert push(rig, client_secret="wrong")[0] == 401
    assert push(rig, client_secret="")[0] == 401
    assert push(rig, client_id=rig.spa.client_id, client_secret="")[0] == 201


def test_one_client_cannot_fill_the_store(rig: Rig) -> None:
    """So many wait at the most; when they are over there is room again."""
    for _ in range(MAX_WAITING):
        assert rig.issuer.requests.push(rig.web.client_id, "x") is not None
    assert push(rig)[0] == 429
    assert push(rig, client_id=rig.spa.client_id, client_secret="")[0] == 201
    rig.now += LIFETIME_S
    assert push(rig)[0] == 201
