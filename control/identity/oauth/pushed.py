"""Pushed authorization requests (RFC 9126): a client sends its request ahead, and people bring its name alone.

What is sent ahead is looked at as if people had brought it, is kept for a while, serves its own client, and one answer.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6749.endpoint import Endpoint
from sqlalchemy import delete, func, select

from control.identity.credentials import hash_of, new_secret
from control.store import Database
from control.store.tables import PushedRequestRow

from .authorization import Authorization, Refused
from .claimant import AUTH_METHODS

PREFIX = "urn:ietf:params:oauth:request_uri:"
LIFETIME_S = 600
"""Long enough to sign in, with a second factor, on the way."""
AGAIN_S = 30
"""So long an answer can be given once more by who gave it: the button was clicked twice, and the browser shows what
comes of the second click (section 4 lets a server do so)."""
MAX_WAITING = 1000
"""Of one client."""
_PROOF = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


class PushedRequests:
    """Those in the store, under the hash of their name. Thread-safe."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock

    def push(self, client_id: str, query: str) -> str | None:
        """Keep it: its ``request_uri``, or None if too many of that client's wait."""
        name, now = new_secret(PREFIX), int(self._clock())
        with self._database.write() as session:
            session.execute(delete(PushedRequestRow).where(PushedRequestRow.expires_at <= now))
            waits = (PushedRequestRow.client_id == client_id) & PushedRequestRow.answered_by.is_(None)
            if (session.scalar(select(func.count()).select_from(PushedRequestRow).where(waits)) or 0) >= MAX_WAITING:
                return None
            kept = {"client_id": client_id, "query": query, "expires_at": now + LIFETIME_S}
            session.add(PushedRequestRow(hash=hash_of(name), **kept))
        return name

    def find(self, name: str, client_id: str) -> str | None:
        """The query of that name, if that client sent it ahead and it waits still."""
        with self._database.read() as session:
            row = session.get(PushedRequestRow, hash_of(name))
            if row is None or row.client_id != client_id or row.expires_at <= self._clock():
                return None
            return row.query

    def take(self, name: str, subject: str) -> bool:
        """It is answered by ``subject`` ("": by a no); False if it was already, otherwise or too long ago."""
        now = int(self._clock())
        with self._database.write() as session:
            row = session.get(PushedRequestRow, hash_of(name))
            if row is None or row.expires_at <= now:
                return False
            if row.answered_by is None:
                row.answered_by, row.expires_at = subject, min(row.expires_at, now + AGAIN_S)
            return row.answered_by == subject


class PushedRequestEndpoint(Endpoint):  # type: ignore[misc]  # Authlib has no types
    """Section 2. Authlib has none of its own."""

    ENDPOINT_NAME = "pushed_authorization_request"

    def __init__(self, server: Any, authorization: Authorization, pushed: PushedRequests) -> None:
        super().__init__(server)
        self._authorization, self._pushed = authorization, pushed

    def create_endpoint_response(self, request: Any) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Section 2.2; OAuth2Error for what would be refused of people as well."""
        client = self.server.authenticate_client(request, AUTH_METHODS, self.ENDPOINT_NAME)
        said = {name: value for name, value in request.form.items() if name not in _PROOF}
        if "request_uri" in said or said.setdefault("client_id", client.client_id) != client.client_id:
            raise InvalidRequestError("request_uri has no place here, and client_id is the client's own")
        query = urlencode([*said.items(), *(("resource", one) for one in request.resources or ())])
        try:
            self._authorization.look(query)
        except Refused as refused:
            raise OAuth2Error(refused.description, error=refused.error) from refused
        name = self._pushed.push(client.client_id, query)
        if name is None:
            raise OAuth2Error("too many requests of this client wait", error="temporarily_unavailable", status_code=429)
        return 201, {"request_uri": name, "expires_in": LIFETIME_S}, default_json_headers
