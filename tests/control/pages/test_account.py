"""``/account``: what is shown, and what each form there changes."""

import base64

import pytest

from control.pages.account import kind_of

from .browser import Browser, Page
from .conftest import PASSWORD, VERIFIER, House, sign_in, totp

NEW = "a much better password"


async def change(browser: Browser, page: Page, old: str = PASSWORD, new: str = NEW, again: str = NEW) -> Page:
    """Send the form."""
    return await browser.send(page, "password", old=old, new=new, again=again)


async def test_the_password(house: House, browser: Browser, other: Browser) -> None:
    """The old one is asked for; other browsers are signed out and this one stays, with a new session."""
    await sign_in(other)
    page = await sign_in(browser)
    for wrong, said in (
        ({"old": "wrong"}, "not your password"),
        ({"new": "short", "again": "short"}, "at least 12"),
        ({"again": NEW + "x"}, "not the same"),
    ):
        page = await change(browser, page, **wrong)
        assert page.status == 422 and said in page.text and NEW not in page.html
    page = await change(browser, page)
    assert "Your password is changed." in page.text
    assert (await other.open("/account")).form("sign_in")
    assert len(house.sessions(house.ann)) == 1


async def test_a_second_factor(house: House, browser: Browser) -> None:
    """Set up by a code of it, recovery codes shown once, removed by the password."""
    page = await browser.send(await sign_in(browser), "second_factor_begin")
    assert {"svg", "path"} <= page.tags
    secret = base64.b32decode(next(word for word in page.text.split() if len(word) == 32))
    wrong = await browser.send(page, "second_factor_confirm", code="1")
    assert wrong.status == 422
    page = await browser.send(wrong, "second_factor_confirm", code=totp(secret, house.clock.now))
    codes = [word for word in page.text.split() if word.count("-") == 3]
    assert len(codes) == 10 and "not shown again" in page.text
    page = await browser.open("/account")
    assert codes[0] not in page.text
    page = await browser.send(page, "second_factor_remove", password="wrong")
    assert "not your password" in page.text
    assert "removed" in (await browser.send(page, "second_factor_remove", password=PASSWORD)).text


async def test_a_second_factor_needs_a_sign_in_that_is_not_old(house: House, browser: Browser) -> None:
    """Else who sits before an open browser could take the account."""
    page = await sign_in(browser)
    house.clock.now += 15 * 60 + 1
    page = await browser.send(page, "second_factor_begin")
    assert "once more" in page.text and "svg" not in page.tags
    page = await browser.send(page, "sign_in", username="ann", password=PASSWORD)
    assert (await browser.send(page, "second_factor_begin")).form("second_factor_confirm")


async def test_where_they_are_signed_in(house: House, browser: Browser, other: Browser) -> None:
    """Each browser by its kind and place; one of them ended, then all others; never somebody else's."""
    await sign_in(other)
    page = await sign_in(browser)
    assert "Firefox on Linux" in page.text and "curl/8" in page.text
    bea = await sign_in(other, "/oauth2/authorize?" + house.query(prompt="login"), "bea")
    assert "code" in bea.text
    page = await browser.send(await browser.open("/account"), "session_end")
    assert "That browser is signed out." in page.text and (await other.open("/account")).form("sign_in")
    await sign_in(other)
    page = await browser.send(await browser.open("/account"), "sessions_end")
    assert len(house.sessions(house.ann)) == 1 and "signed out everywhere else" in page.text


async def test_nobody_ends_somebody_elses(house: House, browser: Browser, other: Browser) -> None:
    """The id of a session is worth something to its owner alone."""
    await sign_in(other)
    theirs = house.sessions(house.ann)[0].id
    page = await browser.send(await sign_in(browser, username="bea"), "second_factor", code=house.code())
    token = page.form("password").fields["token"]
    for form in ("session_end", "sessions_end", "client_remove"):
        answer = await browser.post("/account", {"form": form, "token": token, "session": theirs})
        assert answer.status == 403  # the token of another form
    assert house.sessions(house.ann)[0].id == theirs


async def test_what_they_let_in(house: House, browser: Browser) -> None:
    """Taken back: the application's tokens are refused by the sidecars."""
    page = await browser.send(await sign_in(browser, house.authorize()), "consent", "allow")
    form = {"grant_type": "authorization_code", "code": page.said["code"], "redirect_uri": "https://web.shop.test/back"}
    auth = (house.web.client_id, house.secret)
    got = (await browser.http.post("/oauth2/token", data={**form, "code_verifier": VERIFIER}, auth=auth)).json()
    page = await browser.open("/account")
    assert "Know that it is you" in page.text and "orders.shop.test" in page.text
    page = await browser.send(page, "client_remove")
    assert "shut out" in page.text and "None." in page.text
    decided = house.mesh.explain("orders", "GET", "/orders/7", got["access_token"]).decision
    assert decided.reason == "token_revoked"
    assert (await browser.open(house.authorize())).form("consent")


async def test_signing_out(house: House, browser: Browser) -> None:
    """By its button."""
    page = await browser.send(await sign_in(browser), "logout")
    assert "Nobody is signed in" in page.text and house.sessions(house.ann) == []


async def test_what_is_no_form(house: House, browser: Browser) -> None:
    """A form that is not there changes nothing; one that comes after the session is over asks who is there."""
    page = await sign_in(browser)
    assert (await browser.post("/account", {"form": "everything", "token": "t"})).status == 400
    house.people.sessions.end_all(house.ann.id)
    assert (await change(browser, page)).form("sign_in")
    assert house.opens("ann", PASSWORD)


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5", "curl/8.5"),
        ("", ""),
    ],
)  # fmt: skip
def test_kinds_of_browsers(agent: str, kind: str) -> None:
    """As people call them."""
    assert kind_of(agent) == kind
