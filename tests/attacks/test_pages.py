"""Attacks on the pages of the identity server: another site, browser, session or request, and what is shown in them.

Each is tried against the application as it is served, by a browser that does what browsers do.
"""

from urllib.parse import urlencode

import httpx
import pytest

from control.identity.people import SignedIn
from control.pages import Templates
from control.pages.headers import policy, source_of
from control.pages.shown import EXAMPLES
from tests.control.pages.browser import Browser, Page
from tests.control.pages.conftest import (
    BACK,
    HERE,
    PASSWORD,
    House,
    browser,
    furnished,
    house,
    other,
    served,
    sign_in,
    templates,
)
from tests.control.pages.test_device import tokens, waiting

__all__ = ["browser", "furnished", "house", "other", "served", "templates"]

SESSION = "__Host-sidegate_session"
EVIL = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{ 7*7 }}"
CROSS_SITE = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://other.control.test"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
)


async def forms(house: House, browser: Browser, other: Browser) -> list[tuple[Page, str, str, dict[str, str]]]:
    """Every form that there is, as its page, its name, its button and what would be typed into it."""
    before = await other.open("/account")
    code = await other.send(before, "sign_in", username="bea", password=PASSWORD)
    reset = await other.open("/account/reset?token=" + house.link("ann"))
    account = await sign_in(browser)
    house.people.sessions.begin(SignedIn(house.ann, ("pwd",), int(house.clock.now)), "", "")
    account, new = await browser.open("/account"), "a much better password"
    told = await waiting(house, browser)
    device = await browser.open(told["verification_uri_complete"])
    page = await browser.send(await browser.open(house.authorize()), "consent", "allow")
    house.mesh.grants.redeem(page.said["code"], "jti", int(house.clock.now) + 900)
    account = await browser.open("/account")
    return [
        (before, "sign_in", "", {"username": "ann", "password": PASSWORD}),
        (code, "second_factor", "", {"code": "000000"}),
        (reset, "reset", "", {"new": new, "again": new}),
        (await browser.open(house.authorize(prompt="consent")), "consent", "allow", {}),
        (await browser.open(house.authorize(prompt="consent")), "consent", "deny", {}),
        (device, "device", "", {}),
        (await browser.send(device, "device"), "device_consent", "allow", {}),
        (account, "password", "", {"old": PASSWORD, "new": new, "again": new}),
        (account, "second_factor_begin", "", {}),
        (await browser.send(account, "second_factor_begin"), "second_factor_confirm", "", {"code": "000000"}),
        (account, "session_end", "", {}),
        (account, "sessions_end", "", {}),
        (account, "client_remove", "", {}),
        (account, "logout", "", {}),
    ]


async def test_csrf_on_each_form(house: House, browser: Browser, other: Browser) -> None:
    """Without its token, with one made up, with one of another browser, or sent by another site: 403, and nothing is
    done. (Cookies are sent along here, as if SameSite were not there.)"""
    for page, name, button, typed in await forms(house, browser, other):
        sender, stranger = (other, browser) if name in ("sign_in", "second_factor", "reset") else (browser, other)
        form = page.form(name)
        data = {**form.fields, **typed, **({button: "yes"} if button else {})}
        without = {key: value for key, value in data.items() if key != "token"}
        for wrong in (without, {**data, "token": ""}, {**data, "token": "A" * 43}, {**data, "token": "é"}):
            assert (await sender.post(form.action, wrong)).status == 403, name
        for headers in CROSS_SITE:
            assert (await sender.post(form.action, data, **headers)).status == 403, name
        if name not in ("sign_in", "second_factor", "reset"):
            cookies, stranger.http.cookies = stranger.http.cookies, httpx.Cookies()
            answer = await stranger.post(form.action, data)  # a browser in which nobody has signed in
            assert answer.status in (403, 200, 400) and (not answer.location or name == "logout"), name
            stranger.http.cookies = cookies
    assert len(house.sessions(house.ann)) == 2 and house.opens("ann", PASSWORD)
    assert house.mesh.grants.let_in(house.ann.id)


