"""``/oauth2/authorize`` as people see it: sign in, allow or deny; and as clients do: a code, or the reason for none."""

import httpx

from control.identity.oauth.pushed import AGAIN_S

from .browser import Browser
from .conftest import BACK, HERE, PASSWORD, VERIFIER, House, sign_in


async def test_allowed(house: House, browser: Browser) -> None:
    """From the form to a token that the sidecars take, by nobody's hand but the person's."""
    page = await browser.open(house.authorize())
    assert "to go on to web" in " ".join(page.text.split())
    page = await sign_in(browser, house.authorize())
    assert "orders:read" in page.text and "Know that it is you" in page.text and "orders.shop.test" in page.text
    page = await browser.send(page, "consent", "allow")
    assert page.location.startswith(BACK + "?") and page.said["state"] == "s" and page.said["iss"] == HERE
    form = {"grant_type": "authorization_code", "code": page.said["code"], "redirect_uri": BACK}
    auth = (house.web.client_id, house.secret)
    got = (await browser.http.post("/oauth2/token", data={**form, "code_verifier": VERIFIER}, auth=auth)).json()
    assert house.mesh.explain("orders", "GET", "/orders/7", got["access_token"]).decision.reason == "allowed"


async def test_denied(house: House, browser: Browser) -> None:
    """The client is told, and gets no code."""
    page = await browser.send(await sign_in(browser, house.authorize()), "consent", "deny")
    assert page.location.startswith(BACK + "?")
    assert (page.said["error"], page.said["state"], page.said["iss"]) == ("access_denied", "s", HERE)
    assert "code" not in page.said


async def test_a_yes_is_remembered(house: House, browser: Browser) -> None:
    """Who has signed in and allowed as much sees no page; who is asked for more, or anew, does."""
    page = await browser.send(await sign_in(browser, house.authorize()), "consent", "allow")
    house.mesh.grants.redeem(page.said["code"], "jti", int(house.clock.now) + 900)
    assert (await browser.open(house.authorize())).said["code"]
    assert (await browser.open(house.authorize(prompt="none"))).said["code"]
    for more in ({"scope": "openid profile orders:read"}, {"prompt": "consent"}, {"prompt": "select_account"}):
        assert (await browser.open(house.authorize(**more))).form("consent")


async def test_without_a_page(house: House, browser: Browser) -> None:
    """``prompt=none`` tells the client what is lacking."""
    assert (await browser.open(house.authorize(prompt="none"))).said["error"] == "login_required"
    await sign_in(browser)
    assert (await browser.open(house.authorize(prompt="none"))).said["error"] == "consent_required"


async def test_signing_in_again(house: House, browser: Browser) -> None:
    """``prompt=login`` and ``max_age=0`` ask whoever has signed in, once a request, however long they then read."""
    await sign_in(browser)
    for more in ({"prompt": "login"}, {"max_age": "0"}, {"prompt": "login consent", "max_age": "5"}):
        house.clock.now += 6
        where = house.authorize(**more)
        page = await browser.open(where)
        assert "once more" in page.text
        page = await browser.send(page, "sign_in", username="ann", password=PASSWORD)
        house.clock.now += 300
        page = await browser.open(where)  # a reload
        page = await browser.send(page, "consent", "allow")
        assert page.said["code"]
        assert (await browser.open(where)).form("sign_in")


async def test_a_sign_in_for_another_request_does_not_count(house: House, browser: Browser) -> None:
    """Nor one for this request that is long ago."""
    await sign_in(browser, house.authorize(prompt="login"))
    assert (await browser.open(house.authorize(prompt="login", state="t"))).form("sign_in")
    assert (await browser.open(house.authorize(prompt="login"))).form("consent")
    house.clock.now += 601
    assert (await browser.open(house.authorize(prompt="login"))).form("sign_in")


async def test_whom_the_client_expects(house: House, browser: Browser) -> None:
    """``login_hint`` is filled in, and is only that."""
    page = await browser.open(house.authorize(login_hint="bea"))
    assert page.form("sign_in").fields["username"] == "bea"


async def test_somebody_else(house: House, browser: Browser) -> None:
    """The account that is shown can be left, and the other one is who allows."""
    page = await sign_in(browser, house.authorize())
    page = await browser.send(page, "consent", "other")
    page = await browser.send(page, "sign_in", username="bea", password=PASSWORD)
    page = await browser.send(page, "second_factor", code=house.code())
    assert "signed in as bea" in page.text
    assert (await browser.send(page, "consent", "allow")).said["code"]


async def test_a_request_that_was_sent_ahead(house: House, browser: Browser) -> None:
    """RFC 9126: the browser brings its name alone. Who clicks twice gets where the second click leads; later it is no
    more."""
    auth = (house.web.client_id, house.secret)
    pushed = await browser.http.post("/oauth2/par", content=house.query(), auth=auth,
                                     headers={"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
    where = f"/oauth2/authorize?client_id={house.web.client_id}&request_uri={pushed.json()['request_uri']}"
    page = await sign_in(browser, where)
    for _ in range(2):
        assert (await browser.send(page, "consent", "allow")).said["code"]
    house.clock.now += AGAIN_S
    assert (await browser.send(page, "consent", "allow")).status == 400


async def test_a_request_by_post(house: House, browser: Browser) -> None:
    """OpenID Connect Core section 3.1.2.1: it is the same request."""
    said = dict(httpx.QueryParams(house.query(state="a b\r\nc")))
    page = await browser.post(
        "/oauth2/authorize", said, **{"Sec-Fetch-Site": "cross-site", "Origin": "https://web.test"}
    )
    page = await browser.send(page, "sign_in", username="ann", password=PASSWORD)
    assert (await browser.send(page, "consent", "deny")).said["state"] == "a b\r\nc"


async def test_what_cannot_be(house: House, browser: Browser) -> None:
    """A client that is not known, or a place that is not its own: a page here. Other faults: back to the client."""
    for wrong in ({"client_id": "nobody"}, {"client_id": None}, {"redirect_uri": "https://evil.test/"}):
        page = await browser.open(house.authorize(**wrong))
        assert (page.status, page.location) == (400, "") and page.forms == []
    page = await browser.open(house.authorize(scope="admin"))
    assert page.location.startswith(BACK) and page.said["error"] == "invalid_scope"
    assert (await browser.open("/oauth2/authorize")).status == 400
    assert (await browser.open("/oauth2/authorize?" + "x" * 20_000)).status == 414


async def test_the_metadata_name_the_pages(browser: Browser) -> None:
    """RFC 8414 and OpenID Connect Discovery: they are served, so they are named."""
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
        said = (await browser.http.get(path)).json()
        assert said["authorization_endpoint"] == HERE + "/oauth2/authorize"
        assert said["end_session_endpoint"] == HERE + "/oauth2/logout"
        assert said["device_authorization_endpoint"] == HERE + "/oauth2/device_authorization"
        assert said["response_types_supported"] == ["code"]
