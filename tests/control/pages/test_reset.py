"""``/account/reset``: an operator's link sets a password once; looking at it does nothing."""

from trio.testing import MockClock

from .browser import Browser
from .conftest import House, sign_in

NEW = "a much better password"


async def test_looking_uses_nothing_up(house: House, browser: Browser, other: Browser) -> None:
    """A mail scanner opens it, twice; then a person sets a password; then it is spent."""
    where = "/account/reset?token=" + house.link("ann")
    for _ in range(2):
        await other.open(where)
    page = await browser.open(where)
    assert "for ann" in page.text
    page = await browser.send(page, "reset", new=NEW, again=NEW + "x")
    assert page.status == 422 and "not the same" in page.text
    page = await browser.send(page, "reset", new="short", again="short")
    assert page.status == 422 and "at least 12" in page.text
    done = await browser.send(page, "reset", new=NEW, again=NEW)
    assert "Password set" in done.text and "__Host-sidegate_session" not in browser.http.cookies
    assert (await browser.open(where)).status == 404
    assert (await browser.send(page, "reset", new=NEW, again=NEW)).status == 404
    page = await browser.open("/account")
    assert "Your account" in (await browser.send(page, "sign_in", username="ann", password=NEW)).text


async def test_sessions_end(house: House, browser: Browser, other: Browser) -> None:
    """Whoever had the old password is out."""
    await sign_in(other)
    page = await browser.open("/account/reset?token=" + house.link("ann"))
    await browser.send(page, "reset", new=NEW, again=NEW)
    assert (await other.open("/account")).form("sign_in")


async def test_guessing_a_link(house: House, browser: Browser, mock_clock: MockClock) -> None:
    """404 for what is no link, and soon 429."""
    statuses = [(await browser.open(f"/account/reset?token={n}")).status for n in range(22)]
    assert (statuses[0], statuses[-1]) == (404, 429)
    assert (await browser.open("/account/reset")).status == 429
