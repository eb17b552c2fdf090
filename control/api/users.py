"""People who sign in: users, their sessions and second factors, and links with which they set a password.

No password goes through here. The secret of a link is in an answer once, when it is made.
"""

from typing import Annotated, cast

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from control.errors import NotFound
from control.identity import Role
from control.identity.people import Person, Session
from control.identity.people.passwords import LINK_LIFETIME_S, MAX_LINK_LIFETIME_S
from control.identity.people.usernames import MAX_EMAIL, MAX_NAME, MAX_USERNAME, folded
from control.identity.people.users import PersonChanges

from .access import needs
from .given import Actor, Given, Key, KeyLifetime, TheMesh, ends_at, shown_as
from .paging import Page, Paging
from .preconditions import IfMatch, tag_of

router = APIRouter(prefix="/v1/users", tags=["identity"])

Username = Annotated[str, Field(min_length=1, max_length=MAX_USERNAME)]
PersonName = Annotated[str, Field(max_length=MAX_NAME)]
Email = Annotated[str, Field(max_length=MAX_EMAIL)]
READ, WRITE = needs(Role.VIEWER, "identity:read"), needs(Role.EDITOR, "identity:write")


class UserGiven(Given):
    """Somebody to add. ``lifetime_s`` null: for good."""

    model_config = shown_as({"username": "ann", "name": "Ann Smith", "email": "ann@shop.test"})

    username: Username
    name: PersonName = ""
    email: Email = ""
    lifetime_s: KeyLifetime | None = None


class UserChange(Given):
    """What to change of a user; what is absent stays. ``lifetime_s`` null: for good."""

    model_config = shown_as({"active": False})

    username: Username | None = None
    name: PersonName | None = None
    email: Email | None = None
    active: bool | None = None
    lifetime_s: KeyLifetime | None = None


class LinkGiven(Given):
    """A link to make."""

    model_config = shown_as({"lifetime_s": 3600})

    lifetime_s: Annotated[int, Field(ge=1, le=MAX_LINK_LIFETIME_S)] = LINK_LIFETIME_S


class UserList(Page):
    """Users, by username."""

    users: list[Person]


class ResetLink(BaseModel):
    """Where that user sets a password, once; it is shown this once."""

    username: str
    link: str
    expires_at: int


class UserSession(BaseModel):
    """A browser in which they have signed in. ``amr``: how (RFC 8176)."""

    id: str
    auth_time: int
    amr: list[str]
    created_at: int
    last_seen: int
    address: str
    agent: str


class SessionList(BaseModel):
    """Theirs, the newest first."""

    sessions: list[UserSession]


class Ended(BaseModel):
    """How many sessions."""

    ended: int


@router.get("", dependencies=[READ])
def list_users(mesh: TheMesh, paging: Paging) -> UserList:
    """Everyone who signs in, by username."""
    found = mesh.people.users.list(paging.limit + 1, paging.after_text())
    page = found[: paging.limit]
    more = len(found) > paging.limit
    return UserList(users=page, next=paging.following((folded(page[-1].username),)) if more else None)


@router.post("", status_code=HTTP_201_CREATED, dependencies=[WRITE])
def create_user(given: UserGiven, mesh: TheMesh, actor: Actor, response: Response) -> Person:
    """Adds somebody, without a password: make them a link. The id is ours, and the ``sub`` of their tokens."""
    made = mesh.people.users.create(
        given.username, actor, name=given.name, email=given.email, expires_at=ends_at(mesh, given.lifetime_s)
    )
    response.headers["ETag"], response.headers["Location"] = tag_of(made), f"/v1/users/{made.id}"
    return made


@router.get("/{key}", dependencies=[READ])
def get_user(key: Key, mesh: TheMesh, response: Response) -> Person:
    """One of them, by username or id."""
    found = mesh.people.users.get(key)
    response.headers["ETag"] = tag_of(found)
    return found


@router.patch("/{key}", dependencies=[WRITE])
def update_user(
    key: Key, given: UserChange, mesh: TheMesh, actor: Actor, if_match: IfMatch, response: Response
) -> Person:
    """Changes what is given; ``lifetime_s`` counts from now. Who is turned off is out at once: sessions, links, what
    they let clients do, and tokens, which every sidecar refuses from then on; turned on again, they begin anew."""
    said = given.model_dump(exclude_unset=True)
    changes = {name: value for name, value in said.items() if value is not None and name != "lifetime_s"}
    if "lifetime_s" in said:
        changes["expires_at"] = ends_at(mesh, said["lifetime_s"])
    changed = mesh.people.users.update(key, actor, holds=if_match.holds, **cast("PersonChanges", changes))
    response.headers["ETag"] = tag_of(changed)
    return changed


@router.delete("/{key}", status_code=HTTP_204_NO_CONTENT, dependencies=[WRITE])
def remove_user(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch) -> None:
    """They are gone, and out as if they had been turned off."""
    mesh.people.users.remove(key, actor, holds=if_match.holds)


@router.post(
    "/{key}/reset-link",
    status_code=HTTP_201_CREATED,
    dependencies=[WRITE],
    responses={409: {"description": "They are turned off."}},
)
def create_reset_link(key: Key, mesh: TheMesh, actor: Actor, given: LinkGiven | None = None) -> ResetLink:
    """A link with which they set their password, once, in place of any before. It is shown this once."""
    lifetime_s = LINK_LIFETIME_S if given is None else given.lifetime_s
    person, secret, expires_at = mesh.people.passwords.link(key, actor, lifetime_s)
    return ResetLink(username=person.username, link=mesh.people.reset_url(secret), expires_at=expires_at)


@router.get("/{key}/sessions", dependencies=[READ])
def list_sessions(key: Key, mesh: TheMesh) -> SessionList:
    """The browsers in which they have signed in, the newest first: fifty at the most."""
    found = mesh.people.sessions.of(mesh.people.users.get(key).id)
    return SessionList(sessions=[_session(one) for one in found])


@router.delete("/{key}/sessions", dependencies=[WRITE])
def end_sessions(key: Key, mesh: TheMesh, actor: Actor) -> Ended:
    """Signs them out everywhere. Tokens live on: turn the user off, or revoke by subject."""
    return Ended(ended=mesh.people.sessions.end_all(mesh.people.users.get(key).id, actor=actor))


@router.delete("/{key}/sessions/{session}", status_code=HTTP_204_NO_CONTENT, dependencies=[WRITE])
def end_session(key: Key, session: Key, mesh: TheMesh, actor: Actor) -> None:
    """Signs them out of one browser."""
    if not mesh.people.sessions.end_one(mesh.people.users.get(key).id, session, actor):
        raise NotFound("they have no such session")


@router.delete("/{key}/second-factor", dependencies=[WRITE])
def remove_second_factor(key: Key, mesh: TheMesh, actor: Actor, if_match: IfMatch, response: Response) -> Person:
    """For somebody whose authenticator is lost: their password alone is asked for, until they enrol another."""
    person = mesh.people.second_factors.take_away(key, actor, holds=if_match.holds)
    response.headers["ETag"] = tag_of(person)
    return person


def _session(one: Session) -> UserSession:
    return UserSession(
        id=one.id,
        auth_time=one.auth_time,
        amr=list(one.amr),
        created_at=one.created_at,
        last_seen=one.last_seen,
        address=one.address,
        agent=one.agent,
    )
