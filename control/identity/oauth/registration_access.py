"""Registration access tokens (RFC 7592): by which a client that registered itself comes back to what it registered.

Of a token its hash is kept, and beside it what the client last said of itself: what is no longer so was changed by an
operator, and is the operator's from then on. A token lasts as long as the registration.
"""

import secrets
from collections.abc import Callable

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from control.identity.credentials import hash_of, matches, new_secret
from control.store import Database
from control.store.tables import ApplicationRow, RegistrationAccessRow

from .client_metadata import ClientMetadata

PREFIX = "sgm_"
_NOBODY = hash_of(secrets.token_bytes(32))
_OF_CLIENT = (
    select(RegistrationAccessRow.token_hash)
    .join(ApplicationRow, ApplicationRow.client_id == RegistrationAccessRow.client_id)
    .where(RegistrationAccessRow.client_id == bindparam("client_id"), ApplicationRow.active.is_(True))
)
Opens = Callable[[str, str], bool]


class RegistrationAccess:
    """Those in the store. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(self, client_id: str, metadata: ClientMetadata) -> str:
        """The token of a client that has registered itself so: its text, which is shown this once."""
        token = new_secret(PREFIX)
        with self._database.write() as session:
            row = RegistrationAccessRow(client_id=client_id, token_hash=hash_of(token), said=metadata.told())
            session.add(row)
        return token

    def opens(self, client_id: str, token: str) -> bool:
        """Is it the token of that client, which is there and active? Nobody's takes as long as a wrong one."""
        if len(client_id) > 64 or not client_id.isascii() or not client_id.isprintable():
            client_id = ""
        found = self._database.rows(_OF_CLIENT, client_id=client_id)
        return matches(token, found[0].token_hash if found else _NOBODY) and bool(found)

    def said_method(self, client_id: str) -> str:
        """How it last said that it proves itself; "" of a client that is not there."""
        with self._database.read() as session:
            row = kept(session, client_id)
            return "" if row is None else str(row.said["token_endpoint_auth_method"])


def kept(session: Session, client_id: str) -> RegistrationAccessRow | None:
    """What is kept of that client's token."""
    return session.get(RegistrationAccessRow, client_id)
