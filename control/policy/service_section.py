"""The ``services`` section: routes in their order, what is denied before them, and what reaches the service."""

from collections.abc import Mapping, Sequence

from sidecar.contract.snapshot import Cors, Deny, Forward, Route
from sidecar.contract.strict import ContractError

from .conditions import condition_faults
from .evasion import evasions
from .fields import plain
from .findings import Findings
from .foreign import foreign_paths
from .model import ServicePolicy
from .problems import Path
from .route_section import RouteSection, header_changes
from .service_shape import CorsShape, DenyShape, ForwardShape, ServiceShape
from .shadow import denied_routes, deny_shadows, shadows

MAX_ROUTES = 10_000
MAX_DENY = 1000


class ServiceSection:
    """Reads the section; ``issuers`` are the names that it may use, ``builtin`` that of the built-in one, or ""."""

    def __init__(self, findings: Findings, issuers: Sequence[str], builtin: str = "") -> None:
        self._findings = findings
        self._issuers = tuple(issuers)
        self._builtin = builtin

    def read(self, shapes: Mapping[str, ServiceShape]) -> tuple[ServicePolicy, ...]:
        """The services, in the order of the file."""
        return tuple(self._service(name, shape) for name, shape in shapes.items())

    def _service(self, name: str, shape: ServiceShape) -> ServicePolicy:
        path: Path = ("services", name)
        known = self._issuers
        issuers = (
            known if shape.issuers is None else self._findings.known_issuers(shape.issuers, known, (*path, "issuers"))
        )
        for part, most in (("routes", MAX_ROUTES), ("deny", MAX_DENY)):
            if len(getattr(shape, part)) > most:
                self._findings.problem((*path, part), f"more than {most}")
        section = RouteSection(
            self._findings, issuers, self._builtin if self._builtin in issuers else "", shape.hosts or ()
        )
        routes = tuple(section.read(route, (*path, "routes", number)) for number, route in enumerate(shape.routes))
        deny = tuple(
            self._deny(section, rule, issuers, (*path, "deny", number)) for number, rule in enumerate(shape.deny)
        )
        self._warn(issuers, routes, deny, path)
        forward = self._forward(shape.forward, (*path, "forward"))
        self._check_claim_headers(forward, routes, path)
        return ServicePolicy(
            name,
            issuers,
            routes,
            forward,
            deny,
            None if shape.cors is None else self._cors(shape.cors, (*path, "cors")),
            self._findings.line(path),
            tuple(self._findings.line((*path, "routes", number)) for number in range(len(routes))),
            tuple(self._findings.line((*path, "deny", number)) for number in range(len(deny))),
            shape.metadata,
        )

    def _warn(self, issuers: tuple[str, ...], routes: tuple[Route, ...], deny: tuple[Deny, ...], path: Path) -> None:
        for number, told in (*shadows(routes), *evasions(routes), *denied_routes(routes, deny)):
            self._findings.warn((*path, "routes", number), told)
        for where, told in foreign_paths(routes, deny):
            self._findings.warn((*path, *where), told)
        for where, told, odd in condition_faults(routes, deny):
            tell = self._findings.warn if odd else self._findings.problem
            tell((*path, *where), told)
        names = [rule.name for rule in deny]
        for number, name in enumerate(names):
            if name in names[:number]:
                self._findings.problem((*path, "deny", number, "name"), f"a second rule named {name}")
        for number, told in deny_shadows(deny):
            self._findings.warn((*path, "deny", number), told)
        if not routes:
            self._findings.warn((*path, "routes"), "no route: every request is answered 404")
        guarded = next((number for number, route in enumerate(routes) if route.access == "token"), None)
        if guarded is not None and not issuers:
            told = "needs a token, and the service has no issuer: nobody can pass"
            self._findings.warn((*path, "routes", guarded), told)

    def _check_claim_headers(self, forward: Forward, routes: Sequence[Route], path: Path) -> None:
        taken = {plain(name): name for name, _ in forward.claims}
        rules = [(forward.request_headers, (*path, "forward", "request_headers"))]
        rules += [(r.request_headers, (*path, "routes", n, "request_headers")) for n, r in enumerate(routes)]
        for changes, where in rules if taken else ():
            for name in (*changes.remove, *(name for name, _ in (*changes.set, *changes.add))):
                if plain(name) in taken:
                    told = f"{name} is filled from the claims by forward.headers, and nothing else may change it"
                    self._findings.problem(where, told)

    def _deny(self, section: RouteSection, shape: DenyShape, issuers: tuple[str, ...], path: Path) -> Deny:
        if not shape.model_fields_set - {"name", "shadow"}:
            told = "names nothing, and would deny every request: if that is meant, write path: /**"
            self._findings.problem(path, told)
        section.check_callers(shape.callers, issuers, (*path, "callers"))
        return Deny(
            name=shape.name,
            path=shape.path or "/**",
            methods=None if shape.methods is None else tuple(dict.fromkeys(shape.methods)),
            hosts=tuple(dict.fromkeys(shape.hosts or ())),
            headers=shape.headers,
            query=shape.query,
            claims=shape.claims,
            callers=tuple(dict.fromkeys(shape.callers)),
            addresses=tuple(dict.fromkeys(shape.addresses)),
            when=shape.when,
            shadow=shape.shadow,
        )

    def _cors(self, shape: CorsShape, path: Path) -> Cors | None:
        usual = Cors(("*",))
        for number, origin in enumerate(shape.origins):
            if "*." in origin and "." not in origin.partition("*.")[2]:
                told = f"{origin}: what stands behind '*' belongs to everybody, so that any site may read the answers"
                self._findings.warn((*path, "origins", number), told)
        try:
            return Cors(
                tuple(dict.fromkeys(shape.origins)),
                tuple(dict.fromkeys(shape.methods or ())),
                usual.headers if shape.headers is None else tuple(dict.fromkeys(shape.headers)),
                tuple(dict.fromkeys(shape.expose)),
                shape.credentials,
                usual.max_age_s if shape.max_age is None else shape.max_age,
            )
        except ContractError as error:
            self._findings.problem((*path, "credentials"), str(error))
            return None

    def _forward(self, shape: ForwardShape, path: Path) -> Forward:
        headers = shape.headers
        if len({header.lower() for header in headers}) != len(headers):
            self._findings.problem((*path, "headers"), "a header stands twice (their case does not count)")
        return Forward(
            tuple(headers.items()),
            shape.token,
            header_changes(self._findings, shape.request_headers, (*path, "request_headers")),
            header_changes(self._findings, shape.response_headers, (*path, "response_headers")),
        )
