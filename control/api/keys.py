"""The issuer's signing keys, and revocations."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.status import HTTP_201_CREATED

from control.authority.keyring import KeyInfo
from control.errors import Invalid
from control.identity import Role
from control.mesh import RevocationInfo, Version

from .access import needs
from .given import Actor, Key, RevocationGiven, RotateGiven, TheMesh
from .paging import Page, Paging

router = APIRouter(prefix="/v1", tags=["keys"])


class Keys(Page):
    """Signing keys, public halves only."""

    keys: list[KeyInfo]


class Revocations(Page):
    """What is revoked."""

    revocations: list[RevocationInfo]


@router.get("/keys", dependencies=[needs(Role.VIEWER, "keys:read")])
def list_keys(mesh: TheMesh, paging: Paging) -> Keys:
    """Every signing key with its state, oldest first; public halves only."""
    page, following = paging.of(mesh.keys(), lambda key: (key.created_at, key.version, key.kid))
    return Keys(keys=page, next=following)


@router.post("/keys/rotate", status_code=HTTP_201_CREATED, dependencies=[needs(Role.OPERATOR, "keys:write")])
def rotate_keys(mesh: TheMesh, actor: Actor, given: RotateGiven | None = None) -> Version:
    """Prepares a new key. It signs once every live sidecar has acknowledged a snapshot that holds it. With ``now`` it
    signs at once; with ``revoke_old`` as well, every token that was issued before ends with the same version."""
    asked = given or RotateGiven()
    if asked.now:
        return mesh.replace_keys(actor, asked.algorithm, revoke_old=asked.revoke_old)
    if asked.revoke_old:
        raise Invalid("revoke_old needs now: a key must sign when no other does")
    return mesh.rotate_keys(actor, asked.algorithm)


@router.post("/keys/{key}/revoke", status_code=HTTP_201_CREATED, dependencies=[needs(Role.OPERATOR, "keys:write")])
def revoke_key(key: Key, mesh: TheMesh, actor: Actor) -> Version:
    """A key that has leaked: gone at once, and a fresh one signs."""
    return mesh.revoke_key(key, actor)


@router.get("/revocations", dependencies=[needs(Role.VIEWER, "revocations:read")])
def list_revocations(
    mesh: TheMesh, paging: Paging, issuer: Annotated[str | None, Query(max_length=200)] = None
) -> Revocations:
    """What is revoked and still named in snapshots, in the order in which it was; all of it or an issuer's."""
    found = [one for one in mesh.revocations() if issuer in (None, one.issuer)]
    page, following = paging.of(found, lambda one: (one.version, one.id))
    return Revocations(revocations=page, next=following)


@router.post(
    "/revocations",
    status_code=HTTP_201_CREATED,
    dependencies=[needs(Role.EDITOR, "revocations:write")],
    responses={404: {"description": "There is no such issuer or application, or no policy yet."}},
)
def revoke(given: RevocationGiven, mesh: TheMesh, actor: Actor) -> Version:
    """Revokes one token (``jti``) or every token of a subject, client or issuer issued until ``before``."""
    return mesh.revoke(given.by, given.value, actor, issuer=given.issuer, before=given.before, until=given.until)
