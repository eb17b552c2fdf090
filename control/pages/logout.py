"""``/oauth2/logout``: sign out (OpenID Connect RP-Initiated Logout), and go where the client may send one.

A client that brings an ID token of whoever is signed in has proved that it knows them, and they are signed out at once.
Everybody else may only ask: else any page could sign people out.
"""

from starlette.responses import Response

from control.identity.oauth.authorization import MAX_QUERY
from control.identity.oauth.logout import Farewell

from .site import Site
from .visit import NotShown, Visit


def logout(site: Site, visit: Visit) -> Response:
    """GET and POST. A client may have its request sent by POST (section 2), and then no form of ours is in it."""
    if not visit.asks and visit.which != "logout":
        if len(visit.body) > MAX_QUERY:
            raise NotShown(414, "The application asked for too much at once.")
        return site.go(f"{visit.path}?{visit.body}" if visit.body else visit.path)
    farewell = site.mesh.issuer.logout.look(visit.query)
    if not visit.asks:
        site.check(visit, "logout", visit.query)
        return _ended(site, visit, farewell)
    session = site.session(visit)
    if session is None or session.person.id == farewell.subject:
        return _ended(site, visit, farewell)
    values = {
        "here": visit.here,
        "token": site.token(visit, "logout", visit.query),
        "username": session.person.username,
        "client": farewell.name or "",
        "other": farewell.subject is not None,
    }
    return site.show("logout.html", values, leads_to=farewell.location)


def _ended(site: Site, visit: Visit, farewell: Farewell) -> Response:
    response = site.show("signed_out.html", {}) if farewell.location is None else site.go(farewell.location)
    site.sign_out(visit, response)
    return response