async def test_a_form_without_those_headers_needs_its_token(house: House, browser: Browser) -> None:
    """Over plain HTTP an old browser says nothing of where a form comes from."""
    page = await sign_in(browser)
    form = page.form("logout")
    plain = await browser.http.post(form.action, data={**form.fields, "token": "x"})
    assert plain.status_code == 403
    assert (await browser.http.post(form.action, data=form.fields)).status_code == 200


async def test_the_token_of_another_form(house: House, browser: Browser, other: Browser) -> None:
    """Each token serves its own form."""
    shown = await forms(house, browser, other)
    mine = [one for one in shown if one[1] not in ("sign_in", "second_factor", "reset")]
    for page, name, button, typed in mine:
        for donor, of, *_ in mine:
            if of != name:
                form = page.form(name)
                token = donor.form(of).fields["token"]
                data = {**form.fields, **typed, **({button: "yes"} if button else {}), "token": token}
                assert (await browser.post(form.action, data)).status == 403, (name, of)


async def test_a_consent_form_for_another_request(house: House, browser: Browser, other: Browser) -> None:
    """A yes to little is no yes to much, nor to another client, nor in another session."""
    await sign_in(browser)
    page = await browser.open(house.authorize(scope="openid"))
    yes = {**page.form("consent").fields, "allow": "yes"}
    evil, _ = house.mesh.applications.create("evil", "test", scopes=["openid"])
    house.mesh.clients.register(evil.client_id, ["https://evil.test/"], "test", 0.0)
    for changes in (
        {"scope": "openid orders:read"},
        {"scope": "openid", "state": "other"},
        {"scope": "openid", "client_id": evil.client_id, "redirect_uri": "https://evil.test/"},
    ):
        answer = await browser.post(house.authorize(**changes), yes)
        assert (answer.status, answer.location) == (403, "")
    await sign_in(other)
    assert (await other.post(house.authorize(scope="openid"), yes)).status == 403
    assert (await browser.post(house.authorize(scope="openid"), yes)).said["code"]


async def test_what_was_shown_has_changed(house: House, browser: Browser) -> None:
    """The client takes another name, or another meaning, between the page and the yes."""
    page = await sign_in(browser, house.authorize())
    house.mesh.applications.update("web", "test", name="Your Bank")
    assert (await browser.send(page, "consent", "allow")).status == 403


@pytest.mark.parametrize("said", [{}, {"allow": "yes", "deny": "yes"}, {"decision": "allow"}, {"allow ": "yes"}])
async def test_which_button(house: House, browser: Browser, said: dict[str, str]) -> None:
    """Allow and Deny are two buttons; a body without either, or with both, is neither."""
    form = (await sign_in(browser, house.authorize())).form("consent")
    answer = await browser.post(form.action, {**form.fields, **said})
    assert (answer.status, answer.location) == (400, "")


async def test_a_button_said_twice(house: House, browser: Browser) -> None:
    """One name twice is no form."""
    form = (await sign_in(browser, house.authorize())).form("consent")
    body = urlencode([*form.fields.items(), ("allow", "yes"), ("allow", "no")])
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await browser.http.post(form.action, content=body, headers=kind)).status_code == 400


async def test_session_fixation(house: House, browser: Browser, other: Browser) -> None:
    """A session that the attacker has, or made up, is not the victim's after they sign in."""
    await sign_in(other)
    theirs = other.http.cookies[SESSION]
    for planted in (theirs, "A" * 43):
        browser.http.cookies.set(SESSION, planted, domain="control.test")
        page = await browser.open(house.authorize(prompt="login"))
        await browser.send(page, "sign_in", username="bea", password=PASSWORD)
        assert browser.http.cookies[SESSION] == planted  # not signed in yet: the second factor is lacking
        page = await browser.send(page, "sign_in", username="ann", password=PASSWORD)
        cookies = [cookie.value for cookie in browser.http.cookies.jar if cookie.name == SESSION]
        assert theirs not in cookies[-1:] and planted not in cookies[-1:]
        assert house.people.sessions.find(planted) is None
        browser.http.cookies.clear()


