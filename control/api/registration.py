"""A client registers itself, and comes back to what it registered (RFC 7591, RFC 7592). Off unless it is turned on."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from .given import TheMesh
from .issuer import REFUSED, TokenError, answered
from .problems import Refusal

router = APIRouter(tags=["issuer"])


class Registered(BaseModel):
    """RFC 7591 section 3.2.1, RFC 7592 section 3."""

    client_id: str
    client_id_issued_at: int
    client_name: str
    client_secret: str | None = None
    client_secret_expires_at: int | None = None
    redirect_uris: list[str]
    grant_types: list[str]
    response_types: list[str]
    token_endpoint_auth_method: str
    scope: str
    jwks: dict[str, Any] | None = None
    registration_client_uri: str
    registration_access_token: str


_TEXT, _TEXTS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
_CLIENT: dict[str, Any] = {
    **dict.fromkeys(("redirect_uris", "grant_types", "response_types"), _TEXTS),
    **dict.fromkeys(("token_endpoint_auth_method", "client_name", "scope"), _TEXT),
    "jwks": {"type": "object"},
}
_NO_REGISTRATION: dict[int | str, dict[str, Any]] = {404: {"description": "Clients do not register themselves here."}}
_OF_CLIENT: dict[str, Any] = {"security": [{"registration": []}, {}]}
_OPERATORS = {
    **REFUSED,
    **_NO_REGISTRATION,
    403: {"model": TokenError, "description": "unauthorized_client: an operator has changed this client."},
}


def _described(required: list[str], **more: Any) -> dict[str, Any]:
    """The description of a client, by itself."""
    schema = {"type": "object", "required": required, "properties": {**_CLIENT, **more}}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


@router.post(
    "/oauth2/register",
    response_model=Registered,
    status_code=HTTP_201_CREATED,
    responses={**REFUSED, **_NO_REGISTRATION},
    openapi_extra={"requestBody": _described([]), "security": [{"operator": []}, {}]},
)
async def register(request: Request, mesh: TheMesh) -> Response:
    """RFC 7591: a client registers itself, with the credential of an operator who may. Off unless it is turned on."""
    if mesh.issuer.registration is None:
        raise Refusal(404, "Clients do not register themselves here.")
    return await answered(request, mesh.issuer.registration)


async def _configured(request: Request, mesh: TheMesh, client_id: str) -> Response:
    if mesh.issuer.configuration is None:
        raise Refusal(404, "Clients do not register themselves here.")
    return await answered(request, partial(mesh.issuer.configuration, client_id))


_AT_CLIENT = "/oauth2/register/{client_id}"


@router.get(_AT_CLIENT, response_model=Registered, responses={**REFUSED, **_NO_REGISTRATION}, openapi_extra=_OF_CLIENT)
async def read_registration(request: Request, mesh: TheMesh, client_id: str) -> Response:
    """RFC 7592: a client that registered itself reads what it registered."""
    return await _configured(request, mesh, client_id)


@router.put(
    _AT_CLIENT,
    response_model=Registered,
    responses=_OPERATORS,
    openapi_extra={**_OF_CLIENT, "requestBody": _described(["client_id"], client_id=_TEXT, client_secret=_TEXT)},
)
async def replace_registration(request: Request, mesh: TheMesh, client_id: str) -> Response:
    """RFC 7592: it says all of it anew, within what registration allows."""
    return await _configured(request, mesh, client_id)


@router.delete(
    _AT_CLIENT,
    status_code=HTTP_204_NO_CONTENT,
    response_class=Response,
    responses={**REFUSED, **_NO_REGISTRATION},
    openapi_extra=_OF_CLIENT,
)
async def remove_registration(request: Request, mesh: TheMesh, client_id: str) -> Response:
    """RFC 7592: it is no client any more, and its tokens count no more in any sidecar."""
    return await _configured(request, mesh, client_id)
