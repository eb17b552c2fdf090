"""Credentials: the secrets of applications, several at a time. A secret is in an answer once, when it is made.

What else proves who somebody is has its own place: API keys are at ``/v1/api-keys``, what operators show at
``/v1/operators``, and people's passwords and second factors nobody sees but they.
"""

from dataclasses import asdict
from typing import Annotated, cast

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from control.identity import Role
from control.identity.application_secrets import MAX_NAME, ApplicationSecret, SecretChanges

from .access import needs
from .given import Actor, Given, Key, KeyLifetime, Name, TheMesh, ends_at, shown_as
from .paging import Page, Paging
from .preconditions import IfMatch, tag_of

router = APIRouter(prefix="/v1/credentials", tags=["identity"])

CredentialName = Annotated[str, Field(max_length=MAX_NAME)]
READ, WRITE = needs(Role.VIEWER, "identity:read"), needs(Role.EDITOR, "identity:write")


class CredentialGiven(Given):
    """One more secret for an application. ``lifetime_s`` null: for good."""

    model_config = shown_as({"app": "web", "name": "spring"})

    app: Name
    name: CredentialName = ""
    lifetime_s: KeyLifetime | None = None


class CredentialChange(Given):
    """What to change of it; what is absent stays. ``lifetime_s`` null: for good."""

    model_config = shown_as({"active": False})

    name: CredentialName | None = None
    active: bool | None = None
    lifetime_s: KeyLifetime | None = None


class CredentialMade(BaseModel):
    """A credential with its secret, which is shown this once."""

    id: str
    client_id: str
    name: str
    active: bool
    expires_at: int | None
    created_at: int
    revision: int
    client_secret: str


class CredentialList(Page):
    """Credentials without secrets, oldest first."""

    credentials: list[ApplicationSecret]


@router.get("", dependencies=[READ], responses={404: {"description": "There is no such application."}})
def list_credentials(
    mesh: TheMesh, paging: Paging, app: Annotated[str | None, Query(min_length=1, max_length=200)] = None
) -> CredentialList:
    """All of them, or those of one application; oldest first, without secrets."""
    client_id = None if app is None else mesh.applications.get(app).client_id
    found = mesh.applications.secrets.list(client_id)
    page, following = paging.of(found, lambda one: (one.created_at, one.id))
    return CredentialList(credentials=page, next=following)


@router.post(
    "",
    status_code=HTTP_201_CREATED,
    dependencies=[WRITE],
    responses={404: {"description": "There is no such application."}},
)
def create_credential(given: CredentialGiven, mesh: TheMesh, actor: Actor, response: Response) -> CredentialMade:
    """One more secret for an application, beside those it has. The answer holds it, this once."""
    client_id = mesh.applications.get(given.app).client_id
    made, text = mesh.applications.secrets.create(
        client_id, actor, name=given.name, expires_at=ends_at(mesh, given.lifetime_s)
    )
    response.headers["ETag"], response.headers["Location"] = tag_of(made), f"/v1/credentials/{made.id}"
    return CredentialMade(**asdict(made), client_secret=text)


@router.get("/{key}", dependencies=[READ])
def get_credential(key: Key, mesh: TheMesh, response: Response) -> ApplicationSecret:
    """One of them, by id."""
    found = mesh.applications.secrets.get(key)
    response.headers["ETag"] = tag_of(found)
    return found


@router.patch("/{key}", dependencies=[WRITE])
def update_credential(
    key: Key, given: CredentialChange, mesh: TheMesh, actor: Actor, if_match: IfMatch, response: Response
) -> ApplicationSecret:
    """Changes what is given; ``lifetime_s`` counts from now. When it is turned off, every sidecar refuses the tokens
    that its application has; who holds another of its secrets gets new ones at once."""
    said = given.model_dump(exclude_unset=True)
    changes = {name: value for name, value in said.items() if value is not None and name != "lifetime_s"}
    if "lifetime_s" in said:
        changes["expires_at"] = ends_at(mesh, said["lifetime_s"])
    changed = mesh.applications.secrets.update(key, actor, holds=if_match.holds, **cast("SecretChanges", changes))
    response.headers["ETag"] = tag_of(changed)
    return changed


@router.delete("/{key}", status_code=HTTP_204_NO_CONTENT, dependencies=[WRITE])
def remove_credential(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch) -> None:
    """It is gone, and if it counted until now, so are the tokens that its application has."""
    mesh.applications.secrets.remove(key, actor, holds=if_match.holds)
