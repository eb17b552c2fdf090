"""Sidecars and the join tokens by which they come."""

from typing import Any

import trio
from fastapi import APIRouter
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from control.distribution import PushServer, SidecarView
from control.identity import Role
from control.mesh import JoinTokenInfo

from .access import needs
from .given import Actor, JoinTokenGiven, Key, TheFleet, TheMesh
from .preconditions import IfMatch

router = APIRouter(prefix="/v1", tags=["fleet"])


@router.get("/sidecars", dependencies=[needs(Role.VIEWER, "fleet:read")])
async def list_sidecars(mesh: TheMesh, fleet: TheFleet) -> dict[str, Any]:
    """Every sidecar that has joined: where it is, what it enforces, what it refused and why."""
    current = await trio.to_thread.run_sync(mesh.current)
    return {"version": 0 if current is None else current.version, "sidecars": await sidecars_of(fleet)}


@router.get("/join-tokens", dependencies=[needs(Role.VIEWER, "fleet:read")])
def list_join_tokens(mesh: TheMesh) -> dict[str, list[JoinTokenInfo]]:
    """Every join token, without its secret."""
    return {"join_tokens": mesh.join_tokens()}


@router.post("/join-tokens", status_code=HTTP_201_CREATED, dependencies=[needs(Role.EDITOR, "fleet:write")])
def create_join_token(given: JoinTokenGiven, mesh: TheMesh, actor: Actor) -> dict[str, Any]:
    """A join token for one service. The answer holds its text, which is shown this once. ``in_policy`` is false if
    a policy is in force and does not name the service, which may be a slip."""
    info, text = mesh.create_join_token(given.service, actor, uses=given.uses, lifetime_s=given.lifetime_s)
    return {
        "id": info.id,
        "service": info.service,
        "expires_at": info.expires_at,
        "uses_left": info.uses_left,
        "in_policy": mesh.may_serve(given.service),
        "token": text,
    }


@router.delete("/join-tokens/{key}", status_code=HTTP_204_NO_CONTENT, dependencies=[needs(Role.EDITOR, "fleet:write")])
def revoke_join_token(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch) -> None:
    """No more joins with it. Sidecars that have joined stay."""
    mesh.revoke_join_token(key, actor, holds=if_match.holds)


@router.delete("/sidecars/{key}", status_code=HTTP_204_NO_CONTENT, dependencies=[needs(Role.OPERATOR, "fleet:write")])
def revoke_sidecar(key: Key, mesh: TheMesh, actor: Actor) -> None:
    """Ends a sidecar's certificate: it is cut off and may come back with a join token only."""
    mesh.revoke_sidecar(key, actor)


async def sidecars_of(fleet: PushServer) -> list[dict[str, Any]]:
    """The sidecars, connected or away, ordered for people."""
    views = sorted(await fleet.sidecars(), key=lambda one: (one.service, one.instance, one.sidecar_id))
    return [_plain(one) for one in views]


def _plain(one: SidecarView) -> dict[str, Any]:
    return {
        "id": one.sidecar_id,
        "service": one.service,
        "instance": one.instance,
        "address": one.address,
        "agent": one.agent,
        "connected": one.state != "away",
        "state": one.state,
        "reason": one.reason,
        "version": one.version,
        "desired": one.desired,
        "last_seen": int(one.last_seen),
    }
