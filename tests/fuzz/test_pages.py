"""Whatever a browser, or what says to be one, sends to the pages: a page, or a redirect to here or to the client; never
a fault, and never a yes."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from control.mesh import Mesh
from control.pages import BrokenTemplate, Templates, account, authorize, changes, device, logout, reset
from control.pages.browser import is_bound
from control.pages.site import Site
from control.pages.visit import NotShown, Tries, Visit, form_of, query_of
from tests.control.pages.conftest import BACK, House, furnished, house

__all__ = ["furnished", "house"]

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PAGES = {
    "/oauth2/authorize": authorize.authorize,
    "/oauth2/device": device.device,
    "/oauth2/logout": logout.logout,
    "/account": account.account,
    "/account/": changes.changes,
    "/account/reset": reset.reset,
}
NAMES = st.sampled_from(
    ["form", "token", "allow", "deny", "other", "user_code", "ticket", "code", "link", "new", "again", "old", "session",
     "client", "done", "client_id", "redirect_uri", "prompt", "max_age", "login_hint", "request_uri", "id_token_hint",
     "post_logout_redirect_uri", "state"]
)  # fmt: skip
FORMS = ["sign_in", "second_factor", "consent", "device", "device_consent", "logout", "reset", *changes.HASHES]
VALUES = st.one_of(
    st.sampled_from([*FORMS, "yes", "none", "login", "0", "", "\x00", "é", "\r\nx: y", "https://evil.test/", BACK]),
    st.text(max_size=20).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)),
)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=6)


def site_of(mesh: Mesh) -> Site:
    """The pages without their routes."""
    return Site(mesh, Templates("control.test"), over_tls=True)


def visited(site: Site, method: str, path: str, query: bytes, body: bytes, cookies: dict[str, str]) -> Response:
    """As the application has it."""
    form, text = form_of("application/x-www-form-urlencoded", body) if method == "POST" else ({}, "")
    tries = Tries(lambda _secret: 0.0, lambda _secret: None)
    visit = Visit(method, path, query_of(query), cookies, form, text, "192.0.2.1", "x", site.mesh.now(), tries)
    return PAGES[path](site, visit)


@QUICK
@given(
    method=st.sampled_from(["GET", "POST"]), path=st.sampled_from(sorted(PAGES)), true=st.booleans(),
    query=PAIRS, form=PAIRS, session=st.sampled_from(["", "A" * 40, "x"]),
)  # fmt: skip
def test_any_visit(
    house: House,
    method: str,
    path: str,
    true: bool,
    query: list[tuple[str, str]],
    form: list[tuple[str, str]],
    session: str,
) -> None:
    """Beside a true request, or without one; with any form, which lacks the one token."""
    site = site_of(house.mesh)
    asked = (house.query() + "&" if true else "") + urlencode(query)
    try:
        answer = visited(site, method, path, asked.encode(), urlencode(form).encode(), {site.cookies.session: session})
    except NotShown as refused:
        assert refused.status in (400, 403, 404, 414, 415, 429)
        return
    location = answer.headers.get("location", "")
    assert location == "" or location.startswith((BACK, "/oauth2/", "/account"))
    assert location.isascii() and location.isprintable() and "code=" not in location.partition(BACK)[2]
    assert "sgw_" not in str(answer.raw_headers)
    assert house.sessions(house.ann) == []


@QUICK
@given(query=st.binary(max_size=60), body=st.binary(max_size=60), kind=st.text(max_size=20))
def test_any_bytes(query: bytes, body: bytes, kind: str) -> None:
    """A query becomes one that a header can hold; a body becomes a form or a refusal."""
    assert query_of(query).isascii() and query_of(query).isprintable() and " " not in query_of(query)
    assert query_of(query_of(query).encode()) == query_of(query)
    for said in (kind, "application/x-www-form-urlencoded; charset=utf-8"):
        try:
            fields, text = form_of(said, body)
        except NotShown as refused:
            assert refused.status in (400, 415)
        else:
            assert len(fields) <= 30 and text.isascii() and text.isprintable()


@QUICK
@given(token=st.text(max_size=60).filter(str.isprintable), secret=st.text(alphabet="abc", max_size=3))
def test_any_token(token: str, secret: str) -> None:
    """None of them is the one."""
    assert not is_bound(token, secret, "consent", "x")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["base.html", "consent.html", "sign_in.html", "style.css", "x.html"]),
    content=st.binary(max_size=80),
)
def test_any_template(tmp_path: Path, name: str, content: bytes) -> None:
    """It is used, or it is said what is wrong with it."""
    for old in tmp_path.iterdir():
        old.unlink()
    (tmp_path / name).write_bytes(content)
    try:
        Templates("control.test", tmp_path)
    except BrokenTemplate as error:
        assert name in str(error)
    else:
        assert name == "style.css"


@pytest.mark.parametrize("size", [16_385, 100_000])
def test_too_long(size: int) -> None:
    """Told, and not looked at."""
    with pytest.raises(NotShown):
        query_of(b"x" * size)
