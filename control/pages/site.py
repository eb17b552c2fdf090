"""What every page stands on: who has signed in here, tokens of forms, cookies, and the answer with its headers.

Blocking: a page is made in a thread, from the visit to the answer.
"""

import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import HTMLResponse, RedirectResponse, Response

from control.identity.people import Session
from control.mesh import Mesh

from . import headers
from .browser import FRESH_S, CookieNames, bound, found, is_bound, new_secret
from .templates import Templates
from .visit import NotShown, Visit

BEFORE_SIGN_IN = ("sign_in", "second_factor", "reset")
"""Forms for whoever it is: they are bound to the browser's own secret. All others are bound to a session."""
TITLES = {404: "Not found", 429: "Too many tries", 503: "Not now"}


class Site:
    """The pages of one control. Thread-safe."""

    def __init__(self, mesh: Mesh, templates: Templates, *, over_tls: bool) -> None:
        self.mesh, self.people, self._templates = mesh, mesh.people, templates
        self.cookies = CookieNames(over_tls)

    @property
    def style(self) -> str:
        """The style sheet."""
        return self._templates.style

    def session(self, visit: Visit) -> Session | None:
        """Of this browser, if somebody has signed in."""
        cookie = found(visit.cookies, self.cookies.session)
        return self.people.sessions.find(cookie) if cookie else None

    def token(self, visit: Visit, form: str, *about: str) -> str:
        """For that form, about that, in this browser, in which somebody has signed in."""
        return bound(self._secret(visit, form), form, *about)

    def check(self, visit: Visit, form: str, *about: str) -> None:
        """NotShown 403 unless this form, about that, was shown in this browser."""
        if not is_bound(visit.form.get("token", ""), self._secret(visit, form), form, *about):
            raise NotShown(403, "This page was open for too long, or in another tab. Nothing was done.", again=True)

    def _secret(self, visit: Visit, form: str) -> str:
        return found(visit.cookies, self.cookies.browser if form in BEFORE_SIGN_IN else self.cookies.session)

    def show(self, name: str, values: Mapping[str, Any], status: int = 200, leads_to: str | None = None) -> Response:
        """A page. ``leads_to``: where its forms may lead in the end, if not here."""
        own = {"Content-Security-Policy": headers.policy(leads_to)}
        return HTMLResponse(self._templates.render(name, values), status, {**headers.FIXED, **own})

    def show_form(
        self,
        visit: Visit,
        name: str,
        form: str,
        values: Mapping[str, Any],
        status: int = 200,
        leads_to: str | None = None,
        about: str | None = None,
    ) -> Response:
        """A page with a form for whoever it is, about that (or about where this is); the browser gets a secret to bind
        it to, if it has none."""
        secret = found(visit.cookies, self.cookies.browser) or new_secret()
        token = bound(secret, form, visit.here if about is None else about)
        response = self.show(name, {**values, "token": token, "here": visit.here}, status, leads_to)
        self._set(response, self.cookies.browser, secret)
        return response

    def say(self, visit: Visit, refused: NotShown) -> Response:
        """A sentence instead of the page."""
        title = TITLES.get(refused.status, "This did not work")
        values = {"title": title, "sentence": refused.sentence, "again": visit.here if refused.again else ""}
        response = self.show("message.html", values, refused.status)
        if refused.wait_s > 0:
            response.headers["Retry-After"] = str(math.ceil(refused.wait_s))
        return response

    def go(self, location: str) -> Response:
        """Elsewhere; by GET, whatever came in (RFC 9110 section 15.4.4)."""
        response = RedirectResponse("", 303, headers.FIXED)
        response.headers["Location"] = location  # as it is: what clients registered is compared as text
        return response

    def sign_in(self, response: Response, cookie: str) -> None:
        """From now on the browser has that session."""
        self._set(response, self.cookies.session, cookie)

    def signed_in_for(self, response: Response, cookie: str, visit: Visit) -> None:
        """The session of ``cookie`` began for this very request."""
        self._set(response, self.cookies.fresh, bound(cookie, "fresh", visit.here), FRESH_S)

    def is_fresh(self, visit: Visit, session: Session | None) -> bool:
        """Did they sign in for this very request, and not long ago?"""
        if session is None or visit.now - session.auth_time > FRESH_S:
            return False
        cookie = found(visit.cookies, self.cookies.session)
        return is_bound(found(visit.cookies, self.cookies.fresh), cookie, "fresh", visit.here)

    def is_answered(self, response: Response) -> None:
        """The request that they signed in for is no more."""
        self._forget(response, self.cookies.fresh)

    def sign_out(self, visit: Visit, response: Response) -> None:
        """The session ends, here and in the store."""
        self.people.sessions.end(found(visit.cookies, self.cookies.session))
        self._forget(response, self.cookies.session)
        self._forget(response, self.cookies.fresh)

    def _set(self, response: Response, name: str, value: str, max_age: int | None = None) -> None:
        # Lax: whoever comes from a client's page is signed in still.
        how = {"path": "/", "httponly": True, "samesite": "lax", "secure": self.cookies.over_tls}
        response.set_cookie(name, value, max_age, **how)  # type: ignore[arg-type]

    def _forget(self, response: Response, name: str) -> None:
        response.delete_cookie(name, "/", httponly=True, samesite="lax", secure=self.cookies.over_tls)
