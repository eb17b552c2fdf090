"""The ``services`` section: routes in their order, and what reaches the service."""

from collections.abc import Mapping, Sequence

from sidecar.contract.snapshot import Forward, Requirement, Route

from .findings import Findings
from .model import ServicePolicy
from .problems import Path
from .shadow import shadows
from .shape import RouteShape, ServiceShape

MAX_ROUTES = 10_000


class ServiceSection:
    """Reads the section; ``issuers`` are the names that it may use."""

    def __init__(self, findings: Findings, issuers: Sequence[str]) -> None:
        self._findings = findings
        self._issuers = tuple(issuers)

    def read(self, shapes: Mapping[str, ServiceShape]) -> tuple[ServicePolicy, ...]:
        """The services, in the order of the file."""
        return tuple(self._service(name, shape) for name, shape in shapes.items())

    def _service(self, name: str, shape: ServiceShape) -> ServicePolicy:
        path: Path = ("services", name)
        known = self._issuers
        issuers = (
            known if shape.issuers is None else self._findings.known_issuers(shape.issuers, known, (*path, "issuers"))
        )
        if len(shape.routes) > MAX_ROUTES:
            self._findings.problem((*path, "routes"), f"more than {MAX_ROUTES} routes")
        routes = tuple(
            self._route(route, issuers, (*path, "routes", number)) for number, route in enumerate(shape.routes)
        )
        for number, told in shadows(routes):
            self._findings.warn((*path, "routes", number), told)
        self._warn_of_dead_ends(issuers, routes, path)
        headers = shape.forward.headers
        if len({header.lower() for header in headers}) != len(headers):
            self._findings.problem((*path, "forward", "headers"), "a header stands twice (their case does not count)")
        return ServicePolicy(
            name,
            issuers,
            routes,
            Forward(tuple(headers.items()), shape.forward.token),
            self._findings.line(path),
            tuple(self._findings.line((*path, "routes", number)) for number in range(len(routes))),
        )

    def _warn_of_dead_ends(self, issuers: tuple[str, ...], routes: tuple[Route, ...], path: Path) -> None:
        if not routes:
            self._findings.warn((*path, "routes"), "no route: every request is answered 404")
        guarded = next((number for number, route in enumerate(routes) if route.access == "token"), None)
        if guarded is not None and not issuers:
            self._findings.warn(
                (*path, "routes", guarded), "needs a token, and the service has no issuer: nobody can pass"
            )

    def _route(self, shape: RouteShape, issuers: tuple[str, ...], path: Path) -> Route:
        require = Requirement(
            tuple(dict.fromkeys(shape.require.scopes)),
            tuple(dict.fromkeys(shape.require.any_scope)),
            shape.require.claims,
        )
        if shape.access == "public" and require != Requirement():
            told = "a public route requires nothing: take away access: public, or require"
            self._findings.problem((*path, "require"), told)
        if "any_scope" in shape.require.model_fields_set and not shape.require.any_scope:
            self._findings.problem((*path, "require", "any_scope"), "must not be empty: no scope is one of none")
        return Route(
            path=shape.path,
            methods=None if shape.methods is None else tuple(dict.fromkeys(shape.methods)),
            access=shape.access,
            issuers=None
            if shape.issuers is None
            else self._findings.known_issuers(shape.issuers, issuers, (*path, "issuers")),
            require=require,
            timeout_ms=shape.timeout,
        )
