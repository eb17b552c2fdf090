"""Signing in, on whatever page needs to know who is there: a password, then a code.

The forms come back to the page that showed them, with its query, and that page is shown again by GET: nothing that is
sent along says where to go. The session is a new one each time, and one that the browser had ends.
"""

from starlette.responses import Response

from control.errors import Denied
from control.identity.people import NotSignedIn, SecondFactorNeeded, SignedIn, Throttled

from .browser import found
from .site import Site
from .visit import TOO_MANY, NotShown, Visit

FORMS = ("sign_in", "second_factor")
WRONG = "The name or the password is wrong. Try again."
WRONG_CODE = "This code is wrong, or it took too long. Try the next one that your app shows, or begin again."
MAX_CHARS = 1000


def form(
    site: Site,
    visit: Visit,
    *,
    client: str = "",
    leads_to: str | None = None,
    username: str = "",
    error: str = "",
    status: int = 200,
    again: bool = False,
) -> Response:
    """The form. ``client``: for whom; ``username``: whom one expects; ``again``: they have signed in, and are to once
    more."""
    values = {"client": client, "username": username[:MAX_CHARS], "error": error, "again": again}
    return site.show_form(visit, "sign_in.html", "sign_in", values, status, leads_to)


def take(site: Site, visit: Visit, *, client: str = "", leads_to: str | None = None) -> Response:
    """What was typed into one of the two."""
    site.check(visit, visit.which, visit.here)
    if visit.which == "sign_in":
        name, password = visit.form.get("username", "")[:MAX_CHARS], visit.form.get("password", "")[:MAX_CHARS]
        known = site.people.sessions.knew(found(visit.cookies, site.cookies.session), name)
        outcome = site.people.sign_in.password(name, password, visit.address, known)
    else:
        ticket, code = visit.form.get("ticket", ""), visit.form.get("code", "")
        outcome = site.people.sign_in.second_factor(ticket[:MAX_CHARS], code[:100], visit.address)
    match outcome:
        case SignedIn():
            try:
                return _begun(site, visit, outcome)
            except Denied as error:
                return form(site, visit, client=client, leads_to=leads_to, error=str(error), status=401)
        case SecondFactorNeeded():
            return _code_form(site, visit, outcome.ticket, client, leads_to)
        case Throttled():
            raise NotShown(429, TOO_MANY, wait_s=outcome.retry_after_s)
        case NotSignedIn():
            if visit.which == "second_factor":
                return _code_form(site, visit, visit.form.get("ticket", ""), client, leads_to, WRONG_CODE)
            return form(site, visit, client=client, leads_to=leads_to, username=name, error=WRONG, status=401)


def _begun(site: Site, visit: Visit, signed_in: SignedIn) -> Response:
    site.people.sessions.end(found(visit.cookies, site.cookies.session))
    cookie = site.people.sessions.begin(signed_in, visit.address, visit.agent)
    response = site.go(visit.here)
    site.sign_in(response, cookie)
    site.signed_in_for(response, cookie, visit)
    return response


def _code_form(site: Site, visit: Visit, ticket: str, client: str, leads_to: str | None, error: str = "") -> Response:
    values = {"client": client, "ticket": ticket[:MAX_CHARS], "error": error}
    status = 401 if error else 200
    return site.show_form(visit, "second_factor.html", "second_factor", values, status, leads_to)
