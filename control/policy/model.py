"""A policy that has been read and found sound: a frozen value, in the contract's own nouns where they exist."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.contract.snapshot import Forward, Issuer, Route

from .problems import Problem
from .rules import Expectation


@dataclass(frozen=True, slots=True)
class PolicyIssuer:
    """``outside`` is None for the built-in issuer. An issuer with ``secret_name`` has no keys yet: control's
    environment holds the secret of that name when a snapshot is compiled."""

    name: str
    leeway_s: int
    outside: Issuer | None = None
    secret_name: str | None = None
    line: int = field(default=0, compare=False)

    @property
    def builtin(self) -> bool:
        """Does control issue these tokens itself?"""
        return self.outside is None

    @property
    def issuer(self) -> str:
        """The ``iss`` of its tokens; "" for the built-in issuer, whose URL is control's own."""
        return self.outside.issuer if self.outside else ""


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """One service. ``issuers`` are names; ``lines`` has a line for each route."""

    name: str
    issuers: tuple[str, ...]
    routes: tuple[Route, ...]
    forward: Forward = Forward()  # noqa: RUF009  # frozen
    line: int = field(default=0, compare=False)
    lines: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """One of the file's own tests. ``claims`` None is an anonymous call; ``issuer`` is then ""."""

    name: str
    service: str
    method: str
    path: str
    expect: Expectation
    issuer: str = ""
    claims: Mapping[str, Any] | None = None
    expires_in_ms: int | None = None
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
