"""The FastAPI application, put together, and the gate before it. Knows nothing of the status page."""

import time
from functools import cache
from typing import Any

import trio
from fastapi import FastAPI
from starlette.types import ASGIApp

from control.distribution import PushServer
from control.issuers.fetch import Fetcher
from control.issuers.refresher import Refresher
from control.mesh import Mesh
from control.rollout.events import Events
from control.rollout.watch import Watch

from . import (
    access,
    api_keys,
    audit,
    canary,
    clients,
    credentials,
    events,
    identity,
    issuer,
    issuers,
    keys,
    oauth,
    openapi,
    operators,
    policy,
    problems,
    registration,
    scopes,
    users,
    versions,
)
from . import fleet as fleet_routes
from .conditional import Conditional
from .described import Described
from .gate import GUARDED, Gate
from .rate import Attempts

ROOMS = (
    issuer,
    policy,
    versions,
    canary,
    events,
    fleet_routes,
    identity,
    clients,
    users,
    scopes,
    credentials,
    api_keys,
    keys,
    issuers,
    operators,
    audit,
    oauth,
    registration,
)
"""Where the endpoints are. What is not listed is not served; tokens are asked for most often, and looked for first."""


def application(
    mesh: Mesh,
    fleet: PushServer,
    refresher: Refresher | None = None,
    watch: Watch | None = None,
    told: Events | None = None,
) -> FastAPI:
    """Every route of the API, without the gate: for ``serve`` and for looking at what is offered. Runs inside trio."""
    app = rooms()
    app.state.mesh = mesh
    app.state.fleet = fleet
    app.state.refresher = refresher or Refresher(mesh.providers, Fetcher())
    app.state.events = told or Events(time.time)
    app.state.watch = watch or Watch(mesh, fleet, now=time.time)
    app.state.attempts = Attempts(trio.current_time())
    return app


def rooms() -> FastAPI:
    """Every route, with nothing behind it yet: enough to be described."""
    app = FastAPI(
        openapi_url=f"{GUARDED}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    problems.install(app)
    openapi.install(app)
    for room in ROOMS:
        access.check(room.router.routes)
        app.include_router(room.router)
    return app


@cache
def document() -> dict[str, Any]:
    """What the routes are, described: the same for every application of this process."""
    return rooms().openapi()


def guarded(app: FastAPI) -> ASGIApp:
    """``app`` behind its gate: what is served."""
    return Gate(Described(Conditional(app), document()), app.state.mesh, app.state.attempts)
