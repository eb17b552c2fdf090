"""Sidecars and the join tokens by which they come."""

from typing import Annotated

import trio
from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from control.distribution import PushServer, SidecarView
from control.distribution.registry import ViewState
from control.errors import NotFound
from control.identity import Role
from control.mesh import JoinTokenInfo

from .access import needs
from .given import Actor, JoinTokenGiven, Key, TheFleet, TheMesh
from .paging import Page, Paging
from .preconditions import IfMatch

router = APIRouter(prefix="/v1", tags=["fleet"])

_WORST: tuple[ViewState, ...] = ("nacked", "pending", "acked", "idle", "away")
Service = Annotated[str | None, Query(max_length=200, description="Of this service alone.")]


class Sidecar(BaseModel):
    """A sidecar that has joined. ``version`` is in use, ``desired`` what it should use, 0: none; ``last_seen`` in unix
    seconds. ``state``: acked, nacked (for ``reason``), pending, idle (nothing to run) or away. ``protocol`` (0: not
    connected) and ``capabilities`` are what it can do."""

    id: str
    service: str
    instance: str
    address: str
    agent: str
    connected: bool
    state: ViewState
    reason: str
    version: int
    desired: int
    last_seen: int
    protocol: int
    capabilities: list[str]


class Sidecars(Page):
    """Sidecars, and the version in force (0: none)."""

    version: int
    sidecars: list[Sidecar]


class JoinTokens(Page):
    """Join tokens, without secrets."""

    join_tokens: list[JoinTokenInfo]


class JoinTokenMade(BaseModel):
    """A join token with its text, which is shown this once."""

    id: str
    service: str
    expires_at: int
    uses_left: int
    in_policy: bool
    token: str


@router.get("/sidecars", dependencies=[needs(Role.VIEWER, "fleet:read")])
async def list_sidecars(
    mesh: TheMesh,
    fleet: TheFleet,
    paging: Paging,
    service: Service = None,
    state: Annotated[ViewState | None, Query(description="In this state alone.")] = None,
) -> Sidecars:
    """Every sidecar that has joined: where it is, what it enforces, what it refused and why."""
    current = await trio.to_thread.run_sync(mesh.current)
    found = [one for one in await sidecars_of(fleet) if service in (None, one.service) and state in (None, one.state)]
    page, following = paging.of(found, _place)
    return Sidecars(version=0 if current is None else current.version, sidecars=page, next=following)


@router.get("/sidecars/{key}", dependencies=[needs(Role.VIEWER, "fleet:read")])
async def get_sidecar(key: Key, fleet: TheFleet) -> Sidecar:
    """One sidecar, by its id. Of several connections of one identity the one furthest from what it should run."""
    found = [one for one in await sidecars_of(fleet) if one.id == key]
    if not found:
        raise NotFound(f"there is no sidecar {key[:100]!r}")
    return min(found, key=lambda one: (_WORST.index(one.state), one.instance))


@router.get("/join-tokens", dependencies=[needs(Role.VIEWER, "fleet:read")])
def list_join_tokens(mesh: TheMesh, paging: Paging, service: Service = None) -> JoinTokens:
    """Every join token, newest first, without its secret."""
    found = [one for one in mesh.join_tokens() if service in (None, one.service)]
    page, following = paging.of(found, lambda one: (-one.created_at, one.id))
    return JoinTokens(join_tokens=page, next=following)


@router.post("/join-tokens", status_code=HTTP_201_CREATED, dependencies=[needs(Role.EDITOR, "fleet:write")])
def create_join_token(given: JoinTokenGiven, mesh: TheMesh, actor: Actor) -> JoinTokenMade:
    """A join token for one service. The answer holds its text, which is shown this once. ``in_policy`` is false if
    a policy is in force and does not name the service, which may be a slip."""
    info, text = mesh.create_join_token(given.service, actor, uses=given.uses, lifetime_s=given.lifetime_s)
    return JoinTokenMade(
        id=info.id,
        service=info.service,
        expires_at=info.expires_at,
        uses_left=info.uses_left,
        in_policy=mesh.may_serve(given.service),
        token=text,
    )


@router.delete("/join-tokens/{key}", status_code=HTTP_204_NO_CONTENT, dependencies=[needs(Role.EDITOR, "fleet:write")])
def revoke_join_token(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch) -> None:
    """No more joins with it. Sidecars that have joined stay."""
    mesh.revoke_join_token(key, actor, holds=if_match.holds)


@router.delete("/sidecars/{key}", status_code=HTTP_204_NO_CONTENT, dependencies=[needs(Role.OPERATOR, "fleet:write")])
def revoke_sidecar(key: Key, mesh: TheMesh, actor: Actor) -> None:
    """Ends a sidecar's certificate: it is cut off and may come back with a join token only."""
    mesh.revoke_sidecar(key, actor)


async def sidecars_of(fleet: PushServer) -> list[Sidecar]:
    """The sidecars, connected or away, ordered for people."""
    return sorted((_shown(one) for one in await fleet.sidecars()), key=_place)


def _place(one: Sidecar) -> tuple[str, str, str]:
    return one.service, one.instance, one.id


def _shown(one: SidecarView) -> Sidecar:
    return Sidecar(
        id=one.sidecar_id,
        service=one.service,
        instance=one.instance,
        address=one.address,
        agent=one.agent,
        connected=one.state != "away",
        state=one.state,
        reason=one.reason,
        version=one.version,
        desired=one.desired,
        last_seen=int(one.last_seen),
        protocol=one.protocol,
        capabilities=list(one.capabilities),
    )
