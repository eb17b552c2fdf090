"""``/oauth2/authorize``: a client sends somebody here. They sign in, see what is asked, and allow or deny it.

The query is looked at again at each step, by the issuer; what a form says is which button it was, and nothing else. It
is bound to the session, to the query and to what was shown, so that a yes is a yes to that.
"""

from starlette.responses import Response

from control.identity.oauth.authorization import Refused
from control.identity.oauth.question import Question
from control.identity.people import Session

from . import sign_in
from .headers import source_of
from .shown import Scope
from .site import Site
from .visit import NotShown, Visit

ANSWERS = ("allow", "deny", "other")


def authorize(site: Site, visit: Visit) -> Response:
    """GET and POST. A client may have its request sent by POST (OpenID Connect Core section 3.1.2.1)."""
    if not visit.asks and not visit.query:
        return site.go(f"{visit.path}?{visit.body}")
    try:
        return _asked(site, visit) if visit.asks else _answered(site, visit)
    except Refused as refused:
        if refused.location is None:
            raise NotShown(400, f"The application asked for something that cannot be: {refused.description}.") from None
        response = site.go(refused.location)
        site.is_answered(response)
        return response


def _asked(site: Site, visit: Visit) -> Response:
    session = site.session(visit)
    who = (None, None) if session is None else (session.person.id, session.auth_time)
    fresh = site.is_fresh(visit, session)
    location = site.mesh.authorization.at_once(visit.query, *who, fresh=fresh)
    if location is not None:
        response = site.go(location)
        site.is_answered(response)
        return response
    question = site.mesh.authorization.look(visit.query)
    if session is None or _must_sign_in(site, visit, question, session):
        return sign_in.form(
            site,
            visit,
            client=question.name,
            leads_to=question.redirect_uri,
            username=question.login_hint,
            again=session is not None,
        )
    return _consent(site, visit, question, session)


def _answered(site: Site, visit: Visit) -> Response:
    question = site.mesh.authorization.look(visit.query)
    if visit.which in sign_in.FORMS:
        return sign_in.take(site, visit, client=question.name, leads_to=question.redirect_uri)
    site.check(visit, "consent", visit.query, *what(question))
    said = [name for name in ANSWERS if name in visit.form]
    if len(said) != 1:
        raise NotShown(400, "The form says neither allow nor deny, or both. Nothing was done.", again=True)
    session = site.session(visit)
    if session is None or _must_sign_in(site, visit, question, session):
        return site.go(visit.here)
    if said == ["other"]:
        response = site.go(visit.here)
        site.sign_out(visit, response)
        return response
    if said == ["allow"]:
        fresh = site.is_fresh(visit, session)
        location = site.mesh.authorization.allow(visit.query, session.person.id, session.auth_time, fresh=fresh)
    else:
        location = site.mesh.authorization.deny(visit.query)
    response = site.go(location)
    site.is_answered(response)
    return response


def _must_sign_in(site: Site, visit: Visit, question: Question, session: Session) -> bool:
    return question.must_sign_in(session.auth_time, visit.now) and not site.is_fresh(visit, session)


def _consent(site: Site, visit: Visit, question: Question, session: Session) -> Response:
    values = {
        **asked(site, question, session),
        "here": visit.here,
        "token": site.token(visit, "consent", visit.query, *what(question)),
        "back_to": source_of(question.redirect_uri),
    }
    return site.show("consent.html", values, leads_to=question.redirect_uri)


def asked(site: Site, question: Question, session: Session) -> dict[str, object]:
    """What people are told of a question."""
    return {
        "username": session.person.username,
        "client": question.name,
        "scopes": scopes(site, question.scopes),
        "services": [one for one in question.audience if one != site.mesh.issuer.url],
    }


def scopes(site: Site, names: tuple[str, ...]) -> list[Scope]:
    """Each with what people are told it means."""
    return [Scope(name, says) for name, says in site.people.scopes.describe(names).items()]


def what(question: Question) -> tuple[str, ...]:
    """What a yes is a yes to, as texts that cannot be taken for another's."""
    return (
        question.client_id,
        question.name,
        question.redirect_uri,
        *(f"scope {name}" for name in question.scopes),
        *(f"for {name}" for name in question.audience),
    )
