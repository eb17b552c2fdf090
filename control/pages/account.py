"""``/account``: what is known of whoever has signed in, which applications they let in, and in which browsers they are
signed in. What can be changed is in ``changes``; each change is a form of its own and comes back here."""

from collections.abc import Mapping

from starlette.responses import Response

from control.identity.oauth.grants import Grant
from control.identity.people import Session

from . import sign_in
from .authorize import scopes
from .shown import LetIn, SignedInBrowser
from .site import Site
from .visit import Visit

NOTICES: Mapping[str, str] = {
    "password": "Your password is changed. You were signed out everywhere else.",
    "second_factor": "The second factor is removed. The password alone signs you in.",
    "session": "That browser is signed out.",
    "sessions": "You are signed out everywhere else.",
    "client": "The application was shut out. What it held counts no more.",
}
"""What is said of a change that was made, by the word that the address has for it."""
_KINDS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox")),
    *(("Chrome/", "Chrome"), ("CriOS/", "Chrome"), ("Safari/", "Safari")),
)
"""In this order: each names those after it, too."""
_SYSTEMS = (
    *(("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows")),
    *(("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux")),
)
FORMS = (
    *("password", "second_factor_begin", "second_factor_confirm", "second_factor_remove"),
    *("session_end", "sessions_end", "client_remove"),
)


def account(site: Site, visit: Visit) -> Response:
    """GET, and the sign-in before it."""
    if not visit.asks:
        return sign_in.take(site, visit)
    session = site.session(visit)
    if session is None:
        return sign_in.form(site, visit)
    return overview(site, visit, session, notice=NOTICES.get(visit.parameter("done"), ""))


def overview(
    site: Site, visit: Visit, session: Session, *, notice: str = "", error: str = "", status: int = 200
) -> Response:
    """The page."""
    person = site.people.users.find(session.person.id) or session.person
    values = {
        "username": person.username,
        "name": person.name,
        "email": person.email,
        "has_second_factor": person.has_second_factor,
        "notice": notice,
        "error": error,
        "browsers": [_browser(one, session) for one in site.people.sessions.of(person.id)],
        "clients": _let_in(site, person.id),
        "tokens": {**{form: site.token(visit, form) for form in FORMS}, "sign_out": site.token(visit, "logout", "")},
    }
    return site.show("account.html", values, status)


def _browser(one: Session, this: Session) -> SignedInBrowser:
    return SignedInBrowser(one.id, kind_of(one.agent), one.address, one.created_at, one.last_seen, one.id == this.id)


def kind_of(agent: str) -> str:
    """What a User-Agent says, in as many words as people use; what is none of these stays as it is."""
    kind = next((says for mark, says in _KINDS if mark in agent), "")
    system = next((says for mark, says in _SYSTEMS if mark in agent), "")
    return f"{kind} on {system}" if kind and system else agent[:100]


def _let_in(site: Site, person_id: str) -> list[LetIn]:
    """Each application once, with all that it was allowed."""
    by_client: dict[str, list[Grant]] = {}
    for grant in site.mesh.grants.let_in(person_id):
        by_client.setdefault(grant.client_id, []).append(grant)
    found = []
    for client_id, grants in by_client.items():
        application = site.mesh.applications.active(client_id)
        names = tuple(dict.fromkeys(name for grant in grants for name in grant.scope.split()))
        services = dict.fromkeys(one for grant in grants for one in grant.audience if one != site.mesh.issuer.url)
        name = client_id if application is None else application.name
        found.append(LetIn(client_id, name, scopes(site, names), tuple(services)))
    return found
