"""What is open to all: the issuer's endpoints (RFC 6749, RFC 8414, RFC 7517) and the probes."""

from typing import Any

import trio
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from .gate import address_of
from .given import TheMesh
from .problems import too_many
from .rate import Attempts

router = APIRouter(tags=["issuer"])

OPEN = frozenset(
    {"/oauth2/token", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/live", "/ready"}
)
_CACHEABLE = {"Cache-Control": "public, max-age=60"}


@router.post("/oauth2/token")
async def token(request: Request, mesh: TheMesh) -> Response:
    """The token endpoint. Tries that fail are counted by address."""
    attempts: Attempts = request.app.state.attempts
    address, body = address_of(request.scope), await request.body()
    shown = request.headers.get("authorization", "").encode() + b"\n" + body
    wait_s = attempts.begin(address, trio.current_time(), shown)
    if wait_s > 0:
        raise too_many(wait_s)
    headers = dict(request.headers)
    if len(request.headers.getlist("authorization")) > 1:
        headers["authorization"] = "several"  # RFC 6749 section 2.3: one way of authenticating in a request
    status, extra, answer = await trio.to_thread.run_sync(mesh.handle_token_request, request.method, headers, body)
    if status >= 400:
        attempts.failed(address, trio.current_time(), shown)
    else:
        attempts.succeeded(address, shown)
    response = Response(answer, status)
    for name, value in extra:
        response.headers[name] = value
    return response


@router.get("/.well-known/oauth-authorization-server")
def metadata(mesh: TheMesh) -> Response:
    """RFC 8414 section 3: what clients may ask of this issuer."""
    return JSONResponse(mesh.metadata(), headers=_CACHEABLE)


@router.get("/.well-known/jwks.json")
def jwks(mesh: TheMesh) -> Response:
    """The public halves of the signing keys (RFC 7517 section 5)."""
    return JSONResponse(mesh.jwks(), headers=_CACHEABLE)


@router.get("/live", tags=["probes"])
async def live() -> dict[str, bool]:
    """The process answers."""
    return {"live": True}


@router.get("/ready", tags=["probes"])
def ready(mesh: TheMesh) -> dict[str, Any]:
    """The store answers, and this is the version in force (null before the first policy)."""
    current = mesh.current()
    return {"ready": True, "version": None if current is None else current.version}
