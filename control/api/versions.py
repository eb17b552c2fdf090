"""The versions of the mesh: history, rollback, and how far one has come."""

from typing import Annotated

import trio
from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED

from control.distribution import Rollout, SidecarView
from control.errors import NotFound
from control.identity import Role
from control.mesh import Mesh, Version

from .access import needs
from .given import MAX_NUMBER, Actor, TheFleet, TheMesh, VersionNumber
from .paging import Page, Paging
from .preconditions import IfMatch

router = APIRouter(prefix="/v1/versions", tags=["versions"])

MAX_WAIT_S = 60.0


class Versions(Page):
    """Versions, newest first. ``next_before``: the same as ``next``, as a version to ask for with ``before``."""

    versions: list[Version]
    next_before: int | None


class Named(BaseModel):
    """One sidecar."""

    sidecar: str
    service: str
    instance: str


class Refused(Named):
    """One sidecar that does not enforce it, and why."""

    reason: str


class RolloutShown(BaseModel):
    """How far a version has come. ``elapsed_ms``: from the change to the last answer, if that is known."""

    version: int
    acked: list[Named]
    nacked: list[Refused]
    pending: list[Named]
    away: list[Named]
    complete: bool
    elapsed_ms: float | None


@router.get("", dependencies=[needs(Role.VIEWER, "policy:read")])
def list_versions(
    mesh: TheMesh,
    paging: Paging,
    before: Annotated[int | None, Query(ge=1, le=MAX_NUMBER, description="Older than this version.")] = None,
) -> Versions:
    """Every change, newest first."""
    bounds = [bound for bound in (before, paging.after_number()) if bound is not None]
    found = mesh.history(paging.limit + 1, before=min(bounds, default=None))
    page = found[: paging.limit]
    last = page[-1].version if len(found) > paging.limit else None
    return Versions(versions=page, next_before=last, next=None if last is None else paging.following((last,)))


@router.get("/{version}", dependencies=[needs(Role.VIEWER, "policy:read")])
def get_version(version: VersionNumber, mesh: TheMesh) -> Version:
    """One version."""
    return _known(mesh, version)


@router.post("/{version}/rollback", status_code=HTTP_201_CREATED, dependencies=[needs(Role.EDITOR, "policy:write")])
def rollback(version: VersionNumber, mesh: TheMesh, actor: Actor, if_match: IfMatch, response: Response) -> Version:
    """Makes that version's policy the policy of a new version. ``If-Match: "VERSION"`` guards against a race."""
    current = mesh.current()
    made = mesh.rollback(version, actor, expected_version=if_match.version(current.version if current else 0))
    response.headers["Location"] = f"/v1/versions/{made.version}"
    return made


@router.get("/{version}/rollout", dependencies=[needs(Role.VIEWER, "policy:read")])
async def rollout(
    version: VersionNumber,
    mesh: TheMesh,
    fleet: TheFleet,
    wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S, allow_inf_nan=False)] = 0,
) -> RolloutShown:
    """Who acknowledged it, who refused and why, who is missing. With ``wait_s``: as soon as all have answered."""
    await trio.to_thread.run_sync(_known, mesh, version)
    return shown(await fleet.wait_rollout(version, wait_s) if wait_s else await fleet.rollout(version))


def _known(mesh: Mesh, version: int) -> Version:
    found = mesh.history(1, before=version + 1)
    if not found or found[0].version != version:
        raise NotFound(f"there is no version {version}")
    return found[0]


def shown(rollout: Rollout) -> RolloutShown:
    """How far it has come, as the API says it."""
    return RolloutShown(
        version=rollout.version,
        acked=[Named(**_name(one)) for one in rollout.acked],
        nacked=[Refused(**_name(one), reason=reason) for one, reason in rollout.nacked],
        pending=[Named(**_name(one)) for one in rollout.pending],
        away=[Named(**_name(one)) for one in rollout.away],
        complete=not rollout.pending,
        elapsed_ms=None if rollout.elapsed_ms is None else round(rollout.elapsed_ms, 3),
    )


def _name(one: SidecarView) -> dict[str, str]:
    return {"sidecar": one.sidecar_id, "service": one.service, "instance": one.instance}
