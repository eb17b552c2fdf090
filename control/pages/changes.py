"""What ``/account`` can change: the password, the second factor, sessions, and which applications are let in.

Each is a form with a token of its own. What would keep the rightful person out, if another sat before their browser,
asks for the password again, or for a sign-in that is not old.
"""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import segno
from markupsafe import Markup
from starlette.responses import Response

from control.errors import ControlError
from control.identity.people import Session, SignedIn, TooManyTries

from . import sign_in
from .account import overview
from .site import Site
from .visit import NotShown, Visit

RECENT_S = 15 * 60
MAX_CHARS = 1000
NOT_TWICE = "The two new passwords are not the same."
BACK = "/account"

Change = Callable[[Site, Visit, Session], Response]


def changes(site: Site, visit: Visit) -> Response:
    """POST ``/account``, but for signing in."""
    change = _CHANGES.get(visit.which)
    if change is None:
        raise NotShown(400, "There is no such form here.")
    session = site.session(visit)
    if session is None:
        return site.go(BACK)
    site.check(visit, visit.which)
    try:
        return change(site, visit, session)
    except TooManyTries as error:
        raise NotShown(429, str(error), wait_s=error.retry_after_s) from None
    except ControlError as error:
        if visit.which == "second_factor_confirm":
            return _enrolment(site, visit, session, error=str(error))
        return overview(site, visit, session, error=str(error), status=422)


def _password(site: Site, visit: Visit, session: Session) -> Response:
    new, again = _text(visit, "new"), _text(visit, "again")
    if new != again:
        return overview(site, visit, session, error=NOT_TWICE, status=422)
    site.people.passwords.change(session.person.id, _text(visit, "old"), new)
    person = site.people.users.find(session.person.id) or session.person
    cookie = site.people.sessions.begin(
        SignedIn(person, session.amr, session.auth_time), visit.address, visit.agent
    )  # all of theirs ended, this one too
    response = _done(site, "password")
    site.sign_in(response, cookie)
    return response


def _second_factor_begin(site: Site, visit: Visit, session: Session) -> Response:
    if visit.now - session.auth_time > RECENT_S:
        return sign_in.form(site, visit, username=session.person.username, again=True)
    return _enrolment(site, visit, session)


def _enrolment(site: Site, visit: Visit, session: Session, error: str = "") -> Response:
    """What an authenticator is to be given; after a code that was wrong, only the question for the next."""
    values = {"username": session.person.username, "error": error, "secret": "", "uri": "", "qr": ""}
    if not error:
        made = site.people.second_factors.begin(session.person.id)
        values |= {"secret": made.secret_base32, "uri": made.uri, "qr": qr_code(made.uri)}
    token = site.token(visit, "second_factor_confirm")
    return site.show("second_factor_new.html", {**values, "token": token}, 422 if error else 200)


def _second_factor_confirm(site: Site, visit: Visit, session: Session) -> Response:
    codes = site.people.second_factors.confirm(session.person.id, visit.form.get("code", "")[:100])
    return site.show("recovery_codes.html", {"codes": codes})


def _second_factor_remove(site: Site, visit: Visit, session: Session) -> Response:
    site.people.second_factors.remove(session.person.id, _text(visit, "password"))
    return _done(site, "second_factor")


def _session_end(site: Site, visit: Visit, session: Session) -> Response:
    site.people.sessions.end_one(session.person.id, _id(visit, "session"))
    return _done(site, "session")


def _sessions_end(site: Site, _visit: Visit, session: Session) -> Response:
    site.people.sessions.end_all(session.person.id, but=session.id)
    return _done(site, "sessions")


def _client_remove(site: Site, visit: Visit, session: Session) -> Response:
    site.mesh.grants.take_back(session.person.id, _id(visit, "client"))
    return _done(site, "client")


def _done(site: Site, what: str) -> Response:
    return site.go(f"{BACK}?{urlencode({'done': what})}")


def _id(visit: Visit, name: str) -> str:
    """As one of ours could be."""
    said = visit.form.get(name, "")[:100]
    return said if said.isascii() and said.isprintable() else ""


def _text(visit: Visit, name: str) -> str:
    """A password, as it was typed; one that is far too long stays too long."""
    return visit.form.get(name, "")[: MAX_CHARS + 1]


def qr_code(uri: str) -> Markup:
    """As SVG, dark on light whatever the page's colours are, or no telephone would read it."""
    drawn = segno.make_qr(uri, error="m").svg_inline(scale=5, border=4, dark="#000", light="#fff", omitsize=True)
    return Markup(drawn)  # noqa: S704 - drawn by us; nothing of the text is in it but as squares


_CHANGES: Mapping[str, Change] = {
    "password": _password,
    "second_factor_begin": _second_factor_begin,
    "second_factor_confirm": _second_factor_confirm,
    "second_factor_remove": _second_factor_remove,
    "session_end": _session_end,
    "sessions_end": _sessions_end,
    "client_remove": _client_remove,
}
HASHES = frozenset({"password", "second_factor_remove"})
"""Changes for which a password is hashed."""
