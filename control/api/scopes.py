"""Scopes that are described: what people are told who are asked to allow one."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from control.identity import Role
from control.identity.people.scopes import MAX_DESCRIPTION, Scope

from .access import needs
from .given import Actor, Given, Key, Name, TheMesh, shown_as
from .paging import Page, Paging
from .preconditions import IfMatch, tag_of

router = APIRouter(prefix="/v1/scopes", tags=["identity"])

Description = Annotated[str, Field(min_length=1, max_length=MAX_DESCRIPTION)]
READ, WRITE = needs(Role.VIEWER, "identity:read"), needs(Role.EDITOR, "identity:write")


class ScopeGiven(Given):
    """A scope to describe."""

    model_config = shown_as({"name": "orders:read", "description": "See your orders"})

    name: Name
    description: Description


class ScopeChange(Given):
    """What to say of it instead."""

    model_config = shown_as({"description": "See your orders"})

    description: Description


class ScopeList(Page):
    """Scopes that are described, by name."""

    scopes: list[Scope]


@router.get("", dependencies=[READ])
def list_scopes(mesh: TheMesh, paging: Paging) -> ScopeList:
    """Every scope that is described, by name."""
    page, following = paging.of(mesh.people.scopes.list(), lambda scope: (scope.name,))
    return ScopeList(scopes=page, next=following)


@router.post("", status_code=HTTP_201_CREATED, dependencies=[WRITE])
def create_scope(given: ScopeGiven, mesh: TheMesh, actor: Actor, response: Response) -> Scope:
    """Describes one. That gives it to nobody."""
    made = mesh.people.scopes.create(given.name, given.description, actor)
    response.headers["ETag"], response.headers["Location"] = tag_of(made), f"/v1/scopes/{made.id}"
    return made


@router.get("/{key}", dependencies=[READ])
def get_scope(key: Key, mesh: TheMesh, response: Response) -> Scope:
    """One of them, by name or id."""
    found = mesh.people.scopes.get(key)
    response.headers["ETag"] = tag_of(found)
    return found


@router.patch("/{key}", dependencies=[WRITE])
def update_scope(
    key: Key, given: ScopeChange, mesh: TheMesh, actor: Actor, if_match: IfMatch, response: Response
) -> Scope:
    """Describes it otherwise."""
    changed = mesh.people.scopes.update(key, given.description, actor, holds=if_match.holds)
    response.headers["ETag"] = tag_of(changed)
    return changed


@router.delete("/{key}", status_code=HTTP_204_NO_CONTENT, dependencies=[WRITE])
def remove_scope(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch) -> None:
    """It is described no more. 409 while an application may ask for it."""
    mesh.people.scopes.remove(key, actor, holds=if_match.holds)
