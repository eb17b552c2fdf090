"""Authorization code with PKCE, refresh tokens and revocation as a client and a thief see them (RFC 6749, 7009, 7636,
8707, 9207, 9700)."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest

from control.authority import keyring
from control.authority.vault import Vault
from control.errors import Invalid
from control.identity import AccessTokens, Applications, BuiltinIssuer
from control.identity.endings import Ending
from control.identity.oauth.authorization import Refused
from control.identity.oauth.families import GRACE_S
from control.identity.oauth.grants import CODE_LIFETIME_S
from control.identity.oauth.own_tokens import AccessToken, IdToken, own_access_token, own_id_token
from control.store import open_database
from control.store.tables import OAuthGrantRow, RefreshTokenRow

NOW = 1_800_000_000
ISSUER, BACK = "https://control.shop.test", "https://web.shop.test/back"
ORDERS, STOCK = "https://orders.shop.test", "https://stock.shop.test"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Rig:
    """A server with one public and one confidential client, over a real store and a real key."""

    def __init__(self, data: Path) -> None:
        self.now, self.withdrawn = float(NOW), list[str]()
        self.people: dict[str, dict[str, Any]] = {"ann": {"name": "Ann", "email": "ann@shop.test"}}
        self.database = open_database(data)
        with self.database.write() as session:
            self.jwk = keyring.prepare(session, Vault(), "ES256", 0, NOW).jwk
            keyring.activate(session, self.jwk["kid"], NOW)
        applications, signer = Applications(self.database, self.clock), keyring.Signer(self.database, Vault())
        audiences = {"orders": ORDERS, "stock": STOCK}
        tokens = AccessTokens(ISSUER, lambda: audiences, signer.sign, self.clock)
        sign = partial(signer.sign, typ="JWT")
        means = (self.clock, self.read, self.withdrawn.extend, sign, self.endings, self.people.get)
        self.issuer = BuiltinIssuer(self.database, applications, tokens, ISSUER, *means, self.read_id)
        self.applications, self.clients, self.grants = applications, self.issuer.clients, self.issuer.grants
        self.endpoint, self.authorization = self.issuer.endpoint, self.issuer.authorization
        self.revocation, self.introspection = self.issuer.revocation, self.issuer.introspection
        self.spa, _ = applications.create("spa", "ann", scopes=["orders:read", "stock:read"])
        self.web, self.secret = applications.create("web", "ann", scopes=["orders:read"])
        self.clients.register(self.spa.client_id, [BACK, "http://127.0.0.1/cb"], "ann", NOW, public=True)
        self.clients.register(self.web.client_id, [BACK], "ann", NOW)

    def clock(self) -> float:
        """Goes when it is told to."""
        return self.now

    @contextmanager
    def endings(self, _actor: str) -> Iterator[Ending]:
        """As the mesh does it, without sidecars to tell."""
        with self.database.write() as session:
            ending = Ending(session, self.now)
            yield ending
        self.withdrawn.extend(ending.token_ids)

    def read(self, token: str) -> AccessToken | None:
        """As the mesh does it, without its revocations."""
        found = own_access_token(token, ISSUER, [self.jwk], self.now)
        return None if found is None or found.jti in self.withdrawn else found

    def read_id(self, token: str) -> IdToken | None:
        """The same of an ID token."""
        return own_id_token(token, ISSUER, [self.jwk])

    def query(self, **changes: str | None) -> str:
        """An authorization request of the public client."""
        usual = {
            "response_type": "code",
            "client_id": self.spa.client_id,
            "redirect_uri": BACK,
            "scope": "orders:read",
            "state": "s t",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return urlencode({name: value for name, value in {**usual, **changes}.items() if value is not None})

    def code(self, **changes: str | None) -> str:
        """What ann's yes brings."""
        return self.code_of("ann", **changes)

    def code_of(self, subject: str, **changes: str | None) -> str:
        """What a yes of ``subject`` brings."""
        return parse_qs(urlsplit(self.authorization.allow(self.query(**changes), subject)).query)["code"][0]

    def post(self, handle: Any, **form: str) -> tuple[int, dict[str, Any]]:
        """One request of the public client, unless it says otherwise."""
        body = urlencode({"client_id": self.spa.client_id, **form}).encode()
        status, _, answer = handle("POST", {"Content-Type": "application/x-www-form-urlencoded"}, body)
        return status, json.loads(answer)

    def redeem(self, code: str, **changes: str) -> tuple[int, dict[str, Any]]:
        """A code for tokens."""
        usual = {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": VERIFIER}
        return self.post(self.endpoint.handle, code=code, **{**usual, **changes})

    def refresh(self, token: str, **changes: str) -> tuple[int, dict[str, Any]]:
        """A refresh token for the next."""
        return self.post(self.endpoint.handle, grant_type="refresh_token", refresh_token=token, **changes)

    def claims(self, token: str) -> dict[str, Any]:
        """What it says, if our key signed it."""
        skipped = {"verify_aud": False, "verify_iat": False, "verify_exp": False}
        return jwt.decode(token, jwt.PyJWK(self.jwk).key, algorithms=["ES256"], options=skipped)  # type: ignore[arg-type]  # a dict of its options


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh one."""
    made = Rig(tmp_path / "data")
    yield made
    made.database.close()


def test_a_code_becomes_tokens_of_the_person(rig: Rig) -> None:
    """RFC 9068's claims, of whoever said yes, for what was asked; the state comes back, and who we are (RFC 9207)."""
    location = rig.authorization.allow(rig.query(resource=ORDERS), "ann")
    answer = parse_qs(urlsplit(location).query)
    assert location.startswith(BACK + "?") and answer["state"] == ["s t"] and answer["iss"] == [ISSUER]
    status, got = rig.redeem(answer["code"][0])
    assert status == 200 and got["scope"] == "orders:read"
    claims = rig.claims(got["access_token"])
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("ann", rig.spa.client_id, ORDERS)
    assert claims["exp"] - claims["iat"] == got["expires_in"]
    assert jwt.get_unverified_header(got["access_token"])["typ"] == "at+jwt"


def test_a_no_is_access_denied(rig: Rig) -> None:
    """And carries the state and who we are."""
    answer = parse_qs(urlsplit(rig.authorization.deny(rig.query())).query)
    assert answer["error"] == ["access_denied"] and answer["state"] == ["s t"] and answer["iss"] == [ISSUER]


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"scope": "admin"},
        {"resource": "https://elsewhere.test"},
        {"response_type": "token"},
        {"response_mode": "fragment"},
        {"request": "e30.e30."},
    ],
)
def test_what_is_refused_goes_back_to_the_client(rig: Rig, changes: dict[str, str | None]) -> None:
    """PKCE is S256 and never left out; a client gets no more than it may have."""
    with pytest.raises(Refused) as refused:
        rig.authorization.look(rig.query(**changes))
    assert refused.value.location is not None and refused.value.location.startswith(BACK + "?error=")
    assert parse_qs(urlsplit(refused.value.location).query)["iss"] == [ISSUER]


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.test/"},
        {"redirect_uri": BACK + "/"},
        {"redirect_uri": BACK + "?x=1"},
        {"redirect_uri": BACK.replace("https", "HTTPS")},
        {"redirect_uri": "https://web.shop.test@evil.test/back"},
        {"redirect_uri": "http://127.0.0.1:99/other"},
        {"redirect_uri": "http://127.0.0.1:99@evil.test/cb"},
        {"redirect_uri": "http://localhost/cb"},
        {"redirect_uri": 'https://evil.test/"é'},
        {"redirect_uri": None},
        {"client_id": "nobody"},
        {"client_id": None},
    ],
)
def test_nobody_is_sent_where_the_client_did_not_say(rig: Rig, changes: dict[str, str | None]) -> None:
    """A redirect URI is compared as text; what does not fit is answered here."""
    with pytest.raises(Refused) as refused:
        rig.authorization.look(rig.query(**changes))
    assert refused.value.location is None


