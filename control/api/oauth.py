"""The issuer's endpoints beside the token endpoint, open to all who prove themselves as OAuth says."""

from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.status import HTTP_201_CREATED

from .given import TheMesh
from .issuer import CACHEABLE, REFUSED, answered
from .problems import Refusal

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


class Pushed(BaseModel):
    """RFC 9126 section 2.2."""

    request_uri: str
    expires_in: int


class DeviceCodes(BaseModel):
    """RFC 8628 section 3.2."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class Person(BaseModel):
    """OpenID Connect Core section 5.3.2: what is known, as far as the token's scopes go."""

    model_config = ConfigDict(extra="allow")

    sub: str


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


_AUTHORIZATION = (
    *("redirect_uri", "scope", "resource", "state", "nonce", "prompt", "max_age"),
    *("code_challenge", "code_challenge_method"),
)
_TOKEN = _form("token", token_type_hint="")


@router.post("/oauth2/revoke", response_model=Revoked, responses=REFUSED, openapi_extra=_TOKEN)
async def give_back(request: Request, mesh: TheMesh) -> Response:
    """RFC 7009: a client gives back a token of its own, and the sidecars are told. Tries that fail are counted."""
    return await answered(request, mesh.issuer.revocation)


@router.post("/oauth2/introspect", response_model=Introspected, responses=REFUSED, openapi_extra=_TOKEN)
async def introspect(request: Request, mesh: TheMesh) -> Response:
    """RFC 7662: what a token says and whether it counts, for the client it was issued to and the service it is for."""
    return await answered(request, mesh.issuer.introspection)


@router.post(
    "/oauth2/par",
    response_model=Pushed,
    status_code=HTTP_201_CREATED,
    responses=REFUSED,
    openapi_extra=_form("response_type", **dict.fromkeys(_AUTHORIZATION, "")),
)
async def push_request(request: Request, mesh: TheMesh) -> Response:
    """RFC 9126: a client sends its authorization request ahead."""
    return await answered(request, mesh.issuer.pushed)


@router.post(
    "/oauth2/device_authorization",
    response_model=DeviceCodes,
    responses=REFUSED,
    openapi_extra=_form("client_id", scope="", resource=""),
)
async def device_authorization(request: Request, mesh: TheMesh) -> Response:
    """RFC 8628: a device asks for a code, which people type in elsewhere."""
    return await answered(request, mesh.issuer.device)


@router.get("/oauth2/userinfo", response_model=Person, responses=REFUSED)
async def userinfo(request: Request, mesh: TheMesh) -> Response:
    """OpenID Connect Core section 5.3: who the access token speaks for, as far as its scopes go."""
    return await answered(request, mesh.issuer.userinfo)


@router.post("/oauth2/userinfo", response_model=Person, responses=REFUSED)
async def userinfo_by_post(request: Request, mesh: TheMesh) -> Response:
    """The same."""
    return await answered(request, mesh.issuer.userinfo)


@router.get(
    "/.well-known/openid-configuration",
    response_model=Metadata,
    responses={404: {"description": "People are not asked here."}},
)
def openid_configuration(request: Request, mesh: TheMesh) -> Response:
    """OpenID Connect Discovery section 4."""
    found = mesh.discovery(partial(_is_served, request.app))
    if found is None:
        raise Refusal(404, "People are not asked here.")
    return JSONResponse(found, headers=CACHEABLE)


@router.get("/.well-known/oauth-authorization-server", response_model=Metadata)
def metadata(request: Request, mesh: TheMesh) -> Response:
    """RFC 8414 section 3: what clients may ask of this issuer."""
    return JSONResponse(mesh.metadata(partial(_is_served, request.app)), headers=CACHEABLE)


def _is_served(app: FastAPI, path: str) -> bool:
    """Also by what was put into the application from outside, such as pages."""
    asked = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": [], "path_params": {}}
    return any(route.matches(asked)[0] is not Match.NONE for route in app.routes)
