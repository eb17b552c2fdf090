"""npm's ``openid-client`` drives each flow of the identity server to a sidecar's 200, and back to 401.

Control and the sidecar are real processes; the pages in between are plain forms, sent as a browser would.
"""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from ..stories.conftest import Stack
from .conftest import require_package
from .relying import Person, RefusedError, Relying

pytestmark = pytest.mark.peers
BACK, ORDERS = "https://web.shop.test/back", "https://orders.shop.test"
SCOPE = "openid profile email orders:read"
POLICY = """\
trust_domain: shop.test
issuers:
  own: {builtin: true}
services:
  orders:
    routes:
      - {path: /orders/**, require: {scopes: [orders:read]}}
  stock:
    routes:
      - {path: /**}
"""


class Shop:
    """Everything that runs, and what a test asks of it."""

    def __init__(self, stack: Stack, client: Relying) -> None:
        self.stack, self.client = stack, client
        self.here, self._people = stack.operator["CONTROL_URL"], list[Person]()

    def person(self) -> Person:
        """Somebody new, whom an operator gave a link for their password."""
        username, password = f"ann-{secrets.token_hex(3)}", "a heron by the mill pond"
        self.stack.control("user", "add", username, "--name", "Ann", "--email", "ann@shop.test")
        link = self.stack.control("user", "reset-link", username).split()[0]
        someone = Person(self.here, username, password)
        self._people.append(someone)
        page = someone.open(link)
        assert someone.send(page, "reset", new=password, again=password).status == 200
        return someone

    def close(self) -> None:
        """Their windows."""
        for someone in self._people:
            someone.close()

    def register(self, *extra: str, jwk: dict[str, Any] | None = None, name: str = "") -> str:
        """A new client, discovered by the library: its id."""
        name = name or f"web-{secrets.token_hex(3)}"
        scopes = [part for scope in SCOPE.split() for part in ("--scope", scope)]
        app = self.stack.control_json("app", "add", name, *scopes)
        self.stack.control("client", "add", name, *extra)
        known = {} if "--public" in extra else {"jwk": jwk} if jwk else {"secret": app["client_secret"]}
        said = self.client.do("discover", issuer=self.here, id=app["client_id"], **known)
        assert said["issuer"] == self.here
        return str(app["client_id"])

    def allowed(self, someone: Person, client_id: str, **asked: Any) -> Any:
        """They sign in, see what is asked, and allow it: the tokens, whose ID token the library has checked."""
        url = self.client.do("authorize", id=client_id, redirect_uri=BACK, scope=SCOPE, **asked)["url"]
        page = someone.open(url)
        if not page.location:
            page = someone.send(page, "consent", "allow")
        assert page.location.startswith(BACK + "?"), page.text
        return self.client.do("callback", id=client_id, url=page.location)

    def call(self, client_id: str, token: str) -> Any:
        """The service, asked by the client through its sidecar."""
        return self.client.do("call", id=client_id, token=token, url=self.stack.urls["orders"] + "/orders/7")

    def give_back(self, client_id: str, token: str) -> None:
        """The client revokes a token of its own, and the sidecars have heard of it."""
        self.client.do("revoke", id=client_id, token=token)
        settled(self.stack)

    def is_in(self, client_id: str, token: str) -> bool:
        """200 is, 401 with the standard's word is not, and there is nothing else."""
        said = self.call(client_id, token)
        assert said["status"] == 200 or (said["status"], said["challenge"]) == (401, "invalid_token"), said
        return bool(said["status"] == 200)


def settled(stack: Stack) -> None:
    """Waits until every sidecar has the newest version, after a verb that does not wait."""
    newest = stack.control_json("history")["versions"][0]["version"]
    url = f"{stack.operator['CONTROL_URL']}/v1/versions/{newest}/rollout?wait_s=20"
    answer = stack.http.get(url, headers={"Authorization": f"Bearer {stack.operator['CONTROL_TOKEN']}"}, timeout=30)
    assert answer.json()["complete"] is True


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """It runs for all of them; what a test makes in it has a name of its own."""
    require_package("openid-client")
    stack = Stack(tmp_path_factory.mktemp("relying"))
    with stack.processes, Relying() as client:
        stack.start_control()
        stack.add_sidecar("orders", "orders", stack.start_echo())
        stack.control("push", str(stack.policy(POLICY)), "--wait")
        made = Shop(stack, client)
        yield made
        made.close()
    stack.http.close()


