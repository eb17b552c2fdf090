"""``/oauth2/logout``: signed out, and sent to where the client registered and nowhere else."""

from urllib.parse import urlencode

from .browser import Browser
from .conftest import BACK, VERIFIER, House, sign_in


async def signed_in_to(house: House, browser: Browser) -> str:
    """The ID token of the client that somebody signed in to."""
    page = await browser.send(await sign_in(browser, house.authorize()), "consent", "allow")
    form = {"grant_type": "authorization_code", "code": page.said["code"], "redirect_uri": BACK}
    auth = (house.web.client_id, house.secret)
    got = await browser.http.post("/oauth2/token", data={**form, "code_verifier": VERIFIER}, auth=auth)
    return str(got.json()["id_token"])


async def test_by_a_client_that_knows_them(house: House, browser: Browser) -> None:
    """Its ID token says whom it means: signed out at once, and back."""
    asked = {"id_token_hint": await signed_in_to(house, browser), "post_logout_redirect_uri": BACK, "state": "x"}
    page = await browser.open("/oauth2/logout?" + urlencode(asked))
    assert page.location == BACK + "?state=x"
    assert house.sessions(house.ann) == []
    assert (await browser.open("/account")).form("sign_in")


async def test_by_post(house: House, browser: Browser) -> None:
    """Section 2: the same, of a form of the client's."""
    asked = {"id_token_hint": await signed_in_to(house, browser), "post_logout_redirect_uri": BACK}
    page = await browser.post("/oauth2/logout", asked, **{"Sec-Fetch-Site": "cross-site", "Origin": "https://web.test"})
    assert page.location == BACK and house.sessions(house.ann) == []


async def test_whoever_else_asks(house: House, browser: Browser) -> None:
    """People decide, and go back to the client only if it is one."""
    await sign_in(browser)
    known = urlencode({"client_id": house.web.client_id, "post_logout_redirect_uri": BACK})
    page = await browser.open("/oauth2/logout?" + known)
    assert "web asks that you be signed out" in " ".join(page.text.split())
    assert house.sessions(house.ann) != []
    assert (await browser.send(page, "logout")).location == BACK
    assert house.sessions(house.ann) == []
    await sign_in(browser)
    page = await browser.open("/oauth2/logout?post_logout_redirect_uri=https://evil.test/")
    page = await browser.send(page, "logout")
    assert (page.location, page.status) == ("", 200) and "Nobody is signed in" in page.text


async def test_an_id_token_of_somebody_else(house: House, browser: Browser, other: Browser) -> None:
    """Signs nobody out who did not ask for it."""
    hint = await signed_in_to(house, other)
    page = await sign_in(browser, "/account", "bea")
    await browser.send(page, "second_factor", code=house.code())
    page = await browser.open("/oauth2/logout?" + urlencode({"id_token_hint": hint}))
    assert "somebody else" in page.text and house.sessions(house.bea) != []


async def test_nobody_is_signed_in(house: House, browser: Browser) -> None:
    """There is nothing to ask."""
    page = await browser.open(f"/oauth2/logout?client_id={house.web.client_id}&post_logout_redirect_uri={BACK}")
    assert page.location == BACK
    assert "Nobody is signed in" in (await browser.open("/oauth2/logout")).text
