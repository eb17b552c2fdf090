"""The ``tests`` section: the file's own expectations, tied to its services and issuers. ``check`` runs them."""

from collections.abc import Sequence

from .findings import Findings
from .model import PolicyTest
from .problems import Path, quoted, suggestion
from .shape import PolicyShape, TestShape


class TestsSection:
    """Reads the section of one policy."""

    __test__ = False  # pytest: not a test class

    def __init__(self, findings: Findings, shape: PolicyShape) -> None:
        self._findings = findings
        self._shape = shape

    def read(self, shapes: Sequence[TestShape]) -> tuple[PolicyTest, ...]:
        """The tests, in the order of the file."""
        return tuple(self._test(number, shape) for number, shape in enumerate(shapes))

    def _test(self, number: int, shape: TestShape) -> PolicyTest:
        path: Path = ("tests", number)
        services = tuple(self._shape.services)
        if shape.service not in services:
            told = f"{quoted(shape.service)} is no service here{suggestion(shape.service, services)}"
            self._findings.problem((*path, "service"), told)
        issuer, claims, expires_in_ms = "", None, None
        if (token := shape.token) is not None:
            issuer = self._issuer_of_test(shape, path)
            claims = dict(token.model_extra or {})
            self._check_caller(shape, path)
            if token.expired and token.expires_in is not None:
                self._findings.problem((*path, "token"), "expired and expires_in say the same thing: write one")
            expires_in_ms = -3_600_000 if token.expired else token.expires_in
        who = "anonymous" if claims is None else f"sub {claims['sub']}" if "sub" in claims else "with a token"
        if token is not None and token.caller:
            who = f"caller {token.caller}"
        return PolicyTest(
            shape.name or f"{shape.service}: {shape.request.method} {shape.request.path} {who}",
            shape.service,
            shape.request.method,
            shape.request.path,
            shape.expect,
            issuer,
            claims,
            expires_in_ms,
            self._host(shape),
            tuple(shape.request.headers.items()),
            shape.request.address or "",
            (token.caller if token else None) or "",
            None if shape.shadow is None else tuple(shape.shadow),
            self._findings.line(path),
        )

    def _host(self, shape: TestShape) -> str:
        """The host that is called: the service's name, or the first of its hosts if that is none of them."""
        service = self._shape.services.get(shape.service)
        hosts = (service.hosts if service else None) or [shape.service]
        usual = shape.service if shape.service in hosts else hosts[0].replace("*", "any", 1)
        return (shape.request.host or usual).lower()

    def _check_caller(self, shape: TestShape, path: Path) -> None:
        token = shape.token
        if token is None or token.caller is None:
            return
        if {"sub", "client_id", "azp"} & set(token.model_extra or {}):
            self._findings.problem((*path, "token"), "caller says whose token it is: leave out sub and client_id")
        issuer = self._shape.issuers.get(token.issuer or "")
        if issuer is not None and not issuer.builtin:
            self._findings.problem((*path, "token", "issuer"), "a caller's own token is the built-in issuer's")

    def _issuer_of_test(self, shape: TestShape, path: Path) -> str:
        named = shape.token.issuer if shape.token else None
        known = tuple(self._shape.issuers)
        builtin = next((name for name, issuer in self._shape.issuers.items() if issuer.builtin), "")
        if named is None and shape.token and shape.token.caller:
            if not builtin:
                self._findings.problem((*path, "token", "caller"), "there is no issuer with builtin: true")
            return builtin
        if named is not None:
            self._findings.known_issuers([named], known, (*path, "token", "issuer"))
            return named
        service = self._shape.services.get(shape.service)
        usual = known if service is None or service.issuers is None else tuple(service.issuers)
        if len(usual) != 1:
            told = f"say whose token it is: issuer: one of {', '.join(usual) or 'none'}"
            self._findings.problem((*path, "token"), told)
            return ""
        return usual[0]
