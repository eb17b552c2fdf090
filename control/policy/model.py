"""A policy that has been read and found sound: a frozen value, in the contract's own nouns where they exist."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.contract.snapshot import Cors, Deny, Forward, Issuer, Route

from .problems import Problem
from .rules import Expectation


@dataclass(frozen=True, slots=True)
class PolicyIssuer:
    """``outside`` is None for the built-in issuer. An issuer with ``secret_name`` has no keys yet: control's
    environment holds the secret of that name when a snapshot is compiled. Nor has one that is ``fetched``: control
    gets its keys from ``jwks_url`` or, with ``discovery``, from where ``issuer``'s own metadata says (OpenID Connect
    Discovery 1.0 section 4); over plain http only with ``allow_http``. ``preset``: the provider, or ""."""

    name: str
    leeway_s: int
    outside: Issuer | None = None
    secret_name: str | None = None
    jwks_url: str | None = None
    discovery: bool = False
    allow_http: bool = False
    preset: str = ""
    max_lifetime_s: int | None = None
    line: int = field(default=0, compare=False)

    @property
    def builtin(self) -> bool:
        """Does control issue these tokens itself?"""
        return self.outside is None

    @property
    def fetched(self) -> bool:
        """Does control get its keys over the network?"""
        return self.discovery or self.jwks_url is not None

    @property
    def keys_from(self) -> str:
        """The name under which fetched keys are handed to ``compile_snapshot``: the key set's URL, else the issuer."""
        return self.jwks_url or self.issuer

    @property
    def keys_source(self) -> str:
        """Where its keys come from, for people."""
        if self.builtin:
            return "control"
        where = self.jwks_url or ("discovery" if self.discovery else f"secret {self.secret_name}")
        known = self.fetched or self.secret_name
        return where + (" (plain http allowed)" if self.allow_http else "") if known else "the policy"

    @property
    def issuer(self) -> str:
        """The ``iss`` of its tokens; "" for the built-in issuer, whose URL is control's own."""
        return self.outside.issuer if self.outside else ""


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """One service. ``issuers`` are names; ``lines`` has a line for each route, ``deny_lines`` for each deny rule.
    ``metadata``: its sidecar says where tokens for it come from."""

    name: str
    issuers: tuple[str, ...]
    routes: tuple[Route, ...]
    forward: Forward = Forward()  # noqa: RUF009  # frozen
    deny: tuple[Deny, ...] = ()
    cors: Cors | None = None
    line: int = field(default=0, compare=False)
    lines: tuple[int, ...] = field(default=(), compare=False)
    deny_lines: tuple[int, ...] = field(default=(), compare=False)
    metadata: bool = False

    @property
    def callers_at(self) -> tuple[tuple[str, int, int, tuple[str, ...]], ...]:
        """("routes" or "deny", the rule's number, its line, its callers), for the rules that name some."""
        named = [
            ("routes", n, (*r.require.callers, *(r.shadow.callers if r.shadow else ())))
            for n, r in enumerate(self.routes)
        ]
        named += [("deny", n, rule.callers) for n, rule in enumerate(self.deny)]
        lines = {"routes": self.lines, "deny": self.deny_lines}
        return tuple(
            (part, n, lines[part][n] if lines[part] else self.line, names) for part, n, names in named if names
        )

    @property
    def callers(self) -> tuple[str, ...]:
        """Every caller that some rule names, once each."""
        return tuple(dict.fromkeys(name for *_, names in self.callers_at for name in names))


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """One of the file's own tests. ``claims`` None is an anonymous call; ``issuer`` is then "". ``caller``: it is
    that workload's own token. ``shadow``: what shadow rules must have said; None if it does not matter."""

    name: str
    service: str
    method: str
    path: str
    expect: Expectation
    issuer: str = ""
    claims: Mapping[str, Any] | None = None
    expires_in_ms: int | None = None
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    address: str = ""
    caller: str = ""
    shadow: tuple[str, ...] | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy. ``warnings`` are what is allowed and yet probably not meant."""

    trust_domain: str
    issuers: tuple[PolicyIssuer, ...] = ()
    services: tuple[ServicePolicy, ...] = ()
    tests: tuple[PolicyTest, ...] = ()
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    name: str = field(default="policy.yaml", compare=False)

    def service(self, name: str) -> ServicePolicy | None:
        """The service of that name, if the policy speaks of it."""
        return next((service for service in self.services if service.name == name), None)

    def issuer(self, name: str) -> PolicyIssuer | None:
        """The issuer of that name."""
        return next((issuer for issuer in self.issuers if issuer.name == name), None)

    @property
    def service_names(self) -> tuple[str, ...]:
        """Every service, in the order of the file."""
        return tuple(service.name for service in self.services)

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The environment variables that hold shared secrets."""
        return tuple(sorted({issuer.secret_name for issuer in self.issuers if issuer.secret_name}))
