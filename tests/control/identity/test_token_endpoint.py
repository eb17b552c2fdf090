"""The token endpoint as a client sees it: RFC 6749, RFC 8707, RFC 9068, and nothing let through by kindness."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from control.authority import keyring
from control.authority.vault import Vault
from control.errors import Invalid
from control.identity import AccessTokens, Applications, TokenEndpoint
from control.identity.metadata import discovery, metadata
from control.identity.oauth.clients import EXCHANGE
from control.store import open_database

NOW = 1_800_000_000
ISSUER = "https://control.shop.test"
ORDERS, STOCK = "https://orders.shop.test", "https://stock.shop.test"
Answer = tuple[int, dict[str, str], dict[str, Any]]


class Rig:
    """A token endpoint with one application, over a real store and a real key."""

    def __init__(self, data: Path) -> None:
        self.database = open_database(data)
        with self.database.write() as session:
            self.jwk = keyring.prepare(session, Vault(), "ES256", 0, NOW).jwk
            keyring.activate(session, self.jwk["kid"], NOW)
        self.applications = Applications(self.database, self.clock)
        self.audiences = {"orders": ORDERS, "stock": STOCK}
        signer = keyring.Signer(self.database, Vault())
        self.tokens = AccessTokens(ISSUER, lambda: self.audiences, signer.sign, self.clock)
        self.endpoint = TokenEndpoint(self.applications, self.tokens)
        self.app, self.secret = self.applications.create("web", "ann", scopes=["orders:read", "stock:read"])

    @staticmethod
    def clock() -> float:
        """Stands still."""
        return NOW + 0.5

    def basic(self, user: str | None = None, password: str | None = None) -> str:
        """The application's Basic credential, or another."""
        text = f"{user or self.app.client_id}:{self.secret if password is None else password}"
        return "Basic " + base64.b64encode(text.encode()).decode()

    def ask(
        self,
        form: Mapping[str, str] | list[tuple[str, str]] | bytes,
        authorization: str | None = "",
        content_type: str = "application/x-www-form-urlencoded",
    ) -> Answer:
        """One request, by default with the right credential."""
        headers = {"Content-Type": content_type}
        if authorization is not None:
            headers["Authorization"] = authorization or self.basic()
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        status, lines, answer = self.endpoint.handle("POST", headers, body)
        return status, {name.lower(): value for name, value in lines}, json.loads(answer)

    def claims(self, token: str) -> dict[str, Any]:
        """What a token says, if our key signed it."""
        return jwt.decode(
            token, jwt.PyJWK(self.jwk).key, algorithms=["ES256"], options={"verify_aud": False, "verify_iat": False}
        )


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh one."""
    made = Rig(tmp_path / "data")
    yield made
    made.database.close()


GRANT = {"grant_type": "client_credentials"}


def test_a_token_says_what_rfc_9068_wants(rig: Rig) -> None:
    """Header and claims, to the last one."""
    status, headers, answer = rig.ask(GRANT)
    assert status == 200
    assert (headers["content-type"], headers["cache-control"]) == ("application/json", "no-store")
    token = answer.pop("access_token")
    assert answer == {"token_type": "Bearer", "expires_in": 900, "scope": "orders:read stock:read"}
    assert jwt.get_unverified_header(token) == {"typ": "at+jwt", "alg": "ES256", "kid": rig.jwk["kid"]}
    claims = rig.claims(token)
    assert len(claims.pop("jti")) == 36
    assert claims == {
        "iss": ISSUER,
        "sub": rig.app.client_id,
        "client_id": rig.app.client_id,
        "aud": [ORDERS, STOCK],
        "scope": "orders:read stock:read",
        "iat": NOW,
        "exp": NOW + 900,
    }


def test_neither_token_nor_secret_is_logged(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Not at the lowest level, and not by Authlib."""
    caplog.set_level("DEBUG")
    token = rig.ask(GRANT)[2]["access_token"]
    rig.ask(GRANT, rig.basic(password="sgs_wrong"))
    assert "authlib" in caplog.text
    for secret in (token, rig.secret, "sgs_wrong"):
        assert secret not in caplog.text


def test_no_two_tokens_share_an_id(rig: Rig) -> None:
    """Each can be revoked alone."""
    tokens = [rig.claims(rig.ask(GRANT)[2]["access_token"])["jti"] for _ in range(3)]
    assert len(set(tokens)) == 3


def test_client_secret_post(rig: Rig) -> None:
    """The other way to authenticate."""
    form = {**GRANT, "client_id": rig.app.client_id, "client_secret": rig.secret}
    assert rig.ask(form, None)[0] == 200


def test_scope_narrows_and_is_echoed(rig: Rig) -> None:
    """A client asks for less than it may have."""
    _, _, answer = rig.ask({**GRANT, "scope": "stock:read"})
    assert answer["scope"] == rig.claims(answer["access_token"])["scope"] == "stock:read"


