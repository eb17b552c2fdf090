"""RP-initiated logout (OpenID Connect) without its page: who asks for it, for whom, and where the browser may go then.

Nothing that cannot be believed is gone to: a place is one of the redirect URIs of a client that the request names, or
whose ID token it brings, to the letter. Whether somebody is signed out is the page's to ask and to do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from authlib.common.urls import add_params_to_uri

from control.identity.applications import Applications
from control.identity.token_request import MAX_PARAMETERS

from .authorization import MAX_QUERY
from .clients import Clients
from .own_tokens import IdToken


@dataclass(frozen=True, slots=True)
class Farewell:
    """``subject``: whom the client means, if it proved by an ID token that it knows them; ``name``: of the client;
    ``location``: where the browser goes when it is done."""

    subject: str | None = None
    name: str | None = None
    location: str | None = None


class Logout:
    """Thread-safe. ``read``: what an ID token of ours says, also when it is over."""

    def __init__(self, applications: Applications, clients: Clients, read: Callable[[str], IdToken | None]) -> None:
        self._applications, self._clients, self._read = applications, clients, read

    def look(self, query: str) -> Farewell:
        """What the query (or the form) asks for. What is wrong with it is overlooked, and nobody sent anywhere."""
        said = _parameters(query)
        hint = self._read(said.get("id_token_hint", ""))
        client_id = said.get("client_id", "" if hint is None else hint.client_id)
        application, registered = self._applications.active(client_id), self._clients.get(client_id)
        if application is None or registered is None or (hint is not None and hint.client_id != client_id):
            return Farewell()
        subject, place = None if hint is None else hint.subject, said.get("post_logout_redirect_uri")
        if place is None or place not in registered.redirect_uris:
            return Farewell(subject, application.name)
        state = [("state", said["state"])] if said.get("state") else []
        return Farewell(subject, application.name, add_params_to_uri(place, state))


def _parameters(query: str) -> dict[str, str]:
    if len(query) > MAX_QUERY or not query.isascii():
        return {}
    try:
        pairs = parse_qsl(query, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return {}
    return dict(pairs) if len(dict(pairs)) == len(pairs) else {}
