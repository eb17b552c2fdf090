"""Applications, and tokens issued to them by an operator's hand. A secret is in an answer once, when it is made."""

from typing import Any, cast

from fastapi import APIRouter
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from control.identity import Application, IssuedToken, Role
from control.identity.applications import ApplicationChanges

from .access import needs
from .given import Actor, AppChange, AppGiven, Key, TheMesh, TokenGiven
from .preconditions import IfMatch, tag_of

router = APIRouter(prefix="/v1", tags=["identity"])


@router.get("/apps", dependencies=[needs(Role.VIEWER, "identity:read")])
def list_apps(mesh: TheMesh) -> dict[str, list[Application]]:
    """Every application, without secrets."""
    return {"apps": mesh.applications.list()}


@router.post("/apps", status_code=HTTP_201_CREATED, dependencies=[needs(Role.EDITOR, "identity:write")])
def create_app(given: AppGiven, mesh: TheMesh, actor: Actor, response: Response) -> dict[str, Any]:
    """Registers an application. The answer holds its secret, which is shown this once."""
    app, secret = mesh.applications.create(given.name, actor, scopes=given.scopes, services=given.services)
    response.headers["ETag"] = tag_of(app)
    return {**_plain(app), "client_secret": secret}


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
    """Changes what is given. ``services: null`` means all services."""
    said = given.model_dump(exclude_unset=True)
    changes = {name: value for name, value in said.items() if value is not None or name == "services"}
    changed = mesh.applications.update(key, actor, holds=if_match.holds, **cast("ApplicationChanges", changes))
    response.headers["ETag"] = tag_of(changed)
    return changed


@router.delete("/apps/{key}", status_code=HTTP_204_NO_CONTENT, dependencies=[needs(Role.EDITOR, "identity:write")])
def remove_app(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch) -> None:
    """Removes it: it gets no more tokens. Those it has live out their time unless they are revoked."""
    mesh.applications.remove(key, actor, holds=if_match.holds)


@router.post("/apps/{key}/secret", dependencies=[needs(Role.EDITOR, "identity:write")])
def rotate_secret(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch, response: Response) -> dict[str, Any]:
    """A new secret; the old one ends at once."""
    app, secret = mesh.applications.rotate_secret(key, actor, holds=if_match.holds)
    response.headers["ETag"] = tag_of(app)
    return {**_plain(app), "client_secret": secret}


@router.post("/tokens", status_code=HTTP_201_CREATED, dependencies=[needs(Role.EDITOR, "identity:write")])
def issue_token(given: TokenGiven, mesh: TheMesh, actor: Actor) -> IssuedToken:
    """An access token for an application, without its secret."""
    return mesh.issue(given.app, actor, scopes=given.scopes, services=given.services, lifetime_s=given.lifetime_s)


def _plain(app: Application) -> dict[str, Any]:
    return {
        "id": app.id,
        "client_id": app.client_id,
        "name": app.name,
        "scopes": app.scopes,
        "services": app.services,
        "active": app.active,
        "created_at": app.created_at,
    }