@pytest.mark.parametrize("ahead", [False, True], ids=["by the browser", "sent ahead"])
@pytest.mark.parametrize("kind", ["public", "confidential"])
def test_a_code_with_pkce(shop: Shop, kind: str, ahead: bool) -> None:
    """Discovery, sign-in, consent, ID token, userinfo, the sidecar's 200; refresh; given back, 401, and no refresh."""
    client_id = shop.register("--redirect", BACK, *(["--public"] if kind == "public" else []))
    someone = shop.person()
    got = shop.allowed(someone, client_id, ahead=ahead, resource=ORDERS)
    claims = got["claims"]
    assert (claims["iss"], claims["aud"]) == (shop.here, client_id)
    seen = shop.call(client_id, got["access_token"])
    assert seen["status"] == 200
    headers = {name.lower(): value for name, value in seen["seen"]["headers"]}
    assert (headers["x-auth-subject"], headers["x-auth-client"]) == (claims["sub"], client_id)
    again = shop.client.do("refresh", id=client_id, token=got["refresh_token"])
    assert shop.is_in(client_id, again["access_token"])
    shop.give_back(client_id, again["refresh_token"])
    assert not shop.is_in(client_id, again["access_token"]) and not shop.is_in(client_id, got["access_token"])
    with pytest.raises(RefusedError) as refused:
        shop.client.do("refresh", id=client_id, token=again["refresh_token"])
    assert refused.value.code == "invalid_grant"


def test_userinfo_and_introspection(shop: Shop) -> None:
    """Who it is, for the token that was issued for it; what the token says, for its client, until it is taken back."""
    client_id, someone = shop.register("--redirect", BACK), shop.person()
    got = shop.allowed(someone, client_id)
    told = shop.client.do("introspect", id=client_id, token=got["access_token"])
    assert told["active"] and told["sub"] == got["claims"]["sub"]
    who = shop.client.do("userinfo", id=client_id, token=got["access_token"], sub=got["claims"]["sub"])
    assert (who["name"], who["email"]) == ("Ann", "ann@shop.test")
    shop.give_back(client_id, got["access_token"])
    assert shop.client.do("introspect", id=client_id, token=got["access_token"]) == {"active": False}


def test_a_no(shop: Shop) -> None:
    """The other button does the other thing: the library is told ``access_denied``, and there is no code."""
    client_id, someone = shop.register("--redirect", BACK, "--public"), shop.person()
    url = shop.client.do("authorize", id=client_id, redirect_uri=BACK, scope=SCOPE)["url"]
    page = someone.send(someone.open(url), "consent", "deny")
    assert "code" not in page.said
    with pytest.raises(RefusedError) as refused:
        shop.client.do("callback", id=client_id, url=page.location)
    assert refused.value.code == "access_denied"


@pytest.mark.parametrize("proof", ["secret", "key"])
def test_client_credentials(shop: Shop, proof: str) -> None:
    """By a secret and by a key of its own (RFC 7523); turned off, its token is refused."""
    name, extra, jwk = f"robot-{proof}", ["--exchange"], None
    if proof == "key":
        jwk = {**ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True), "kid": "k", "alg": "ES256"}
        public = {member: jwk[member] for member in ("kty", "crv", "x", "y", "kid", "alg")}
        file = shop.stack.folder / "robot.jwks.json"
        file.write_text(json.dumps({"keys": [public]}))
        extra = ["--jwks", str(file)]
    client_id = shop.register(*extra, jwk=jwk, name=name)
    got = shop.client.do("credentials", id=client_id, scope="orders:read", resource=ORDERS)
    assert shop.is_in(client_id, got["access_token"])
    shop.stack.control("app", "update", name, "--disable")
    settled(shop.stack)
    assert not shop.is_in(client_id, got["access_token"])


