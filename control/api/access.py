"""What each endpoint asks of the credential: ``dependencies=[needs(Role.EDITOR, "policy:write")]``, and nowhere else.

The OpenAPI document shows it as the endpoint's security requirement. ``check`` refuses an application with an endpoint
of the admin API that says nothing.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.params import Security as SecurityParam
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer, SecurityScopes

from control.identity import Operator, Role
from control.identity.roles import SCOPES, covers, suffices

from .gate import is_guarded
from .problems import Refusal

SCHEME = "operator"
_bearer = HTTPBearer(
    scheme_name=SCHEME,
    bearerFormat="sgo_...",
    description="The credential of an operator. A requirement names the role that it needs and, for credentials that "
    "are narrowed to scopes, the scope.",
    auto_error=False,
)


def operator_of(request: Request) -> Operator:
    """Who asks; the gate has found out."""
    operator: Operator = request.state.operator
    return operator


def _admit(request: Request, needed: SecurityScopes, _shown: Annotated[Any, Depends(_bearer)] = None) -> None:
    role, scope = needed.scopes
    operator = operator_of(request)
    if not suffices(operator.role, Role(role)):
        raise Refusal(403, f"This needs the role {role}, and {operator.name}'s credential has {operator.role}.")
    if scope != ANY and not covers(operator.scopes, scope):
        raise Refusal(403, f"This needs the scope {scope}, and {operator.name}'s credential is narrowed to others.")


ANY = "any"
"""For what every credential may ask."""


def needs(role: Role, scope: str) -> SecurityParam:
    """The requirement of one endpoint."""
    if scope != ANY and scope not in SCOPES:
        raise ValueError(f"{scope} is no scope")
    requirement: SecurityParam = Security(_admit, scopes=[str(role), scope])
    return requirement


def requirement_of(route: APIRoute) -> tuple[str, ...]:
    """The role and the scope that ``route`` needs; () if it says nothing."""
    for one in route.dependencies:
        if isinstance(one, SecurityParam) and one.dependency is _admit:
            return tuple(one.scopes or ())
    return ()


def check(routes: Iterable[Any]) -> None:
    """A ValueError if an endpoint of the admin API does not say what it needs."""
    for route in routes:
        if isinstance(route, APIRoute) and is_guarded(route.path) and not requirement_of(route):
            raise ValueError(f"{route.path}: {route.name} does not say what role it needs: see control/api/access.py")