@pytest.mark.parametrize("scope", ["admin", "orders:read admin", "orders:read  stock:read", " ", "é"])
def test_a_scope_that_it_may_not_have_is_invalid(rig: Rig, scope: str) -> None:
    """Refused, and never quietly left out (RFC 6749 section 5.2)."""
    status, _, answer = rig.ask({**GRANT, "scope": scope})
    assert (status, answer["error"]) == (400, "invalid_scope")


def test_one_resource_makes_one_audience(rig: Rig) -> None:
    """RFC 8707: a string, as most verifiers expect."""
    _, _, answer = rig.ask({**GRANT, "resource": ORDERS})
    assert rig.claims(answer["access_token"])["aud"] == ORDERS


def test_resource_may_be_repeated(rig: Rig) -> None:
    """The one parameter that may."""
    _, _, answer = rig.ask([*GRANT.items(), ("resource", STOCK), ("resource", ORDERS), ("resource", STOCK)])
    assert rig.claims(answer["access_token"])["aud"] == [STOCK, ORDERS]


@pytest.mark.parametrize("resource", ["https://elsewhere.test", "orders", ORDERS + "/", "https://ORDERS.shop.test"])
def test_a_resource_that_is_no_service_is_an_invalid_target(rig: Rig, resource: str) -> None:
    """Compared as it stands."""
    status, _, answer = rig.ask([*GRANT.items(), ("resource", ORDERS), ("resource", resource)])
    assert (status, answer["error"]) == (400, "invalid_target")


def test_a_service_that_it_may_not_call_is_an_invalid_target(rig: Rig) -> None:
    """And is not in the audience when none is named."""
    rig.applications.update("web", "ann", services=["orders", "gone"])
    assert rig.ask({**GRANT, "resource": STOCK})[2]["error"] == "invalid_target"
    assert rig.claims(rig.ask(GRANT)[2]["access_token"])["aud"] == ORDERS


def test_no_service_no_token(rig: Rig) -> None:
    """A token for nobody would be a token for anybody who forgets to look."""
    rig.audiences.clear()
    assert rig.ask(GRANT)[2]["error"] == "invalid_target"


def _bad_credentials() -> dict[str, Callable[[Rig], str | None]]:
    return {
        "none": lambda _: None,
        "wrong secret": lambda rig: rig.basic(password="sgs_wrong"),
        "empty secret": lambda rig: rig.basic(password=""),
        "unknown client": lambda rig: rig.basic(user="nobody"),
        "not base64": lambda _: "Basic !!!",
        "not text": lambda _: "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "no colon": lambda _: "Basic " + base64.b64encode(b"web").decode(),
        "nothing": lambda _: "Basic ",
        "bearer": lambda rig: f"Bearer {rig.secret}",
    }


@pytest.mark.parametrize("credential", _bad_credentials().values(), ids=_bad_credentials())
def test_every_bad_credential_gets_the_same_answer(rig: Rig, credential: Callable[[Rig], str | None]) -> None:
    """401 with a challenge (RFC 6749 section 5.2), and no hint which of id and secret is wrong."""
    status, headers, answer = rig.ask(GRANT, credential(rig))
    assert status == 401
    assert headers["www-authenticate"] == 'Basic realm="oauth2", charset="UTF-8"'
    assert headers["cache-control"] == "no-store"
    assert answer == {"error": "invalid_client", "error_description": "The client is not known by this id and secret"}


def test_a_bad_credential_in_the_body_gets_it_too(rig: Rig) -> None:
    """Unknown client and wrong secret alike."""
    answers = [
        rig.ask({**GRANT, "client_id": client, "client_secret": "sgs_wrong"}, None)
        for client in (rig.app.client_id, "nobody", "a\0b")
    ]
    assert [answer[0] for answer in answers] == [401, 401, 401]
    assert answers[0] == answers[1] == answers[2]


def test_an_inactive_or_removed_application_gets_nothing(rig: Rig) -> None:
    """From the next request on."""
    rig.applications.update("web", "ann", active=False)
    assert rig.ask(GRANT)[0] == 401
    rig.applications.remove("web", "ann")
    assert rig.ask(GRANT)[0] == 401


@pytest.mark.parametrize("grant", ["password", "authorization_code", "refresh_token", "é\0\n"])
def test_another_grant_is_unsupported(rig: Rig, grant: str) -> None:
    """And what was asked for is not repeated in the answer."""
    status, _, answer = rig.ask({"grant_type": grant})
    assert (status, answer) == (400, {"error": "unsupported_grant_type"})


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"grant_type=",
        b"scope=orders:read",
        b"grant_type=client_credentials&grant_type=client_credentials",
        b"grant_type=client_credentials&scope=a&scope=b",
        b"grant_type=client_credentials&x=1&x=2",
        b"grant_type",
        b"grant_type=client_credentials&scope=%ff",
        b"grant_type=client_credentials&\xff",
        b"grant_type=client_credentials&" + b"&".join(b"a%d=1" % n for n in range(200)),
        b"grant_type=client_credentials&x=" + b"a" * 70_000,
    ],
)
def test_a_malformed_form_is_an_invalid_request(rig: Rig, form: bytes) -> None:
    """Repeated, missing, undecodable, too many, too large."""
    status, _, answer = rig.ask(form)
    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data", "text/plain"])
