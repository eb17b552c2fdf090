"""Clients that send people to us: an application, and where it may have them sent back to.

A redirect URI is compared as text and never by likeness (RFC 9700 section 2.1); a native application's loopback port
alone is free (RFC 8252 section 7.3). Knows nothing of secrets: ``applications`` proves who is who.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import select

from control.errors import Conflict, Invalid
from control.store import Database
from control.store.audit import record
from control.store.tables import ApplicationRow, OAuthClientRow

MAX_URIS = 20
MAX_URI = 2000
_LOOPBACK = ("127.0.0.1", "::1")
_DANGEROUS = frozenset({"javascript", "data", "vbscript", "file", "about", "blob"})


@dataclass(frozen=True, slots=True)
class Registration:
    """``public``: it cannot keep a secret, and proves itself by PKCE alone."""

    client_id: str
    redirect_uris: tuple[str, ...]
    public: bool

    def may_return_to(self, uri: str) -> bool:
        """Is ``uri`` one of those registered?"""
        return any(uri == known or _same_but_for_port(uri, known) for known in self.redirect_uris)


class Clients:
    """The registrations in the store. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(
        self, client_id: str, redirect_uris: Sequence[str], actor: str, now: float, *, public: bool = False
    ) -> Registration:
        """Let the application ask people; Invalid, or Conflict if it may already or if there is none."""
        uris = list(dict.fromkeys(redirect_uris))
        if not 1 <= len(uris) <= MAX_URIS or not all(_is_redirect_uri(uri) for uri in uris):
            raise Invalid("redirect URIs are absolute, without fragment, and https unless they lead to a loopback")
        with self._database.write() as session:
            known = session.scalar(select(ApplicationRow.name).where(ApplicationRow.client_id == client_id))
            if known is None or session.get(OAuthClientRow, client_id) is not None:
                raise Conflict("there is no such application, or it is registered already")
            session.add(OAuthClientRow(client_id=client_id, redirect_uris=uris, public=public))
            record(session, now, actor, "application.redirects", known, redirect_uris=uris, public=public)
        return Registration(client_id, tuple(uris), public)

    def get(self, client_id: str) -> Registration | None:
        """Of that application, if it may ask people."""
        if len(client_id) > 64 or not client_id.isascii() or not client_id.isprintable():
            return None
        with self._database.read() as session:
            row = session.get(OAuthClientRow, client_id)
            return None if row is None else Registration(row.client_id, tuple(row.redirect_uris), row.public)


def _is_redirect_uri(uri: str) -> bool:
    if len(uri) > MAX_URI or not uri.isascii() or not uri.isprintable() or " " in uri or "\\" in uri or "#" in uri:
        return False
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or parts.scheme in _DANGEROUS:
        return False
    if parts.scheme == "https":
        return bool(host)
    if parts.scheme == "http":
        return host in (*_LOOPBACK, "localhost")
    return "." in parts.scheme  # a native application's own, by a name it holds: RFC 8252 section 7.1


def _same_but_for_port(uri: str, known: str) -> bool:
    """RFC 8252 section 7.3: of a loopback address, not of a name."""
    if not _is_redirect_uri(uri):
        return False
    one, other = urlsplit(uri), urlsplit(known)
    if one.scheme != "http" or other.scheme != "http" or other.hostname not in _LOOPBACK:
        return False
    return (one.hostname, one.path, one.query) == (other.hostname, other.path, other.query)
