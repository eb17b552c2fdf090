"""Applications, and tokens issued to them by an operator's hand. A secret is in an answer once, when it is made."""

from dataclasses import asdict
from typing import cast

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from control.identity import Application, IssuedToken, Role
from control.identity.applications import ApplicationChanges

from .access import needs
from .given import Actor, AppChange, AppGiven, Key, TheMesh, TokenGiven
from .paging import Page, Paging
from .preconditions import IfMatch, tag_of

router = APIRouter(prefix="/v1", tags=["identity"])


class Apps(Page):
    """Applications, without secrets."""

    apps: list[Application]


class AppSecret(BaseModel):
    """An application and its secret, which is shown this once."""

    id: str
    client_id: str
    name: str
    scopes: list[str]
    services: list[str] | None
    active: bool
    created_at: int
    revision: int
    client_secret: str


@router.get("/apps", dependencies=[needs(Role.VIEWER, "identity:read")])
def list_apps(mesh: TheMesh, paging: Paging) -> Apps:
    """Every application, by name, without secrets."""
    page, following = paging.of(mesh.applications.list(), lambda app: (app.name,))
    return Apps(apps=page, next=following)


@router.post("/apps", status_code=HTTP_201_CREATED, dependencies=[needs(Role.EDITOR, "identity:write")])
def create_app(given: AppGiven, mesh: TheMesh, actor: Actor, response: Response) -> AppSecret:
    """Registers an application. The answer holds its secret, which is shown this once."""
    app, secret = mesh.applications.create(given.name, actor, scopes=given.scopes, services=given.services)
    response.headers["ETag"], response.headers["Location"] = tag_of(app), f"/v1/apps/{app.id}"
    return AppSecret(**asdict(app), client_secret=secret)


@router.get("/apps/{key}", dependencies=[needs(Role.VIEWER, "identity:read")])
def get_app(key: Key, mesh: TheMesh, response: Response) -> Application:
    """One application, by name, id or client_id."""
    found = mesh.applications.get(key)
    response.headers["ETag"] = tag_of(found)
    return found


@router.patch("/apps/{key}", dependencies=[needs(Role.EDITOR, "identity:write")])
def update_app(
    key: Key, given: AppChange, mesh: TheMesh, actor: Actor, if_match: IfMatch, response: Response
) -> Application:
    """Changes what is given. ``services: null`` means all services. Turned off, it gets no more tokens, and every
    sidecar refuses those it has, also when it is turned on again."""
    said = given.model_dump(exclude_unset=True)
    changes = {name: value for name, value in said.items() if value is not None or name == "services"}
    changed = mesh.applications.update(key, actor, holds=if_match.holds, **cast("ApplicationChanges", changes))
    response.headers["ETag"] = tag_of(changed)
    return changed


@router.delete("/apps/{key}", status_code=HTTP_204_NO_CONTENT, dependencies=[needs(Role.EDITOR, "identity:write")])
def remove_app(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch) -> None:
    """Removes it: it gets no more tokens, and every sidecar refuses those it has."""
    mesh.applications.remove(key, actor, holds=if_match.holds)


@router.post("/apps/{key}/secret", dependencies=[needs(Role.EDITOR, "identity:write")])
def rotate_secret(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch, response: Response) -> AppSecret:
    """A new secret in place of all that it has; the tokens that came by them are refused by every sidecar."""
    app, secret = mesh.applications.rotate_secret(key, actor, holds=if_match.holds)
    response.headers["ETag"] = tag_of(app)
    return AppSecret(**asdict(app), client_secret=secret)


@router.post(
    "/tokens",
    status_code=HTTP_201_CREATED,
    dependencies=[needs(Role.EDITOR, "identity:write")],
    responses={
        404: {"description": "There is no such application, or no policy yet."},
        409: {"description": "The application is turned off."},
    },
)
def issue_token(given: TokenGiven, mesh: TheMesh, actor: Actor) -> IssuedToken:
    """An access token for an application, without its secret."""
    return mesh.issue(given.app, actor, scopes=given.scopes, services=given.services, lifetime_s=given.lifetime_s)