async def test_login_csrf(house: House, browser: Browser, other: Browser) -> None:
    """The attacker's own form, sent by the victim's browser, signs nobody in."""
    page = await other.open("/account")
    await browser.open("/account")
    form = page.form("sign_in")
    answer = await browser.post(form.action, {**form.fields, "username": "ann", "password": PASSWORD})
    assert answer.status == 403 and SESSION not in browser.http.cookies


async def test_cookies(house: House, browser: Browser) -> None:
    """For this host alone, over TLS alone, and for no script."""
    answers = [await browser.http.get("/account")]
    page = Page(answers[0])
    form = page.form("sign_in")
    answers.append(await browser.http.post("/account", data={**form.fields, "username": "ann", "password": PASSWORD}))
    cookies = [cookie for answer in answers for cookie in answer.headers.get_list("set-cookie")]
    assert len(cookies) == 3
    for cookie in cookies:
        name, *how = cookie.replace(" ", "").lower().split(";")
        assert name.startswith("__host-") and {"httponly", "secure", "path=/", "samesite=lax"} <= set(how)
        assert not any(part.startswith("domain") for part in how)


async def test_open_redirects(house: House, browser: Browser) -> None:
    """Nothing that a query or a form adds says where to go after signing in; and no host is smuggled into the path."""
    more = dict.fromkeys(("next", "redirect", "return_to", "continue", "here", "location"), "https://evil.test/")
    for where in (house.authorize(**more), "/account?" + urlencode(more), "/account//evil.test"):
        page = await browser.open(where)
        if not page.forms:
            assert page.status == 404
            continue
        page = await browser.send(page, "sign_in", username="ann", password=PASSWORD, **more)
        assert page.location == "" and page.path.startswith(("/oauth2/authorize?", "/account?"))
        browser.http.cookies.clear()
    assert (await browser.open(house.authorize(redirect_uri="https://evil.test/"))).location == ""
    assert (await browser.open(house.authorize(redirect_uri=BACK + "@evil.test"))).location == ""


