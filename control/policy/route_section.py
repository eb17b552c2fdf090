"""One route, and what its parts say together: what the shape of each alone cannot tell."""

from collections.abc import Iterator, Sequence
from typing import Any

from sidecar.contract.snapshot import HeaderChanges, RateLimit, Redirect, Requirement, Respond, Route, Source

from .amounts import RateLimitShape, TimeoutsShape
from .findings import Findings
from .problems import Path
from .service_shape import RequestHeadersShape, RequireShape, ResponseHeadersShape, RouteShape

_NO_BODY = (204, 205, 304)


class RouteSection:
    """Reads the routes of one service. ``issuers``: the names that it may use; ``builtin``: the built-in one's, or "";
    ``hosts``: for a route that names none."""

    def __init__(self, findings: Findings, issuers: Sequence[str], builtin: str, hosts: Sequence[str]) -> None:
        self._findings = findings
        self._issuers = tuple(issuers)
        self._builtin = builtin
        self._hosts = tuple(hosts)

    def read(self, shape: RouteShape, path: Path) -> Route:
        """The route at ``path``."""
        issuers = (
            None
            if shape.issuers is None
            else self._findings.known_issuers(shape.issuers, self._issuers, (*path, "issuers"))
        )
        require = requirement(shape.require)
        shadow = None if shape.shadow is None else requirement(shape.shadow)
        timeouts = shape.timeout or TimeoutsShape()
        self._check_access(shape, require, shadow, path)
        self._check_outcome(shape, path)
        for part, asked in (("require", require), ("shadow", shadow or Requirement())):
            self.check_callers(asked.callers, self._issuers if issuers is None else issuers, (*path, part, "callers"))
        return Route(
            path=shape.path,
            methods=None if shape.methods is None else tuple(dict.fromkeys(shape.methods)),
            access=shape.access,
            issuers=issuers,
            require=require,
            timeout_ms=timeouts.response,
            hosts=self._hosts if shape.hosts is None else tuple(dict.fromkeys(shape.hosts)),
            headers=shape.headers,
            query=shape.query,
            credentials=self._credentials(shape, path),
            shadow=shadow,
            rate_limits=tuple(_rate_limit(limit) for limit in shape.rate_limit or ()),
            idle_timeout_ms=timeouts.idle,
            total_timeout_ms=timeouts.total,
            body_bytes=shape.body_limit,
            encoded_slash=shape.encoded_slash,
            rewrite=shape.rewrite,
            respond=_respond(shape),
            redirect=_redirect(shape),
            request_headers=header_changes(self._findings, shape.request_headers, (*path, "request_headers")),
            response_headers=header_changes(self._findings, shape.response_headers, (*path, "response_headers")),
        )

    def check_callers(self, callers: Sequence[str], issuers: Sequence[str], path: Path) -> None:
        """Callers are known by tokens that control issued to them: is that issuer among those that count?"""
        if callers and (not self._builtin or self._builtin not in issuers):
            known = (
                f"add {self._builtin} to issuers" if self._builtin else "the policy has no issuer with builtin: true"
            )
            told = f"callers are known by tokens of the built-in issuer, and none of them counts here: {known}"
            self._findings.problem(path, told)

    def _credentials(self, shape: RouteShape, path: Path) -> tuple[Source, ...]:
        sources = (Source(),) if shape.credentials is None else shape.credentials
        for number, source in enumerate(sources):
            if source.place == "query":
                told = "a credential in a URL ends up in histories and logs (RFC 6750 section 5.3)"
                self._findings.warn((*path, "credentials", number), told)
            if source.kind == "api_key" and not self._builtin:
                told = "API keys are issued by control, and the service takes no issuer with builtin: true"
                self._findings.problem((*path, "credentials", number), told)
        return sources

    def _check_access(self, shape: RouteShape, require: Requirement, shadow: Requirement | None, path: Path) -> None:
        if shape.access == "public" and require != Requirement():
            told = "a public route requires nothing: take away access: public, or require; access: optional asks"
            self._findings.problem((*path, "require"), f"{told} only those who show a credential")
        if "require" in shape.model_fields_set and require == Requirement():
            self._findings.warn((*path, "require"), "asks for nothing: any valid token passes")
        if shadow == Requirement():
            self._findings.problem((*path, "shadow"), "asks for nothing: write what would be required")
        for name in ("require", "shadow"):
            asked: RequireShape | None = getattr(shape, name)
            given = asked.model_fields_set if asked else set()
            for part in ("any_scope", "callers"):
                if part in given and not getattr(asked, part):
                    why = "no scope is one of none" if part == "any_scope" else "nobody is one of none"
                    self._findings.problem((*path, name, part), f"must not be empty: {why}")

    def _check_outcome(self, shape: RouteShape, path: Path) -> None:
        given = [name for name in ("respond", "redirect", "rewrite") if getattr(shape, name) is not None]
        if len(given) > 1:
            told = f"{' and '.join(given)} on one route: a request is answered, sent elsewhere, or passed on"
            self._findings.problem((*path, given[1]), told)
        if not shape.path.endswith("/**"):
            if shape.redirect and shape.redirect.keep_path:
                self._findings.problem((*path, "redirect", "keep_path"), "there is no ** in path that it could keep")
            if shape.rewrite is not None:
                told = "takes the place of what stands before **, and there is no ** in path"
                self._findings.problem((*path, "rewrite"), told)
        if shape.rewrite is not None and "{" in shape.path.removesuffix("**"):
            told = "what {name} matched is lost: the rewrite takes the place of all that stands before **"
            self._findings.warn((*path, "rewrite"), told)
        if shape.respond and shape.respond.body and shape.respond.status in _NO_BODY:
            self._findings.problem((*path, "respond", "body"), f"an answer with {shape.respond.status} has no body")


def requirement(shape: RequireShape) -> Requirement:
    """What ``require`` or ``shadow`` asks."""
    return Requirement(
        tuple(dict.fromkeys(shape.scopes)),
        tuple(dict.fromkeys(shape.any_scope)),
        shape.claims,
        tuple(dict.fromkeys(shape.callers)),
        shape.when,
    )


def header_changes(
    findings: Findings, shape: RequestHeadersShape | ResponseHeadersShape | None, path: Path
) -> HeaderChanges:
    """The changes, names in lower case."""
    if shape is None:
        return HeaderChanges()
    for part in ("remove", "set", "add"):
        names = [str(name).lower() for name in getattr(shape, part)]
        if len(set(names)) != len(names):
            findings.problem((*path, part), "a header stands twice (its case does not count)")
    return HeaderChanges(
        tuple(name.lower() for name in shape.remove), tuple(_pairs(shape.set)), tuple(_pairs(shape.add))
    )


def _pairs(named: Any) -> Iterator[tuple[str, str]]:
    return ((name.lower(), value) for name, value in named.items())


def _rate_limit(shape: RateLimitShape) -> RateLimit:
    by: Any
    by, claim = shape.by
    return RateLimit(shape.requests, shape.per, shape.burst or shape.requests, by, claim)


def _respond(shape: RouteShape) -> Respond | None:
    given = shape.respond
    if given is None:
        return None
    return Respond(given.status, given.body, given.content_type or Respond().content_type)


def _redirect(shape: RouteShape) -> Redirect | None:
    given = shape.redirect
    if given is None:
        return None
    status: Any = str(given.status)  # one of the five that the shape lets through
    return Redirect(given.to, status, given.keep_path)
