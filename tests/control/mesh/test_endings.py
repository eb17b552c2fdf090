"""What ends with what (docs/people.md): in the transaction that says so, in the sidecars, and for good."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from control.errors import Conflict, Denied
from control.identity.endings import MARGIN_S
from control.identity.people import SignedIn
from control.identity.token_endpoint import Handle
from control.mesh import backups
from control.store.backup_file import Header
from sidecar.contract.snapshot import Revocation

from .test_mesh import Rig

POLICY = """
trust_domain: shop.test
issuers:
  own: {builtin: true}
services:
  orders:
    routes:
      - {path: /**, require: {scopes: [orders:read]}, credentials: [bearer, api_key]}
"""
BACK, VERIFIER, PASSWORD = "https://web.shop.test/back", "v" * 43, "violet otters juggle"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Mesh(Rig):
    """A mesh with a client, a person who let it in, and their tokens."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.push(POLICY)
        self.web, self.secret = self.mesh.applications.create("web", "op", scopes=["orders:read"])
        self.mesh.clients.register(self.web.client_id, [BACK], "op", self.now)
        self.ann = self.mesh.people.users.create("ann", "op")
        self.set_password()

    def set_password(self) -> None:
        """By a link."""
        self.mesh.people.passwords.reset(self.mesh.people.passwords.link("ann", "op")[1], PASSWORD)

    def cookie(self) -> str:
        """Ann signs in."""
        signed_in = self.mesh.people.sign_in.password("ann", PASSWORD, "192.0.2.1")
        assert isinstance(signed_in, SignedIn)
        return self.mesh.people.sessions.begin(signed_in, "192.0.2.1", "")

    def code(self) -> str:
        """Ann lets the client in."""
        asked = {"response_type": "code", "client_id": self.web.client_id, "redirect_uri": BACK}
        query = urlencode({**asked, "code_challenge": CHALLENGE, "code_challenge_method": "S256"})
        return parse_qs(urlsplit(self.mesh.authorization.allow(query, self.ann.id)).query)["code"][0]

    def post(self, handle: Handle, secret: str | None = None, **form: str) -> tuple[int, bytes]:
        """The client asks."""
        proof = base64.b64encode(f"{self.web.client_id}:{secret or self.secret}".encode()).decode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {proof}"}
        status, _, body = handle("POST", headers, urlencode(form).encode())
        return status, body

    def tokens(self, secret: str | None = None, **form: str) -> dict[str, str]:
        """What it gets, or {}."""
        status, body = self.post(self.mesh.issuer.token, secret, **form)
        return dict(json.loads(body)) if status == 200 else {}

    def redeem(self, code: str) -> dict[str, str]:
        """Ann's tokens."""
        return self.tokens(grant_type="authorization_code", code=code, redirect_uri=BACK, code_verifier=VERIFIER)

    def own(self, secret: str | None = None) -> dict[str, str]:
        """The client's own."""
        return self.tokens(secret, grant_type="client_credentials")

    def refreshed(self, tokens: dict[str, str]) -> dict[str, str]:
        """The next."""
        return self.tokens(grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    def counts(self, tokens: dict[str, str]) -> bool:
        """Does the sidecar let it in?"""
        return self.mesh.explain("orders", "GET", "/7", tokens["access_token"]).decision.allowed

    def told(self) -> list[Revocation]:
        """What the sidecars know."""
        return list(self.snapshot().revocations)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Mesh]:
    """A fresh one."""
    made = Mesh(tmp_path / "data")
    yield made
    made.mesh.close()


def off(rig: Mesh) -> None:
    rig.mesh.people.users.update("ann", "op", active=False)


def removed(rig: Mesh) -> None:
    rig.mesh.people.users.remove("ann", "op")


def expired(rig: Mesh) -> None:
    rig.mesh.people.users.update("ann", "op", expires_at=int(rig.now) + 1)
    rig.now += 1
    assert rig.mesh.end_expired() == 1


@pytest.mark.parametrize("end", [off, removed, expired])
def test_whoever_is_out_is_out_everywhere(rig: Mesh, end: Callable[[Mesh], None]) -> None:
    """Sessions, codes, refresh tokens, devices, tokens, links: with one version, of the one who did it."""
    cookie, unused, tokens, own = rig.cookie(), rig.code(), rig.redeem(rig.code()), rig.own()
    _, link, _ = rig.mesh.people.passwords.link("ann", "op")
    assert rig.counts(tokens) and rig.counts(own)
    before = len(rig.mesh.history(500))
    end(rig)
    assert len(rig.mesh.history(500)) == before + 1
    assert (rig.counts(tokens), rig.counts(own)) == (False, True)
    assert rig.refreshed(tokens) == {} == rig.redeem(unused)
    assert rig.mesh.people.sessions.find(cookie) is None
    assert rig.mesh.people.passwords.reset_subject(link) is None
    assert rig.mesh.grants.let_in(rig.ann.id) == []
    with pytest.raises(Denied):
        rig.code()
    assert len(rig.mesh.history(500)) == before + 1


def client_removed(rig: Mesh) -> None:
    rig.mesh.clients.remove(rig.web.client_id, "op", rig.now)


def taken_back(rig: Mesh) -> None:
    rig.mesh.grants.take_back(rig.ann.id, rig.web.client_id)


@pytest.mark.parametrize(("end", "actor"), [(client_removed, "op"), (taken_back, "")])
def test_what_a_client_was_let_do_ends_with_one_version(rig: Mesh, end: Callable[[Mesh], None], actor: str) -> None:
    """However often it was let in; what it asks for itself goes on counting."""
    unused, tokens, own = rig.code(), [rig.redeem(rig.code()) for _ in range(3)], rig.own()
    before = len(rig.mesh.history(500))
    end(rig)
    newest, *_ = history = rig.mesh.history(500)
    assert (len(history), newest.note, newest.actor) == (before + 1, "3 tokens", actor or rig.ann.id)
    assert [rig.counts(one) for one in (*tokens, own, rig.own())] == [False, False, False, True, True]
    assert [rig.refreshed(one) for one in tokens] == [{}, {}, {}] and rig.redeem(unused) == {}
    assert rig.mesh.grants.let_in(rig.ann.id) == []


def test_turning_on_again_revives_nothing(rig: Mesh) -> None:
    """They sign in, and let the client in, anew; what is issued then counts."""
    cookie, tokens = rig.cookie(), rig.redeem(rig.code())
    off(rig)
    rig.mesh.people.users.update("ann", "op", active=True)
    rig.now += MARGIN_S + 1
    assert not rig.counts(tokens) and rig.refreshed(tokens) == {}
    assert rig.mesh.people.sessions.find(cookie) is None
    rig.cookie()
    assert rig.counts(rig.redeem(rig.code()))
    assert not rig.counts(tokens)


def test_tokens_on_their_way_do_not_slip_through(rig: Mesh) -> None:
    """What is issued in the seconds after is refused, too."""
    off(rig)
    (entry,) = rig.told()
    assert (entry.by, entry.value, entry.before) == ("subject", rig.ann.id, int(rig.now) + MARGIN_S)


def test_a_reset_ends_what_was_let_in_and_nothing_that_comes(rig: Mesh) -> None:
    """Whoever has just set their password is not refused."""
    cookie, tokens = rig.cookie(), rig.redeem(rig.code())
    rig.set_password()
    assert not rig.counts(tokens) and rig.refreshed(tokens) == {}
    assert rig.mesh.people.sessions.find(cookie) is None
    assert rig.counts(rig.redeem(rig.code()))


def test_a_change_with_the_old_password_leaves_clients_alone(rig: Mesh) -> None:
    """Browsers are signed out."""
    cookie, tokens = rig.cookie(), rig.redeem(rig.code())
    rig.mesh.people.passwords.change(rig.ann.id, PASSWORD, "marble kites whisper")
    assert rig.mesh.people.sessions.find(cookie) is None
    assert rig.counts(tokens) and rig.refreshed(tokens)


@pytest.mark.parametrize("removes", [False, True])
def test_an_application_that_is_off(rig: Mesh, removes: bool) -> None:
    """Its own tokens, and those of people who let it in; on again, it begins anew."""
    tokens, own = rig.redeem(rig.code()), rig.own()
    if removes:
        rig.mesh.applications.remove("web", "op")
    else:
        rig.mesh.applications.update("web", "op", active=False)
    assert (rig.counts(tokens), rig.counts(own), rig.own()) == (False, False, {})
    if removes:
        return
    with pytest.raises(Conflict):
        rig.mesh.issue("web", "op")
    rig.mesh.applications.update("web", "op", active=True)
    rig.now += MARGIN_S + 1
    assert rig.refreshed(tokens) == {} and not rig.counts(own)
    assert rig.counts(rig.own())


def secret_off(rig: Mesh, secret_id: str) -> None:
    rig.mesh.applications.secrets.update(secret_id, "op", active=False)


def secret_removed(rig: Mesh, secret_id: str) -> None:
    rig.mesh.applications.secrets.remove(secret_id, "op")


def secret_expired(rig: Mesh, secret_id: str) -> None:
    rig.mesh.applications.secrets.update(secret_id, "op", expires_at=int(rig.now) + 1)
    rig.now += 1
    assert rig.own() == {}
    assert rig.mesh.end_expired() == 1


@pytest.mark.parametrize("end", [secret_off, secret_removed, secret_expired])
def test_a_secret_that_ends(rig: Mesh, end: Callable[[Mesh, str], None]) -> None:
    """Its application's tokens end; who holds another asks again, and is let in from the next second on."""
    (first,) = rig.mesh.applications.secrets.list(rig.web.client_id)
    _, other = rig.mesh.applications.secrets.create(rig.web.client_id, "op")
    own = rig.own()
    assert rig.counts(own) and rig.counts(rig.own(other))
    end(rig, first.id)
    assert (rig.counts(own), rig.own()) == (False, {})
    rig.now += 1
    assert rig.counts(rig.own(other))


def test_a_new_secret_in_place_of_all(rig: Mesh) -> None:
    """None that was before counts, nor does a token that came by one."""
    own = rig.own()
    _, other = rig.mesh.applications.secrets.create(rig.web.client_id, "op")
    _, newest = rig.mesh.applications.rotate_secret("web", "op")
    assert (rig.counts(own), rig.own(), rig.own(other)) == (False, {}, {})
    rig.now += 1
    assert rig.counts(rig.own(newest))


def test_a_secret_that_did_not_count_ends_nothing(rig: Mesh) -> None:
    """It has ended before."""
    made, _ = rig.mesh.applications.secrets.create(rig.web.client_id, "op")
    rig.mesh.applications.secrets.update(made.id, "op", active=False)
    rig.now += 1
    own = rig.own()
    rig.mesh.applications.secrets.remove(made.id, "op")
    assert rig.counts(own)


def test_api_keys_of_a_person_end_for_good(rig: Mesh) -> None:
    """They outlive every token, and so does what refuses them."""
    _, key, _ = rig.mesh.api_keys.create(rig.ann.id, "op", scopes=["orders:read"])
    assert rig.counts({"access_token": key})
    off(rig)
    rig.mesh.people.users.update("ann", "op", active=True)
    rig.now += 90 * 86_400
    assert not rig.counts({"access_token": key})


def test_without_a_policy_there_is_nobody_to_tell(tmp_path: Path) -> None:
    """And the change is made all the same."""
    rig = Rig(tmp_path / "data")
    app, _ = rig.mesh.applications.create("web", "op")
    ann = rig.mesh.people.users.create("ann", "op")
    rig.mesh.people.users.update(ann.id, "op", active=False)
    rig.mesh.applications.remove(app.id, "op")
    assert rig.mesh.history() == []
    rig.mesh.close()


def test_what_is_not_done_ends_nothing(rig: Mesh) -> None:
    """One transaction: refused, nobody is told."""

    def stale(_person: object) -> None:
        raise Conflict("changed meanwhile")

    tokens, before = rig.redeem(rig.code()), len(rig.mesh.history())
    with pytest.raises(Conflict):
        rig.mesh.people.users.update("ann", "op", active=False, holds=stale)
    assert rig.counts(tokens) and len(rig.mesh.history()) == before


def test_a_restore_signs_everybody_out(rig: Mesh) -> None:
    """Nobody knows who was signed out since; who they are, and what they let clients do, is there."""
    cookie, tokens = rig.cookie(), rig.redeem(rig.code())
    _, link, _ = rig.mesh.people.passwords.link("ann", "op")
    with rig.mesh._database.write() as session:
        backups.go_on(session, Header("0012", int(rig.now), {}), rig.now)
    assert rig.mesh.people.sessions.find(cookie) is None
    assert rig.mesh.people.passwords.reset_subject(link) is None
    assert rig.refreshed(tokens) and rig.cookie()


def test_what_is_over_goes_by_itself(rig: Mesh) -> None:
    """Sessions, links, sign-ins, grants; what counts stays."""
    rig.cookie()
    secret = rig.mesh.people.second_factors.begin(rig.ann.id)
    rig.mesh.people.passwords.link("ann", "op", 60)
    unused = rig.code()
    assert secret and unused
    assert not any(rig.mesh.prune().values())
    rig.now += 86_401
    went = {kind for kind, count in rig.mesh.prune().items() if count}
    assert went == {"password_links", "second_factors", "grants"}
    rig.now += 30 * 86_400
    assert {kind for kind, count in rig.mesh.prune().items() if count} == {"sessions"}
    assert rig.mesh.people.users.get("ann").has_password
