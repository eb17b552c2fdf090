"""API keys. A key's text is in an answer once, when it is made."""

import time
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED

from control.errors import Invalid
from control.identity import Role
from control.identity.api_keys import ApiKeyChanges, ApiKeyInfo
from control.mesh import Version

from .access import needs
from .given import Actor, ApiKeyChange, ApiKeyGiven, Key, TheMesh
from .paging import Page, Paging
from .preconditions import IfMatch, tag_of

router = APIRouter(prefix="/v1/api-keys", tags=["identity"])


class ApiKeyList(Page):
    """API keys, without secrets."""

    api_keys: list[ApiKeyInfo]


class ApiKeyChanged(BaseModel):
    """An API key, and the version that tells the sidecars. ``expires_at`` 0: never."""

    id: str
    name: str
    subject: str
    client_id: str
    scopes: list[str]
    expires_at: int
    created_at: int
    version: int


class ApiKeyMade(ApiKeyChanged):
    """An API key with its text, which is shown this once. ``counts``: whether the policy in force takes it anywhere."""

    key: str
    counts: bool


@router.get("", dependencies=[needs(Role.VIEWER, "identity:read")])
def list_api_keys(
    mesh: TheMesh, paging: Paging, subject: Annotated[str | None, Query(max_length=200)] = None
) -> ApiKeyList:
    """Every key, by name, or those of a subject; without secrets."""
    found = [key for key in mesh.api_keys.list() if subject in (None, key.subject)]
    page, following = paging.of(found, lambda key: (key.name,))
    return ApiKeyList(api_keys=page, next=following)


@router.post(
    "",
    status_code=HTTP_201_CREATED,
    dependencies=[needs(Role.EDITOR, "identity:write")],
    responses={404: {"description": "There is no such application."}},
)
def create_api_key(given: ApiKeyGiven, mesh: TheMesh, actor: Actor, response: Response) -> ApiKeyMade:
    """Makes a key. The answer holds its text, which is shown this once. ``counts`` is false if the policy in force has
    no built-in issuer, or no route that takes API keys. Without ``subject`` it is the application's own."""
    subject = given.subject
    if subject is None:
        if given.app is None:
            raise Invalid("a key is for a subject, an application or both")
        subject = mesh.applications.get(given.app).client_id
    info, text, version = mesh.api_keys.create(
        subject,
        actor,
        name=given.name,
        application=given.app,
        scopes=given.scopes,
        expires_at=_expires_at(given.lifetime_s),
    )
    response.headers["ETag"], response.headers["Location"] = tag_of(info), f"/v1/api-keys/{info.id}"
    counts = mesh.api_keys.counts_somewhere()
    return ApiKeyMade(**asdict(info), key=text, version=version.version, counts=counts)


@router.get("/{key}", dependencies=[needs(Role.VIEWER, "identity:read")])
def get_api_key(key: Key, mesh: TheMesh, response: Response) -> ApiKeyInfo:
    """One key, by name or id."""
    found = mesh.api_keys.get(key)
    response.headers["ETag"] = tag_of(found)
    return found


@router.patch("/{key}", dependencies=[needs(Role.EDITOR, "identity:write")])
def update_api_key(
    key: Key, given: ApiKeyChange, mesh: TheMesh, actor: Actor, if_match: IfMatch, response: Response
) -> ApiKeyChanged:
    """Changes what is given. ``lifetime_s`` counts from now; null means for good."""
    said = given.model_dump(exclude_unset=True)
    changes: ApiKeyChanges = {}
    if said.get("name") is not None:
        changes["name"] = said["name"]
    if said.get("scopes") is not None:
        changes["scopes"] = said["scopes"]
    if "lifetime_s" in said:
        changes["expires_at"] = _expires_at(said["lifetime_s"])
    info, version = mesh.api_keys.update(key, actor, changes, holds=if_match.holds)
    response.headers["ETag"] = tag_of(info)
    return ApiKeyChanged(**asdict(info), version=version.version)


@router.delete("/{key}", dependencies=[needs(Role.EDITOR, "identity:write")])
def remove_api_key(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch) -> Version:
    """Removes it: sidecars refuse it from that version on."""
    return mesh.api_keys.remove(key, actor, holds=if_match.holds)


def _expires_at(lifetime_s: int | None) -> int:
    return 0 if lifetime_s is None else int(time.time()) + lifetime_s
