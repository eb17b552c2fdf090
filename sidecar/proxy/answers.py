"""Responses that are made here and are no refusal: what a route answers itself, where it sends a caller on, and what a
preflight is told.

A redirect goes where the policy says. What a caller adds is the rest of a path that has been normalised, whose every
empty segment is gone, behind a base that has a host or begins with one slash: so ``//evil.test`` never becomes an
authority. A credential that stood in the query does not travel on.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote_plus

from sidecar.authz.decision import Decision
from sidecar.authz.rewrite import joined, rest_of
from sidecar.contract.snapshot import Redirect, Respond, Route
from sidecar.contract.strict import ContractError
from sidecar.http1.fields import Headers

BODILESS = frozenset({204, 304})
"""Statuses whose responses have no body and say nothing of one (RFC 9110 section 6.4.1)."""
_EMPTY = BODILESS | {205}
_LOCATION = re.compile(r"(?:(?i:https?)://[A-Za-z0-9._~%\[\]:-]+(?=[/?#]|\Z)|/(?!/))[!-\[\]-~]*")
"""An absolute URL with a host and without user information, or a path with one slash; no backslash, no control."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response ready to be sent."""

    status: int
    phrase: bytes
    headers: Headers
    body: bytes


def check_answer(route: Route) -> None:
    """ContractError if what ``route`` answers could be read as something else."""
    if route.redirect is not None and not _LOCATION.fullmatch(route.redirect.to):
        raise ContractError("bad_route", f"redirect to {route.redirect.to[:80]!r}: neither an http(s) URL nor a path")
    if route.respond is not None and not re.fullmatch(r"[!-~]+(?:[ \t]+[!-~]+)*|", route.respond.content_type):
        raise ContractError("bad_route", f"content_type {route.respond.content_type[:80]!r} is no header value")


def own_answer(decision: Decision) -> Answer | None:
    """What an allowed request is answered here; None if the service answers."""
    route = decision.route
    if route is None or (route.respond is None and route.redirect is None):
        return None
    return _fixed(route.respond) if route.respond is not None else _elsewhere(decision, route)


def preflight_answer(fields: Headers) -> Answer:
    """204, and what the browser asked (Fetch standard, CORS-preflight fetch)."""
    return Answer(204, b"No Content", fields, b"")


def _fixed(respond: Respond) -> Answer:
    body = b"" if respond.status in _EMPTY else respond.body.encode()
    kind = respond.content_type.encode("ascii") if body else b""
    return Answer(respond.status, _phrase(respond.status), [(b"content-type", kind)] if kind else [], body)


def _elsewhere(decision: Decision, route: Route) -> Answer:
    redirect = route.redirect
    if redirect is None or decision.target is None:
        raise AssertionError("a redirect of nothing")
    status = int(redirect.status)
    return Answer(status, _phrase(status), [(b"location", _location(redirect, decision, route))], b"")


def _location(redirect: Redirect, decision: Decision, route: Route) -> bytes:
    target = decision.target
    if target is None:
        raise AssertionError("a redirect of nothing")
    head, mark, fragment = redirect.to.partition("#")
    base, _, query = head.partition("?")
    if redirect.keep_path:
        segments = [segment for segment in route.path.removesuffix("**").split("/") if segment]
        base = joined(base, rest_of(target, len(segments)))
    credential = decision.credential
    hidden = credential.name if credential is not None and credential.place == "query" else None
    given = "&".join(pair for pair in target.query.split("&") if hidden is None or _name(pair) != hidden)
    query = "&".join(part for part in (query, given) if part)
    return f"{base}{'?' if query else ''}{query}{mark}{fragment}".encode("ascii")


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0])


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
