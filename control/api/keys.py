"""The issuer's signing keys, and revocations."""

from fastapi import APIRouter
from starlette.status import HTTP_201_CREATED

from control.authority.keyring import KeyInfo
from control.identity import Role
from control.mesh import RevocationInfo, Version

from .access import needs
from .given import Actor, Key, RevocationGiven, RotateGiven, TheMesh

router = APIRouter(prefix="/v1", tags=["keys"])


@router.get("/keys", dependencies=[needs(Role.VIEWER, "keys:read")])
def list_keys(mesh: TheMesh) -> dict[str, list[KeyInfo]]:
    """Every signing key with its state; public halves only."""
    return {"keys": mesh.keys()}


@router.post("/keys/rotate", status_code=HTTP_201_CREATED, dependencies=[needs(Role.OPERATOR, "keys:write")])
def rotate_keys(mesh: TheMesh, actor: Actor, given: RotateGiven | None = None) -> Version:
    """Prepares a new key. It signs once every live sidecar has acknowledged a snapshot that holds it."""
    return mesh.rotate_keys(actor, None if given is None else given.algorithm)


@router.post("/keys/{key}/revoke", status_code=HTTP_201_CREATED, dependencies=[needs(Role.OPERATOR, "keys:write")])
def revoke_key(key: Key, mesh: TheMesh, actor: Actor) -> Version:
    """A key that has leaked: gone at once, and a fresh one signs."""
    return mesh.revoke_key(key, actor)


@router.get("/revocations", dependencies=[needs(Role.VIEWER, "revocations:read")])
def list_revocations(mesh: TheMesh) -> dict[str, list[RevocationInfo]]:
    """What is revoked and still named in snapshots."""
    return {"revocations": mesh.revocations()}


@router.post("/revocations", status_code=HTTP_201_CREATED, dependencies=[needs(Role.EDITOR, "revocations:write")])
def revoke(given: RevocationGiven, mesh: TheMesh, actor: Actor) -> Version:
    """Revokes one token (``jti``) or every token of a subject, client or issuer issued until ``before``."""
    return mesh.revoke(given.by, given.value, actor, issuer=given.issuer, before=given.before, until=given.until)