def test_another_content_type_is_an_invalid_request(rig: Rig, content_type: str) -> None:
    """A form is what RFC 6749 says it is."""
    assert rig.ask(GRANT, content_type=content_type)[2]["error"] == "invalid_request"


def test_a_charset_after_the_content_type_is_fine(rig: Rig) -> None:
    """Many clients send one."""
    assert rig.ask(GRANT, content_type="Application/X-WWW-Form-Urlencoded; charset=utf-8")[0] == 200


def test_a_client_may_write_its_id_as_in_a_form(rig: Rig) -> None:
    """RFC 6749 section 2.3.1: a hyphen may come as ``%2D``, and is still the client that the form names."""
    encoded = rig.basic(rig.app.client_id.replace("-", "%2D"))
    form = {"grant_type": "client_credentials", "client_id": rig.app.client_id}
    assert rig.ask(form, encoded)[0] == 200
    status, _, said = rig.ask({**form, "client_id": rig.app.client_id + "x"}, encoded)
    assert (status, said["error"]) == (400, "invalid_request")


def test_two_ways_to_authenticate_are_an_invalid_request(rig: Rig) -> None:
    """RFC 6749 section 2.3; and one client's name beside another's credential."""
    both = {**GRANT, "client_id": rig.app.client_id, "client_secret": rig.secret}
    assert rig.ask(both)[2]["error"] == "invalid_request"
    assert rig.ask({**GRANT, "client_id": "another"})[2]["error"] == "invalid_request"
    assert rig.ask({**GRANT, "client_id": rig.app.client_id})[0] == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "post"])
def test_only_post(rig: Rig, method: str) -> None:
    """A secret in a URL would end in a log."""
    status, headers, _ = rig.endpoint.handle(method, {"Authorization": rig.basic()}, b"")
    assert (status, dict(headers)["Allow"]) == (405, "POST")


def test_the_operators_way_is_the_same_way(rig: Rig) -> None:
    """The same claims, with a lifetime of their own, within the bound."""
    issued = rig.tokens.issue(rig.app, scopes=["orders:read"], audiences=[ORDERS], lifetime_s=60)
    claims = rig.claims(issued.access_token)
    assert (claims["exp"] - claims["iat"], claims["scope"], claims["aud"]) == (60, "orders:read", ORDERS)
    assert (issued.token_id, issued.expires_at) == (claims["jti"], claims["exp"])
    assert issued.access_token not in repr(issued)
    for seconds in (0, -1, 24 * 3600 + 1):
        with pytest.raises(Invalid):
            rig.tokens.issue(rig.app, lifetime_s=seconds)


def test_metadata_names_what_exists(rig: Rig) -> None:
    """RFC 8414, with the members that it requires."""
    document = metadata(ISSUER)
    assert document["issuer"] == ISSUER
    assert document["token_endpoint"] == ISSUER + "/oauth2/token"
    assert document["response_types_supported"] == []
    methods = ["private_key_jwt", "client_secret_basic", "client_secret_post"]
    assert document["token_endpoint_auth_methods_supported"] == methods
    assert "authorization_endpoint" not in document and "revocation_endpoint" not in document


def test_metadata_of_an_issuer_that_asks_people() -> None:
    """Each endpoint with how clients prove themselves there; what needs people goes with the page that asks them."""
    whole = metadata(ISSUER, lambda _: True)
    assert whole["authorization_endpoint"] == ISSUER + "/oauth2/authorize"
    assert whole["code_challenge_methods_supported"] == ["S256"] and whole["response_types_supported"] == ["code"]
    for name, public in (("token", True), ("revocation", True), ("introspection", False)):
        methods = whole[f"{name}_endpoint_auth_methods_supported"]
        assert isinstance(methods, list) and ("none" in methods) == public
        assert whole[f"{name}_endpoint_auth_signing_alg_values_supported"] == ["ES256", "EdDSA", "PS256", "RS256"]
    without = metadata(ISSUER, lambda path: path != "/oauth2/authorize")
    needs_people = ("authorization", "pushed_authorization_request", "device_authorization", "registration")
    assert not {f"{name}_endpoint" for name in needs_people} & without.keys()
    assert "none" not in str(without["token_endpoint_auth_methods_supported"])
    assert discovery(ISSUER, ["ES256"], lambda _: False) is None


def test_metadata_names_the_grants(rig: Rig) -> None:
    """All that are there."""
    document = metadata(ISSUER)
    assert document["grant_types_supported"] == ["client_credentials", EXCHANGE]
