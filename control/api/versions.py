"""The versions of the mesh: history, rollback, and how far one has come."""

from typing import Annotated, Any

import trio
from fastapi import APIRouter, Query
from starlette.status import HTTP_201_CREATED

from control.distribution import Rollout, SidecarView
from control.errors import NotFound
from control.identity import Role
from control.mesh import Mesh, Version

from .access import needs
from .given import MAX_NUMBER, Actor, TheFleet, TheMesh, VersionNumber

router = APIRouter(prefix="/v1/versions", tags=["versions"])

MAX_WAIT_S = 60.0


@router.get("", dependencies=[needs(Role.VIEWER, "policy:read")])
def list_versions(
    mesh: TheMesh,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[int | None, Query(ge=1, le=MAX_NUMBER)] = None,
) -> dict[str, Any]:
    """Newest first. ``next_before`` asks for the next page, and is null on the last."""
    found = mesh.history(limit + 1, before=before)
    page = found[:limit]
    return {"versions": page, "next_before": page[-1].version if len(found) > limit else None}


@router.get("/{version}", dependencies=[needs(Role.VIEWER, "policy:read")])
def get_version(version: VersionNumber, mesh: TheMesh) -> Version:
    """One version."""
    return _known(mesh, version)


@router.post("/{version}/rollback", status_code=HTTP_201_CREATED, dependencies=[needs(Role.EDITOR, "policy:write")])
def rollback(version: VersionNumber, mesh: TheMesh, actor: Actor) -> Version:
    """Makes that version's policy the policy of a new version."""
    return mesh.rollback(version, actor)


@router.get("/{version}/rollout", dependencies=[needs(Role.VIEWER, "policy:read")])
async def rollout(
    version: VersionNumber,
    mesh: TheMesh,
    fleet: TheFleet,
    wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S, allow_inf_nan=False)] = 0,
) -> dict[str, Any]:
    """Who acknowledged it, who refused and why, who is missing. With ``wait_s``: as soon as all have answered."""
    await trio.to_thread.run_sync(_known, mesh, version)
    return _plain(await fleet.wait_rollout(version, wait_s) if wait_s else await fleet.rollout(version))


def _known(mesh: Mesh, version: int) -> Version:
    found = mesh.history(1, before=version + 1)
    if not found or found[0].version != version:
        raise NotFound(f"there is no version {version}")
    return found[0]


def _plain(rollout: Rollout) -> dict[str, Any]:
    return {
        "version": rollout.version,
        "acked": [_named(one) for one in rollout.acked],
        "nacked": [{**_named(one), "reason": reason} for one, reason in rollout.nacked],
        "pending": [_named(one) for one in rollout.pending],
        "away": [_named(one) for one in rollout.away],
        "complete": not rollout.pending,
        "elapsed_ms": None if rollout.elapsed_ms is None else round(rollout.elapsed_ms, 3),
    }


def _named(one: SidecarView) -> dict[str, str]:
    return {"sidecar": one.sidecar_id, "service": one.service, "instance": one.instance}
