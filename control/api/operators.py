"""Operators, and who one is. A credential's text is in an answer once, when it is made."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from control.identity import Operator, Role
from control.identity.roles import SCOPES

from .access import ANY, needs
from .given import Actor, Given, Key, KeyLifetime, Name, TheMesh, TheOperator, shown_as
from .paging import Page, Paging
from .preconditions import IfMatch, tag_of

router = APIRouter(prefix="/v1", tags=["operators"])

OperatorScopes = Annotated[list[Annotated[str, Field(json_schema_extra={"enum": list(SCOPES)})]], Field(min_length=1)]


class OperatorGiven(Given):
    """An operator to let in. ``scopes`` null: all that the role allows; ``lifetime_s`` null: for good."""

    model_config = shown_as({"name": "ci", "role": "editor", "scopes": ["policy:write"], "lifetime_s": 2592000})

    name: Name
    role: Annotated[Role, Field(strict=False)]
    scopes: Annotated[OperatorScopes, Field(max_length=50)] | None = None
    lifetime_s: KeyLifetime | None = None


class RenewalGiven(Given):
    """A new credential. ``lifetime_s`` null: it expires when the old one would have."""

    model_config = shown_as({"lifetime_s": 2592000})

    lifetime_s: KeyLifetime | None = None


class OperatorList(Page):
    """Operators, without credentials."""

    operators: list[Operator]


class OperatorMade(BaseModel):
    """An operator with the credential, which is shown this once. ``scopes`` null: all that the role allows;
    ``expires_at`` null: never."""

    id: str
    name: str
    role: Role
    scopes: list[str] | None
    expires_at: int | None
    created_at: int
    revoked: bool
    credential: str


@router.get("/whoami", dependencies=[needs(Role.VIEWER, ANY)])
def who_am_i(operator: TheOperator) -> Operator:
    """Whose credential this is, and what it allows."""
    return operator


@router.get("/operators", dependencies=[needs(Role.OPERATOR, "operators:read")])
def list_operators(mesh: TheMesh, paging: Paging) -> OperatorList:
    """Everyone whose credential was not removed, expired ones too; oldest first."""
    page, following = paging.of(mesh.operators.list(revoked=False), lambda one: (one.created_at, one.id))
    return OperatorList(operators=page, next=following)


@router.post("/operators", status_code=HTTP_201_CREATED, dependencies=[needs(Role.OPERATOR, "operators:write")])
def create_operator(
    given: OperatorGiven, mesh: TheMesh, actor: Actor, giver: TheOperator, response: Response
) -> OperatorMade:
    """Lets someone in. The answer holds the credential, which is shown this once. A credential that is narrowed to
    scopes can give no more than these."""
    made, text = mesh.operators.create(
        given.name, actor, role=given.role, scopes=given.scopes, lifetime_s=given.lifetime_s, giver=giver
    )
    response.headers["ETag"], response.headers["Location"] = tag_of(made), f"/v1/operators/{made.id}"
    return OperatorMade(**asdict(made), credential=text)


@router.get("/operators/{key}", dependencies=[needs(Role.OPERATOR, "operators:read")])
def get_operator(key: Key, mesh: TheMesh, response: Response) -> Operator:
    """One of them, by name or id."""
    found = mesh.operators.get(key)
    response.headers["ETag"] = tag_of(found)
    return found


@router.delete(
    "/operators/{key}",
    status_code=HTTP_204_NO_CONTENT,
    dependencies=[needs(Role.OPERATOR, "operators:write")],
)
def remove_operator(key: Key, mesh: TheMesh, actor: Actor, giver: TheOperator, if_match: IfMatch) -> None:
    """The credential ends at once. 409 for the last one that may do everything, and for the one that control was
    started with, which would be back at the next start."""
    mesh.operators.revoke(key, actor, giver=giver, holds=if_match.holds)


@router.post("/operators/{key}/credential", dependencies=[needs(Role.OPERATOR, "operators:write")])
def rotate_operator(
    key: Key,
    mesh: TheMesh,
    actor: Actor,
    giver: TheOperator,
    if_match: IfMatch,
    response: Response,
    given: RenewalGiven | None = None,
) -> OperatorMade:
    """A new credential for the same name, role and scopes, under a new id; the old one ends at once."""
    lifetime_s = None if given is None else given.lifetime_s
    made, text = mesh.operators.rotate(key, actor, lifetime_s=lifetime_s, giver=giver, holds=if_match.holds)
    response.headers["ETag"] = tag_of(made)
    return OperatorMade(**asdict(made), credential=text)