def test_a_parameter_twice_is_refused(rig: Rig) -> None:
    """RFC 6749 section 3.1: nobody guesses which was meant."""
    with pytest.raises(Refused) as refused:
        rig.authorization.look(rig.query() + "&scope=stock%3Aread")
    assert refused.value.location is None


def test_a_native_application_has_any_port(rig: Rig) -> None:
    """RFC 8252 section 7.3."""
    back = "http://127.0.0.1:51234/cb"
    assert rig.redeem(rig.code(redirect_uri=back), redirect_uri=back)[0] == 200


@pytest.mark.parametrize(
    "uri", ["http://web.shop.test/", "javascript:alert(1)", "https://a.test/#x", "https://u@a.test/", "/x", "a:b"]
)
def test_a_redirect_uri_has_to_be_safe(rig: Rig, uri: str) -> None:
    """No plain http, no script, no fragment, nobody's name in it."""
    application, _ = rig.applications.create("other", "ann")
    with pytest.raises(Invalid):
        rig.clients.register(application.client_id, [uri], "ann", NOW)


def test_a_code_serves_its_own_client_alone(rig: Rig) -> None:
    """Injected into another client, with another verifier or another redirect URI, it is worth nothing."""
    code = rig.code()
    assert rig.redeem(code, client_id=rig.web.client_id, client_secret=rig.secret)[1]["error"] == "invalid_grant"
    assert rig.redeem(code, code_verifier="w" * 43)[1]["error"] == "invalid_grant"
    assert rig.redeem(code, code_verifier="")[1]["error"] == "invalid_request"
    assert rig.redeem(code, redirect_uri="http://127.0.0.1/cb")[1]["error"] == "invalid_grant"
    assert rig.redeem(code, resource="https://elsewhere.test")[1]["error"] == "invalid_target"
    assert rig.redeem(code)[0] == 200