def test_a_device(shop: Shop) -> None:
    """The library waits and asks, somebody types the code in and allows it: 200, and 401 after it is given back."""
    client_id, someone = shop.register("--redirect", BACK, "--device", "--public"), shop.person()
    codes = shop.client.do("device", id=client_id, scope="orders:read")
    page = someone.open(codes["verification_uri_complete"])
    page = someone.send(page, "device")
    assert someone.send(page, "device_consent", "allow").status == 200
    got = shop.client.do("poll", id=client_id)
    assert shop.is_in(client_id, got["access_token"])
    shop.give_back(client_id, got["refresh_token"])
    assert not shop.is_in(client_id, got["access_token"])


def test_an_exchange(shop: Shop) -> None:
    """A service trades its caller's token for one of its own, which ends with what the person allowed."""
    client_id, someone = shop.register("--redirect", BACK, "--public"), shop.person()
    service = shop.register("--exchange", name="orders")
    got = shop.allowed(someone, client_id, resource=ORDERS)
    kind = "urn:ietf:params:oauth:token-type:access_token"
    traded = shop.client.do(
        "exchange", id=service, subject_token=got["access_token"], subject_token_type=kind, audience="orders"
    )
    assert shop.is_in(service, traded["access_token"])
    with pytest.raises(RefusedError) as refused:
        shop.client.do(
            "exchange", id=service, subject_token=got["access_token"], subject_token_type=kind, audience="stock"
        )
    assert refused.value.code == "invalid_target"
    shop.give_back(client_id, got["refresh_token"])
    assert not shop.is_in(service, traded["access_token"])


def test_signing_out(shop: Shop) -> None:
    """The library's URL signs them out at once and brings them back; the next request asks who they are."""
    client_id, someone = shop.register("--redirect", BACK), shop.person()
    got = shop.allowed(someone, client_id)
    quiet = {"id": client_id, "redirect_uri": BACK, "scope": SCOPE, "prompt": "none"}
    assert "code" in someone.open(shop.client.do("authorize", **quiet)["url"]).said
    url = shop.client.do("leave", id=client_id, id_token_hint=got["id_token"], post_logout_redirect_uri=BACK)["url"]
    assert someone.open(url).location.startswith(BACK)
    assert someone.open(shop.client.do("authorize", **quiet)["url"]).said["error"] == "login_required"


def test_who_is_turned_off_is_out(shop: Shop) -> None:
    """An operator's one verb: the person's tokens are refused in the sidecar, and there are no more of them."""
    client_id, someone = shop.register("--redirect", BACK, "--public"), shop.person()
    got = shop.allowed(someone, client_id)
    assert shop.is_in(client_id, got["access_token"])
    shop.stack.control("user", "update", got["claims"]["sub"], "--disable")
    settled(shop.stack)
    assert not shop.is_in(client_id, got["access_token"])
    with pytest.raises(RefusedError) as refused:
        shop.client.do("refresh", id=client_id, token=got["refresh_token"])
    assert refused.value.code == "invalid_grant"


def test_an_answer_of_another_issuer(shop: Shop) -> None:
    """Mix-up (RFC 9207): the library sees whose answer it is, and does not send the code anywhere."""
    client_id, someone = shop.register("--redirect", BACK, "--public"), shop.person()
    url = shop.client.do("authorize", id=client_id, redirect_uri=BACK, scope=SCOPE)["url"]
    location = someone.send(someone.open(url), "consent", "allow").location
    iss = f"iss={shop.here.replace(':', '%3A').replace('/', '%2F')}"
    assert iss in location
    for forged in (location.replace(iss, "iss=https%3A%2F%2Fevil.test"), location.replace(iss, "")):
        with pytest.raises(RefusedError) as refused:
            shop.client.do("callback", id=client_id, url=forged)
        assert refused.value.code.startswith("OAUTH_")
    assert shop.is_in(client_id, shop.client.do("callback", id=client_id, url=location)["access_token"])
