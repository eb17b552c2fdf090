"""Signing in: by a password, and by a code; what is told when it is wrong; a session that is new each time."""

from .browser import Browser
from .conftest import PASSWORD, House, sign_in

SESSION = "__Host-sidegate_session"


async def test_what_is_wrong_is_not_told(house: House, browser: Browser) -> None:
    """A name that nobody has, and a password that is wrong, read alike; the name stays in the form."""
    page = await browser.open("/account")
    for username, password in (("ann", "wrong"), ("nobody", PASSWORD), ("", "")):
        page = await browser.send(page, "sign_in", username=username, password=password)
        assert page.status == 401 and "The name or the password is wrong." in page.text
        assert page.form("sign_in").fields["username"] == username
        assert SESSION not in browser.http.cookies
    assert "Your account" in (await browser.send(page, "sign_in", username="ann", password=PASSWORD)).text


async def test_a_second_factor(house: House, browser: Browser) -> None:
    """The password alone opens nothing; a wrong code can be followed by a right one."""
    page = await sign_in(browser, username="bea")
    assert SESSION not in browser.http.cookies and PASSWORD not in page.html
    page = await browser.send(page, "second_factor", code="000000")
    assert page.status == 401 and "This code is wrong" in page.text
    code = house.code()
    page = await browser.send(page, "second_factor", code=f"{code[:3]} {code[3:]}")
    assert "Your account" in page.text


async def test_a_recovery_code(house: House, browser: Browser) -> None:
    """Instead of the authenticator, once."""
    for status in (200, 401):
        browser.http.cookies.clear()
        page = await sign_in(browser, username="bea")
        page = await browser.send(page, "second_factor", code=house.recovery_codes[0].upper())
        assert page.status == status


async def test_too_many_tries(house: House, browser: Browser, other: Browser) -> None:
    """429 says when to come back; guesses made elsewhere do not keep a browser out that they have used."""
    await sign_in(browser)
    page = await other.open("/account")
    answers = [await other.send(page, "sign_in", username="ann", password=f"guess {n}") for n in range(11)]
    assert [answers[0].status, answers[-1].status, answers[-1].headers["retry-after"]] == [401, 429, "60"]
    assert (await other.send(page, "sign_in", username="ann", password=PASSWORD)).status == 429
    assert (await sign_in(browser, house.authorize(prompt="login"))).form("consent")


async def test_too_many_codes(house: House, browser: Browser) -> None:
    """Five for one password, then the password again; and after ten a wait."""
    for _ in range(2):
        page = await sign_in(browser, username="bea")
        for _ in range(5):
            page = await browser.send(page, "second_factor", code="000000")
            assert page.status == 401
        assert (await browser.send(page, "second_factor", code=house.code())).status == 401
    page = await sign_in(browser, username="bea")
    page = await browser.send(page, "second_factor", code=house.code())
    assert page.status == 429 and int(page.headers["retry-after"]) > 60


async def test_each_sign_in_is_a_new_session(house: House, browser: Browser) -> None:
    """Whatever cookie was there before counts no more."""
    await sign_in(browser, house.authorize())
    first = browser.http.cookies[SESSION]
    await sign_in(browser, house.authorize(prompt="login"))
    assert browser.http.cookies[SESSION] != first
    assert house.people.sessions.find(first) is None
    assert len(house.sessions(house.ann)) == 1


async def test_who_may_not_any_more(house: House, browser: Browser) -> None:
    """Their cookie opens nothing, and the page asks who is there."""
    await sign_in(browser)
    house.people.users.update("ann", "test", active=False)
    assert (await browser.open("/account")).form("sign_in")
    assert (await browser.open(house.authorize())).form("sign_in")


async def test_twice_at_once(house: House, browser: Browser) -> None:
    """Who clicks twice is signed in all the same, and once."""
    page = await browser.open("/account")
    for _ in range(2):
        again = await browser.send(page, "sign_in", username="ann", password=PASSWORD)
        assert "Your account" in again.text
    assert len(house.sessions(house.ann)) == 1