def test_a_confidential_client_needs_its_secret(rig: Rig) -> None:
    """Its id is no proof, and a public client has no other."""
    code = rig.code(client_id=rig.web.client_id)
    assert rig.redeem(code, client_id=rig.web.client_id)[0] == 401
    assert rig.redeem(code, client_id=rig.web.client_id, client_secret="wrong")[0] == 401
    assert rig.redeem(code, client_id=rig.web.client_id, client_secret=rig.secret)[0] == 200
    assert rig.post(rig.endpoint.handle, grant_type="client_credentials")[0] == 401


def test_a_code_is_old_after_a_minute(rig: Rig) -> None:
    """To the second."""
    code = rig.code()
    rig.now += CODE_LIFETIME_S
    assert rig.redeem(code)[1]["error"] == "invalid_grant"


def test_a_code_used_twice_takes_back_what_it_gave(rig: Rig) -> None:
    """RFC 6749 section 4.1.2: the sidecars are told of the access token, and the refresh token is worth nothing."""
    code = rig.code()
    _, got = rig.redeem(code)
    assert rig.redeem(code)[1]["error"] == "invalid_grant"
    assert rig.withdrawn == [rig.claims(got["access_token"])["jti"]]
    assert rig.refresh(got["refresh_token"])[1]["error"] == "invalid_grant"


