"""The issuer's endpoints beside the token endpoint, open to all who prove themselves as OAuth says."""

from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from .given import TheMesh
from .issuer import CACHEABLE, REFUSED, answered

router = APIRouter(tags=["issuer"])


class Revoked(BaseModel):
    """RFC 7009 section 2.2: nothing more to say."""


class Introspected(BaseModel):
    """RFC 7662 section 2.2."""

    active: bool
    token_type: str | None = None
    iss: str | None = None
    sub: str | None = None
    aud: str | list[str] | None = None
    client_id: str | None = None
    scope: str | None = None
    iat: int | None = None
    exp: int | None = None
    jti: str | None = None
    act: dict[str, Any] | None = None


class Metadata(BaseModel):
    """RFC 8414 section 2: the members that are always there. Others name what else is served."""

    model_config = ConfigDict(extra="allow")

    issuer: str
    token_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    response_types_supported: list[str]


def _form(needs: str, **more: str) -> dict[str, Any]:
    """The description of a form of texts, sent by a client that proves itself."""
    fields = {needs: "", **more, "client_id": "", "client_secret": ""}
    said = {name: {"type": "string", **({"description": text} if text else {})} for name, text in fields.items()}
    schema = {"type": "object", "required": [needs], "properties": said}
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}, "security": [{"client": []}, {}]}


_TOKEN = _form("token", token_type_hint="")


@router.post("/oauth2/revoke", response_model=Revoked, responses=REFUSED, openapi_extra=_TOKEN)
async def give_back(request: Request, mesh: TheMesh) -> Response:
    """RFC 7009: a client gives back a token of its own, and the sidecars are told. Tries that fail are counted."""
    return await answered(request, mesh.issuer.revocation)


@router.post("/oauth2/introspect", response_model=Introspected, responses=REFUSED, openapi_extra=_TOKEN)
async def introspect(request: Request, mesh: TheMesh) -> Response:
    """RFC 7662: what a token says and whether it counts, for the client it was issued to and the service it is for."""
    return await answered(request, mesh.issuer.introspection)


@router.get("/.well-known/oauth-authorization-server", response_model=Metadata)
def metadata(request: Request, mesh: TheMesh) -> Response:
    """RFC 8414 section 3: what clients may ask of this issuer."""
    return JSONResponse(mesh.metadata(partial(_is_served, request.app)), headers=CACHEABLE)


def _is_served(app: FastAPI, path: str) -> bool:
    """Also by what was put into the application from outside, such as pages."""
    asked = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": [], "path_params": {}}
    return any(route.matches(asked)[0] is not Match.NONE for route in app.routes)
