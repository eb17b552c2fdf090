"""What is open to all: the issuer's endpoints (RFC 6749, RFC 8414, RFC 7517) and the probes."""

from typing import Any

import trio
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from control.identity.token_endpoint import Handle

from .gate import address_of
from .given import TheMesh
from .problems import too_many
from .rate import Attempts

router = APIRouter(tags=["issuer"])

OPEN = frozenset(
    {
        "/oauth2/token",
        "/oauth2/revoke",
        "/oauth2/introspect",
        "/oauth2/par",
        "/oauth2/device_authorization",
        "/oauth2/register",
        "/oauth2/register/{client_id}",
        "/oauth2/userinfo",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
        "/live",
        "/ready",
    }
)
_WAITING = (b'{"error": "authorization_pending"', b'{"error": "slow_down"')
"""RFC 8628 section 3.5: a device that waits guesses nothing."""
CACHEABLE = {"Cache-Control": "public, max-age=60"}


class Token(BaseModel):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str | None = None


class TokenError(BaseModel):
    """RFC 6749 section 5.2."""

    error: str
    error_description: str | None = None


class KeySet(BaseModel):
    """RFC 7517 section 5."""

    keys: list[dict[str, str]]


class Live(BaseModel):
    """The process answers."""

    live: bool


class Ready(BaseModel):
    """The store answers, and this is the version in force."""

    ready: bool
    version: int | None


_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"type": "string", "enum": ["client_credentials"]},
        "scope": {"type": "string"},
        "resource": {"type": "string", "format": "uri", "description": "RFC 8707: a service's audience."},
        "client_id": {"type": "string"},
        "client_secret": {"type": "string"},
    },
}
_TOKEN_ENDPOINT: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _FORM}}},
    "security": [{"client": []}, {}],
}
REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": TokenError, "description": "invalid_request, invalid_scope, invalid_target or another of RFC 6749."},
    401: {
        "model": TokenError,
        "description": "invalid_client.",
        "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
    },
    429: {"description": "Too many wrong secrets from there."},
}


@router.post("/oauth2/token", response_model=Token, responses=REFUSED, openapi_extra=_TOKEN_ENDPOINT)
async def token(request: Request, mesh: TheMesh) -> Response:
    """The token endpoint. Tries that fail are counted by address."""
    return await answered(request, mesh.issuer.token)


async def answered(request: Request, handle: Handle) -> Response:
    """What an endpoint of the issuer says. Tries that fail are counted by address."""
    attempts: Attempts = request.app.state.attempts
    address, body = address_of(request.scope), await request.body()
    shown = request.headers.get("authorization", "").encode() or body  # who was right once is not slowed by new forms
    wait_s = attempts.begin(address, trio.current_time(), shown)
    if wait_s > 0:
        raise too_many(wait_s)
    headers = dict(request.headers)
    if len(request.headers.getlist("authorization")) > 1:
        headers["authorization"] = "several"  # RFC 6749 section 2.3: one way of authenticating in a request
    status, extra, answer = await trio.to_thread.run_sync(handle, request.method, headers, body)
    if answer.startswith(_WAITING):
        pass
    elif status >= 400:
        attempts.failed(address, trio.current_time(), shown)
    else:
        attempts.succeeded(address, shown)
    response = Response(answer, status)
    for name, value in extra:
        response.headers[name] = value
    return response


@router.get("/.well-known/jwks.json", response_model=KeySet)
def jwks(mesh: TheMesh) -> Response:
    """The public halves of the signing keys (RFC 7517 section 5)."""
    return JSONResponse(mesh.jwks(), headers=CACHEABLE)


@router.get("/live", tags=["probes"])
async def live() -> Live:
    """The process answers."""
    return Live(live=True)


@router.get("/ready", tags=["probes"])
def ready(mesh: TheMesh) -> Ready:
    """The store answers, and this is the version in force (null before the first policy)."""
    current = mesh.current()
    return Ready(ready=True, version=None if current is None else current.version)