async def test_a_header_in_a_query(house: House, browser: Browser) -> None:
    """Line ends that a client's form brings do not end a header of ours."""
    for path in ("/oauth2/authorize", "/oauth2/logout"):
        answer = await browser.http.post(
            path, content=b"a=b\r\nSet-Cookie: x=y", headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.headers["location"] == path + "?a=b%0D%0ASet-Cookie:%20x=y"


async def test_mix_up(house: House, browser: Browser) -> None:
    """RFC 9207: every answer says who gives it, a refusal too."""
    page = await sign_in(browser, house.authorize())
    denied = await browser.send(page, "consent", "deny")
    allowed = await browser.send(page, "consent", "allow")
    wrong = await browser.open(house.authorize(scope="admin"))
    silent = await browser.open(house.authorize(prompt="none"))
    assert {one.said["iss"] for one in (denied, allowed, wrong, silent)} == {HERE}


async def test_markup_in_names_and_queries(house: House, browser: Browser) -> None:
    """Clients, scopes, people, codes and hints as hostile as they may be: text, in every page that shows them."""
    scopes = ["openid", "<script>alert(1)</script>"]
    evil, _ = house.mesh.applications.create("<script>alert(1)</script>", "test", scopes=scopes)
    house.mesh.clients.register(evil.client_id, [BACK], "test", 0.0)
    where = house.authorize(client_id=evil.client_id, scope=" ".join(scopes), login_hint="<script>alert(1)</script>")
    page = await browser.open(where + "&x=" + "%3E%3Cscript%3Ealert(1)%3C/script%3E")
    pages = [page, await browser.send(page, "sign_in", username=EVIL, password=EVIL)]
    pages.append(await browser.send(page, "sign_in", username="ann", password=PASSWORD))
    pages.append(await browser.open("/oauth2/device?user_code=" + EVIL))
    pages.append(await browser.send(pages[-1], "device", user_code=EVIL))
    pages.append(await browser.open("/account?done=" + EVIL))
    pages.append(await browser.open("/oauth2/authorize?client_id=" + EVIL))
    for page in pages:
        assert "script" not in page.tags and "img" not in page.tags and "49" not in page.text
        assert not {name for name in page.attributes if name.startswith("on") or name == "style"}
    assert "<script>alert(1)</script>" in pages[2].text and page.status == 400


def test_markup_in_every_value(templates: Templates) -> None:
    """Each variable of each template as hostile text."""
    for name, examples in EXAMPLES.items():
        for values in examples:
            hostile = {key: EVIL if isinstance(value, str) and value else value for key, value in values.items()}
            page = Page(httpx.Response(200, html=templates.render(name, hostile), request=httpx.Request("GET", HERE)))
            assert "script" not in page.tags and "img" not in page.tags and "49" not in page.text, name
            assert not {one for one in page.attributes if one.startswith("on")}, name


async def test_clickjacking_and_what_a_browser_may_do(house: House, browser: Browser, other: Browser) -> None:
    """No page is framed, kept, guessed at, or loads anything; forms lead here, or to the client that asked."""
    pages = [page for page, *_ in await forms(house, browser, other)]
    pages += [await browser.open(path) for path in ("/oauth2/authorize", "/account/reset", "/oauth2/authorize?x")]
    for page in pages:
        csp = page.headers["content-security-policy"]
        assert "default-src 'none'; style-src 'self'; form-action 'self'" in csp
        assert csp.endswith("; frame-ancestors 'none'; base-uri 'none'")
        kept = [page.headers[name] for name in ("x-frame-options", "cache-control", "referrer-policy")]
        assert kept == ["DENY", "no-store", "no-referrer"] and page.headers["x-content-type-options"] == "nosniff"
    assert "form-action 'self' https://web.shop.test;" in pages[3].headers["content-security-policy"]
    style = await browser.http.get("/account/style.css")
    assert style.headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://web.test/back?x", "https://web.test"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http:"),
        ("com.shop.app:/back", "com.shop.app:"),
        ("https://a;script-src/", "https:"),
        ("https://a,default-src/", "https:"),
        ("https://*/", "https:"),
    ],
)
def test_what_a_redirect_uri_adds_to_the_policy(uri: str, source: str) -> None:
    """One source, and no directive of its own."""
    assert source_of(uri) == source
    assert policy(uri).count(";") == policy().count(";")


async def test_a_device_code_by_a_link(house: House, browser: Browser) -> None:
    """RFC 8628 section 5.4: a link that is sent to somebody allows nothing by being opened, signed in or not."""
    await sign_in(browser)
    told = await waiting(house, browser)
    for more in ("", "&allow=yes", "&form=device_consent&allow=yes"):
        page = await browser.open(told["verification_uri_complete"] + more)
        assert page.form("device").fields["user_code"] == told["user_code"] and "tv" not in page.text
    assert (await tokens(house, browser, told))["error"] == "authorization_pending"


async def test_getting_changes_nothing(house: House, browser: Browser) -> None:
    """What a form would do, asked for by GET, is not done."""
    page = await sign_in(browser)
    for form in page.forms:
        await browser.open(form.action + "?" + urlencode({**form.fields, "allow": "yes"}))
    page = await browser.open(house.authorize())
    fields = page.form("consent").fields
    assert (await browser.open(house.authorize() + "&" + urlencode({**fields, "allow": "yes"}))).location == ""
    assert len(house.sessions(house.ann)) == 1


async def test_secrets_stay_out_of_addresses_and_logs(
    house: House, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """Passwords, codes and tickets go by POST, come back in no page, and reach no log."""
    page = await browser.open("/account")
    page = await browser.send(page, "sign_in", username="bea", password=PASSWORD)
    ticket = page.form("second_factor").fields["ticket"]
    wrong = await browser.send(page, "second_factor", code="999999")
    assert "999999" not in wrong.html and PASSWORD not in page.html + wrong.html
    code = house.code()
    page = await browser.send(wrong, "second_factor", code=code)
    assert ticket not in page.path + page.html
    said = caplog.text
    assert not [secret for secret in (PASSWORD, "999999", code, ticket) if secret in said]
