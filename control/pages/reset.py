"""``/account/reset``: a new password, by the one-time link that an operator gave. Looking at the page does not use the
link up: mail scanners and previews look at everything. Nobody is signed in by it."""

from starlette.responses import Response

from control.errors import ControlError
from control.identity.people import SpentLink

from .changes import NOT_TWICE
from .site import Site
from .visit import NotShown, Visit

SPENT = "This link was used, or is too old. If you have just set a password with it, sign in; if not, ask for another."
MAX_CHARS = 1000


def reset(site: Site, visit: Visit) -> Response:
    """GET and POST."""
    if visit.asks:
        return _form(site, visit, visit.parameter("token")[:MAX_CHARS])
    if visit.which != "reset":
        raise NotShown(400, "There is no such form here.")
    site.check(visit, "reset", visit.form.get("link", ""))
    link, new = visit.form.get("link", "")[:MAX_CHARS], visit.form.get("new", "")[: MAX_CHARS + 1]
    if new != visit.form.get("again", "")[: MAX_CHARS + 1]:
        return _form(site, visit, link, NOT_TWICE)
    visit.guess(link)
    try:
        person = site.people.passwords.reset(link, new)
    except SpentLink:
        visit.tries.failed(link.encode())
        raise NotShown(404, SPENT) from None
    except ControlError as error:
        return _form(site, visit, link, str(error))
    return site.show("reset_done.html", {"username": person.username})


def _form(site: Site, visit: Visit, link: str, error: str = "") -> Response:
    visit.guess(link)
    person = site.people.passwords.reset_subject(link) if link else None
    if person is None:
        visit.tries.failed(link.encode())
        raise NotShown(404, SPENT)
    values = {"username": person.username, "link": link, "error": error}
    return site.show_form(visit, "reset.html", "reset", values, 422 if error else 200, about=link)
