"""The issuers of the policy in force, and how fresh the keys of outside ones are."""

import trio
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.status import HTTP_201_CREATED

from control.identity import Role
from control.mesh import Mesh, Version
from control.mesh.inputs import provider_of
from control.mesh.issuer_info import IssuerInfo

from .access import needs
from .given import Actor, Key, KidGiven, TheMesh, TheRefresher
from .paging import Page, Paging

router = APIRouter(prefix="/v1/issuers", tags=["issuers"])


class Issuers(Page):
    """The policy's issuers."""

    issuers: list[IssuerInfo]


class Refreshed(BaseModel):
    """The newest version, and the issuer as it is now."""

    version: int
    issuer: IssuerInfo | None


@router.get("", dependencies=[needs(Role.VIEWER, "keys:read")])
def list_issuers(mesh: TheMesh, paging: Paging) -> Issuers:
    """Every issuer that the policy names: where its keys come from, which count, when they were last obtained."""
    page, following = paging.of(mesh.providers.infos(), lambda one: (one.name,))
    return Issuers(issuers=page, next=following)


@router.post("/{key}/refresh", dependencies=[needs(Role.EDITOR, "keys:write")])
async def refresh_issuer(key: Key, mesh: TheMesh, refresher: TheRefresher) -> Refreshed:
    """Looks at the issuer's keys now. ``version`` is the newest one, which holds what was found; ``issuer.error`` says
    why nothing was."""
    named = await trio.to_thread.run_sync(mesh.providers.named, key)
    await refresher.look(provider_of(named))
    return await trio.to_thread.run_sync(_found, mesh, key)


@router.post("/{key}/revoke-key", status_code=HTTP_201_CREATED, dependencies=[needs(Role.OPERATOR, "keys:write")])
def revoke_issuer_key(key: Key, given: KidGiven, mesh: TheMesh, actor: Actor) -> Version:
    """A key of the issuer that has leaked: it never counts again, even while its provider publishes it."""
    return mesh.providers.revoke(key, given.kid, actor)


def _found(mesh: Mesh, name: str) -> Refreshed:
    current = mesh.current()
    info = next((info for info in mesh.providers.infos() if info.name == name), None)
    return Refreshed(version=0 if current is None else current.version, issuer=info)
