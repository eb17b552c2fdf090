"""``/oauth2/device``: what a device waits for is shown before anybody says yes."""

from trio.testing import MockClock

from .browser import Browser
from .conftest import PASSWORD, House, sign_in

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


async def waiting(house: House, browser: Browser) -> dict[str, str]:
    """A device asks."""
    asked = {"client_id": house.tv.client_id, "scope": "orders:read"}
    found: dict[str, str] = (await browser.http.post("/oauth2/device_authorization", data=asked)).json()
    return found


async def tokens(house: House, browser: Browser, told: dict[str, str]) -> dict[str, str]:
    """It asks for its tokens."""
    form = {"grant_type": DEVICE_CODE, "device_code": told["device_code"], "client_id": house.tv.client_id}
    found: dict[str, str] = (await browser.http.post("/oauth2/token", data=form)).json()
    return found


async def test_allowed(house: House, browser: Browser) -> None:
    """By the link that the device shows: signed in, the code confirmed, then what is asked, then yes."""
    told = await waiting(house, browser)
    page = await browser.open(told["verification_uri_complete"])
    page = await browser.send(page, "sign_in", username="ann", password=PASSWORD)
    assert page.form("device").fields["user_code"] == told["user_code"] and "tv" not in page.text
    page = await browser.send(page, "device")
    assert "Allow tv?" in page.text and "orders:read" in page.text and told["user_code"] in page.text
    assert (await tokens(house, browser, told))["error"] == "authorization_pending"
    page = await browser.send(page, "device_consent", "allow")
    assert "Allowed" in page.text
    house.clock.now += 10
    got = await tokens(house, browser, told)
    assert house.mesh.explain("orders", "GET", "/orders/7", got["access_token"]).decision.reason == "allowed"


async def test_denied_and_typed_by_hand(house: House, browser: Browser) -> None:
    """In small letters and with a space, as people type; and once."""
    told = await waiting(house, browser)
    page = await sign_in(browser, "/oauth2/device")
    page = await browser.send(page, "device", user_code=told["user_code"].lower().replace("-", " "))
    done = await browser.send(page, "device_consent", "deny")
    assert "Denied" in done.text
    assert (await tokens(house, browser, told))["error"] == "access_denied"
    assert (await browser.send(page, "device_consent", "allow")).status == 404


async def test_a_code_that_nobody_waits_with(house: House, browser: Browser, mock_clock: MockClock) -> None:
    """It is told, and whoever guesses is slowed down; who has not signed in cannot even guess."""
    assert (await browser.post("/oauth2/device", {"form": "device", "user_code": "AAAA-AAAA"})).form("sign_in")
    page = await sign_in(browser, "/oauth2/device")
    statuses = [(await browser.send(page, "device", user_code=f"AAAA-AAA{n}")).status for n in range(22)]
    assert (statuses[0], statuses[-1]) == (404, 429)


async def test_neither_yes_nor_no(house: House, browser: Browser) -> None:
    """Nothing happens."""
    told = await waiting(house, browser)
    page = await sign_in(browser, told["verification_uri_complete"])
    page = await browser.send(page, "device")
    form = page.form("device_consent")
    for more in ({}, {"allow": "yes", "deny": "yes"}):
        assert (await browser.post(form.action, {**form.fields, **more})).status == 400
    assert (await tokens(house, browser, told))["error"] == "authorization_pending"