def _at_once(calls: Sequence[Any]) -> list[int]:
    together, found = threading.Barrier(len(calls)), list[int]()

    def one(call: Any) -> None:
        together.wait()
        found.append(call()[0])

    threads = [threading.Thread(target=one, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def test_of_many_at_once_one_code_serves_one(rig: Rig) -> None:
    """And the others end it: nobody can tell who came first by right."""
    code = rig.code()
    assert _at_once([lambda: rig.redeem(code)] * 6) == [200, 400, 400, 400, 400, 400]
    assert len(rig.withdrawn) >= 1


def test_refresh_tokens_rotate(rig: Rig) -> None:
    """Each brings the next; less scope may be asked for, never more."""
    _, got = rig.redeem(rig.code(scope="orders:read stock:read"))
    _, second = rig.refresh(got["refresh_token"], scope="stock:read", resource=STOCK)
    assert (second["scope"], rig.claims(second["access_token"])["aud"]) == ("stock:read", STOCK)
    assert rig.refresh(second["refresh_token"], scope="admin")[1]["error"] == "invalid_scope"
    status, third = rig.refresh(second["refresh_token"])
    assert status == 200 and third["scope"] == "orders:read stock:read" and rig.withdrawn == []


def test_a_lost_answer_is_asked_for_again(rig: Rig) -> None:
    """One step back, for a minute, while nobody uses what came of it; what was lost is put aside."""
    _, first = rig.redeem(rig.code())
    _, lost = rig.refresh(first["refresh_token"])
    rig.now += GRACE_S
    status, second = rig.refresh(first["refresh_token"])
    assert status == 200 and rig.refresh(second["refresh_token"])[0] == 200
    assert rig.refresh(lost["refresh_token"])[1]["error"] == "invalid_grant"
    assert len(rig.withdrawn) == 4  # somebody else had it: all of the family


@pytest.mark.parametrize("after", ["the next was used", "a minute"])
def test_a_stolen_refresh_token_ends_its_family(rig: Rig, after: str) -> None:
    """RFC 9700 section 4.14.2: thief or owner, whoever comes second ends it for both, in the sidecars as well."""
    _, first = rig.redeem(rig.code())
    _, newest = rig.refresh(first["refresh_token"])
    if after == "a minute":
        rig.now += GRACE_S + 1
    else:
        _, newest = rig.refresh(newest["refresh_token"])
    assert rig.refresh(first["refresh_token"])[1]["error"] == "invalid_grant"
    assert rig.claims(newest["access_token"])["jti"] in rig.withdrawn
    assert rig.refresh(newest["refresh_token"])[1]["error"] == "invalid_grant"


def test_a_refresh_token_serves_its_own_client_alone(rig: Rig) -> None:
    """Another client can neither use it nor give it back."""
    _, got = rig.redeem(rig.code())
    other = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    assert rig.refresh(got["refresh_token"], **other)[1]["error"] == "invalid_grant"
    assert rig.post(rig.revocation, token=got["refresh_token"], **other)[1]["error"] == "invalid_grant"
    assert rig.refresh(got["refresh_token"])[0] == 200


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_client_gives_a_token_back(rig: Rig, which: str) -> None:
    """RFC 7009: the sidecars are told; a refresh token takes its family along. Again, or of noise, is 200 as well."""
    _, got = rig.redeem(rig.code())
    for _ in range(2):
        assert rig.post(rig.revocation, token=got[which], token_type_hint="whatever") == (200, {})
    assert rig.claims(got["access_token"])["jti"] in rig.withdrawn
    assert (rig.refresh(got["refresh_token"])[0] == 200) is (which == "access_token")
    for noise in ("x", "a.b.c", "sgr_x", got["access_token"][:-4] + "AAAA"):
        assert rig.post(rig.revocation, token=noise) == (200, {})


def test_an_application_that_is_turned_off_gets_nothing(rig: Rig) -> None:
    """Neither for a code nor for a refresh token."""
    _, got = rig.redeem(rig.code())
    code = rig.code()
    rig.applications.update(rig.spa.client_id, "ann", active=False)
    assert rig.redeem(code)[0] == rig.refresh(got["refresh_token"])[0] == 401
    with pytest.raises(Refused):
        rig.authorization.look(rig.query())


def test_nothing_that_opens_is_kept(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The store and the log hold no code and no token."""
    caplog.set_level("DEBUG")
    code = rig.code()
    _, got = rig.redeem(code)
    with rig.database.read() as session:
        kept = [*session.query(OAuthGrantRow.code_hash), *session.query(RefreshTokenRow.hash)]
    secrets = (code, got["refresh_token"], got["access_token"], VERIFIER)
    assert not any(secret in caplog.text or secret in repr(kept) for secret in secrets)
