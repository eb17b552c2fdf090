"""Applications as OAuth clients: where people are sent back to, which grants are theirs, how they prove themselves."""

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from control.identity import Application, Role
from control.identity.oauth.clients import MAX_URIS, Changes, Registration

from .access import needs
from .given import Actor, Given, Key, Name, TheMesh, shown_as
from .paging import Page, Paging
from .preconditions import IfMatch, tag_of

router = APIRouter(prefix="/v1", tags=["identity"])

Uris = Annotated[list[Annotated[str, Field(min_length=1, max_length=2000)]], Field(max_length=MAX_URIS)]
GrantType = Literal[
    "authorization_code",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]
GrantTypes = Annotated[list[GrantType], Field(max_length=10)]
_BACK = "https://web.shop.test/back"


class Jwks(Given):
    """RFC 7517 section 5: public keys."""

    keys: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=10)]


class ClientGiven(Given):
    """An application to register as a client. ``public``: it can keep no secret. ``jwks``: these prove it."""

    model_config = shown_as({"app": "web", "redirect_uris": [_BACK]})

    app: Name
    redirect_uris: Uris = Field(default=[])
    public: bool = False
    grant_types: GrantTypes = Field(default=["authorization_code"])
    jwks: Jwks | None = None


class ClientChange(Given):
    """What to change of a client; what is absent stays. ``jwks`` null: it proves itself by its secret."""

    model_config = shown_as({"redirect_uris": [_BACK]})

    redirect_uris: Uris | None = None
    public: bool | None = None
    grant_types: GrantTypes | None = None
    jwks: Jwks | None = None


class Client(BaseModel):
    """An application as a client. ``id`` and ``name`` are the application's."""

    id: str
    client_id: str
    name: str
    redirect_uris: list[str]
    public: bool
    grant_types: list[str]
    jwks: dict[str, Any] | None


class ClientList(Page):
    """Clients, by name."""

    clients: list[Client]


@router.get("/clients", dependencies=[needs(Role.VIEWER, "identity:read")])
def list_clients(mesh: TheMesh, paging: Paging) -> ClientList:
    """Every application that is registered as a client, by name."""
    registered = mesh.clients.all()
    apps = [app for app in mesh.applications.list() if app.client_id in registered]
    page, following = paging.of(apps, lambda app: (app.name,))
    return ClientList(clients=[_client(app, registered[app.client_id]) for app in page], next=following)


@router.post(
    "/clients",
    status_code=HTTP_201_CREATED,
    dependencies=[needs(Role.EDITOR, "identity:write")],
    responses={404: {"description": "There is no such application."}},
)
def register_client(given: ClientGiven, mesh: TheMesh, actor: Actor, response: Response) -> Client:
    """Registers an application as a client."""
    app = mesh.applications.get(given.app)
    made = mesh.clients.register(
        app.client_id,
        given.redirect_uris,
        actor,
        mesh.now(),
        public=given.public,
        grant_types=given.grant_types,
        jwks=None if given.jwks is None else given.jwks.model_dump(),
    )
    response.headers["ETag"], response.headers["Location"] = tag_of(made), f"/v1/clients/{app.id}"
    return _client(app, made)


@router.get("/clients/{key}", dependencies=[needs(Role.VIEWER, "identity:read")])
def get_client(key: Key, mesh: TheMesh, response: Response) -> Client:
    """One of them, by its application's name, id or client_id."""
    app = mesh.applications.get(key)
    found = mesh.clients.find(app.client_id)
    response.headers["ETag"] = tag_of(found)
    return _client(app, found)


@router.patch("/clients/{key}", dependencies=[needs(Role.EDITOR, "identity:write")])
def update_client(
    key: Key, given: ClientChange, mesh: TheMesh, actor: Actor, if_match: IfMatch, response: Response
) -> Client:
    """Changes what is given; what people let it do stays."""
    app, said = mesh.applications.get(key), given.model_dump(exclude_unset=True)
    changes = {name: value for name, value in said.items() if value is not None or name == "jwks"}
    holds, now = if_match.holds, mesh.now()
    changed = mesh.clients.update(app.client_id, actor, now, holds=holds, **cast("Changes", changes))
    response.headers["ETag"] = tag_of(changed)
    return _client(app, changed)


@router.delete("/clients/{key}", status_code=HTTP_204_NO_CONTENT, dependencies=[needs(Role.EDITOR, "identity:write")])
def remove_client(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch) -> None:
    """It is an application like any other again. What people let it do is over, in the sidecars too."""
    mesh.clients.remove(mesh.applications.get(key).client_id, actor, mesh.now(), holds=if_match.holds)


def _client(app: Application, registered: Registration) -> Client:
    return Client(
        id=app.id,
        client_id=app.client_id,
        name=app.name,
        redirect_uris=list(registered.redirect_uris),
        public=registered.public,
        grant_types=list(registered.grant_types),
        jwks=None if registered.jwks is None else dict(registered.jwks),
    )
