"""``/oauth2/device``: a device without a browser shows a code (RFC 8628). People type it in here, and allow or deny.

A code that a link brings is never looked up by itself: they see it in the form and send it (section 5.4). Those that
are wrong are counted by address (section 5.1).
"""

from starlette.responses import Response

from control.identity.oauth.question import Question
from control.identity.people import Session

from . import sign_in
from .authorize import asked, what
from .site import Site
from .visit import NotShown, Visit

UNKNOWN = "No device waits with this code. Look at the device again: a code is good for ten minutes, once."
MAX_CHARS = 40


def device(site: Site, visit: Visit) -> Response:
    """GET and POST."""
    if not visit.asks and visit.which in sign_in.FORMS:
        return sign_in.take(site, visit)
    session = site.session(visit)
    if session is None:
        return sign_in.form(site, visit)
    if visit.asks:
        return _form(site, visit, session, visit.parameter("user_code"))
    if visit.which == "device":
        return _looked_up(site, visit, session)
    if visit.which == "device_consent":
        return _answered(site, visit, session)
    raise NotShown(400, "There is no such form here.")


def _form(site: Site, visit: Visit, session: Session, code: str, error: str = "", status: int = 200) -> Response:
    values = {"username": session.person.username, "user_code": code[:MAX_CHARS], "error": error}
    return site.show("device.html", {**values, "token": site.token(visit, "device")}, status)


def _looked_up(site: Site, visit: Visit, session: Session) -> Response:
    site.check(visit, "device")
    code = visit.form.get("user_code", "")[:MAX_CHARS]
    question = _question(site, visit, code)
    if question is None:
        return _form(site, visit, session, code, UNKNOWN, 404)
    token = site.token(visit, "device_consent", code, *what(question))
    return site.show("device_consent.html", {**asked(site, question, session), "user_code": code, "token": token})


def _question(site: Site, visit: Visit, code: str) -> Question | None:
    visit.guess(code)
    question = site.mesh.issuer.device_authorization.look(code)
    if question is None:
        visit.tries.failed(code.encode())
    return question


def _answered(site: Site, visit: Visit, session: Session) -> Response:
    code = visit.form.get("user_code", "")[:MAX_CHARS]
    question = _question(site, visit, code)
    if question is None:
        return _form(site, visit, session, "", UNKNOWN, 404)
    site.check(visit, "device_consent", code, *what(question))
    said = [name for name in ("allow", "deny") if name in visit.form]
    if len(said) != 1:
        raise NotShown(400, "The form says neither allow nor deny, or both. Nothing was done.", again=True)
    waiting, allowed = site.mesh.issuer.device_authorization, said == ["allow"]
    if allowed:
        done = waiting.allow(code, session.person.id, session.auth_time)
    else:
        done = waiting.deny(code, session.person.id)
    if not done:
        return _form(site, visit, session, "", UNKNOWN, 404)
    return site.show("device_done.html", {"client": question.name, "allowed": allowed})
