"""What routes are handed (the mesh, the fleet, the operator), and the shapes of what they are sent.

A key that no shape knows is an error. Limits are here, so that nothing without a bound reaches the mesh.
"""

from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from control.authority.signing_keys import Algorithm
from control.distribution import PushServer
from control.identity import Operator
from control.issuers.refresher import Refresher
from control.mesh import Mesh
from control.mesh.join_tokens import MAX_LIFETIME_S, MAX_USES

from .access import operator_of

MAX_NUMBER = 2**53 - 1


# Coroutines, none of which waits: FastAPI calls a plain function in a thread, for which each request would wait.
async def _mesh(request: Request) -> Mesh:
    mesh: Mesh = request.app.state.mesh
    return mesh


async def _fleet(request: Request) -> PushServer:
    fleet: PushServer = request.app.state.fleet
    return fleet


async def _refresher(request: Request) -> Refresher:
    refresher: Refresher = request.app.state.refresher
    return refresher


async def _actor(request: Request) -> str:
    return operator_of(request).name


TheMesh = Annotated[Mesh, Depends(_mesh)]
TheFleet = Annotated[PushServer, Depends(_fleet)]
TheRefresher = Annotated[Refresher, Depends(_refresher)]
Actor = Annotated[str, Depends(_actor)]
"""Who asks, by name: for the audit trail."""
TheOperator = Annotated[Operator, Depends(operator_of)]
VersionNumber = Annotated[int, Path(ge=1, le=MAX_NUMBER)]
Key = Annotated[str, Path(min_length=1, max_length=200)]
"""How one thing is named in a path: its name or its id."""

Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[list[Name], Field(max_length=200)]
Instant = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
"""Unix seconds."""
Lifetime = Annotated[int, Field(ge=1, le=366 * 86400)]
"""Seconds."""
KeyLifetime = Annotated[int, Field(ge=1, le=10 * 366 * 86400)]


def ends_at(mesh: Mesh, lifetime_s: int | None) -> int | None:
    """When what lives so long from now is over; None: never."""
    return None if lifetime_s is None else int(mesh.now()) + lifetime_s


class Given(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", strict=True)


def shown_as(example: dict[str, Any]) -> ConfigDict:
    """With that example in the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": [example]})


_SMALL = "trust_domain: shop.test\nissuers: {own: {builtin: true}}\nservices: {orders: {routes: [{path: /**}]}}\n"


class PolicyGiven(Given):
    """A policy with what it refers to: ``files`` it names, ``env`` for its ``${NAME}``."""

    model_config = shown_as({"source": _SMALL})

    source: Annotated[str, Field(max_length=1024 * 1024)]
    files: Annotated[dict[Name, str], Field(max_length=200)] = {}
    env: Annotated[dict[Name, str], Field(max_length=500)] = {}


class PushGiven(PolicyGiven):
    """A policy to put in force."""

    model_config = shown_as({"source": _SMALL, "note": "first"})

    note: Annotated[str, Field(max_length=500)] = ""


class ExplainGiven(Given):
    """A request to decide without sending it."""

    model_config = shown_as({"service": "orders", "method": "GET", "path": "/orders/7"})

    service: Name
    method: Annotated[str, Field(min_length=1, max_length=40)]
    path: Annotated[str, Field(min_length=1, max_length=8192)]
    token: Annotated[str, Field(max_length=65536)] | None = None
    headers: Annotated[dict[Name, Annotated[str, Field(max_length=8192)]], Field(max_length=100)] = {}
    host: Annotated[str, Field(max_length=300)] = ""
    address: Annotated[str, Field(max_length=100)] = ""


class JoinTokenGiven(Given):
    """A join token to make. ``uses``: how many replicas may share it."""

    model_config = shown_as({"service": "orders", "uses": 3, "lifetime_s": 3600})

    service: Name
    uses: Annotated[int, Field(ge=1, le=MAX_USES)] = 1
    lifetime_s: Annotated[int, Field(ge=1, le=MAX_LIFETIME_S)] = 3600


class AppGiven(Given):
    """An application to register. ``services`` null: all."""

    model_config = shown_as({"name": "web", "scopes": ["orders:read"], "services": ["orders"]})

    name: Name
    scopes: Names = []
    services: Names | None = None


class AppChange(Given):
    """What to change of an application; what is absent stays."""

    model_config = shown_as({"active": False})

    name: Name | None = None
    scopes: Names | None = None
    services: Names | None = None
    active: bool | None = None


class ApiKeyGiven(Given):
    """An API key to make: for ``subject``, and as ``app`` if one is named. ``lifetime_s`` null: for good."""

    model_config = shown_as({"subject": "ci", "name": "build", "scopes": ["orders:read"], "lifetime_s": 7776000})

    subject: Name | None = None
    app: Name | None = None
    name: Name | None = None
    scopes: Names = []
    lifetime_s: KeyLifetime | None = None


class ApiKeyChange(Given):
    """What to change of an API key; what is absent stays."""

    model_config = shown_as({"scopes": []})

    name: Name | None = None
    scopes: Names | None = None
    lifetime_s: KeyLifetime | None = None


class KidGiven(Given):
    """A key of an outside issuer."""

    model_config = shown_as({"kid": "2026-11"})

    kid: Annotated[str, Field(min_length=1, max_length=1000)]


class TokenGiven(Given):
    """An access token to issue. ``scopes`` and ``services`` null: all that the application has."""

    model_config = shown_as({"app": "web", "scopes": ["orders:read"], "lifetime_s": 900})

    app: Name
    scopes: Names | None = None
    services: Names | None = None
    lifetime_s: Lifetime | None = None


class RotateGiven(Given):
    """A rotation. ``algorithm`` null: as now. ``now``: it signs at once; ``revoke_old``: and no other key counts."""

    model_config = shown_as({"algorithm": "ES256"})

    algorithm: Algorithm | None = None
    now: bool = False
    revoke_old: bool = False


class RevocationGiven(Given):
    """Tokens that shall no longer count. ``before``: issued then or earlier (default: now)."""

    model_config = shown_as({"by": "subject", "value": "ann"})

    by: Literal["jti", "subject", "client", "issuer"]
    value: Annotated[str, Field(max_length=1000)] = ""
    issuer: Name | None = None
    before: Instant | None = None
    until: Instant | None = None
