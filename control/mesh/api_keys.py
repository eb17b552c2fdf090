"""API keys as the mesh has them: each change is a version, so that a removed key is refused within a push."""

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from control.identity import Applications, api_keys
from control.identity.api_keys import ApiKeyChanges, ApiKeyInfo
from control.store.audit import record

from .inputs import builtin_issuer
from .ledger import Ledger
from .versions import Version

Holds = Callable[[ApiKeyInfo], None]
"""Looks at it in the transaction that changes it, and raises Stale if the caller has not seen it so."""


class ApiKeys:
    """The API keys of one mesh. Thread-safe. ``key`` is a key's name or id."""

    def __init__(self, ledger: Ledger, applications: Applications) -> None:
        self._ledger, self._applications = ledger, applications

    def create(
        self,
        subject: str,
        actor: str,
        *,
        name: str | None = None,
        application: str | None = None,
        scopes: Sequence[str] = (),
        expires_at: int = 0,
    ) -> tuple[ApiKeyInfo, str, Version]:
        """A new key, its text (shown this once), and the version that tells the sidecars."""
        client_id = "" if application is None else self._applications.get(application).client_id
        with self._ledger.change("keys", actor, "API key added") as (session, version):
            made, text = api_keys.create(
                session,
                subject,
                self._ledger.clock(),
                name=name,
                client_id=client_id,
                scopes=scopes,
                expires_at=expires_at,
            )
            said = {"id": made.id, "of": subject, "client_id": client_id, "scopes": made.scopes}
            record(session, self._ledger.clock(), actor, "api_key.create", made.name, **said, expires_at=expires_at)
        return made, text, version

    def list(self) -> "list[ApiKeyInfo]":
        """All of them, by name."""
        with self._ledger.database.read() as session:
            return api_keys.all_keys(session)

    def get(self, key: str) -> ApiKeyInfo:
        """One of them; NotFound."""
        with self._ledger.database.read() as session:
            return api_keys.find(session, key)

    def update(
        self, key: str, actor: str, changes: ApiKeyChanges, *, holds: Holds | None = None
    ) -> tuple[ApiKeyInfo, Version]:
        """Change what is named in ``changes``, if the key is as ``holds`` wants it."""
        with self._ledger.change("keys", actor, "API key changed") as (session, version):
            _check(session, key, holds)
            changed = api_keys.update(session, key, changes, self._ledger.clock())
            said = {name: value if isinstance(value, str | int) else list(value) for name, value in changes.items()}  # type: ignore[call-overload]  # the values of a TypedDict are objects to mypy
            record(session, self._ledger.clock(), actor, "api_key.update", changed.name, id=changed.id, changes=said)
        return changed, version

    def remove(self, key: str, actor: str, *, holds: Holds | None = None) -> Version:
        """It is refused from the next push on."""
        with self._ledger.change("keys", actor, "API key removed") as (session, version):
            _check(session, key, holds)
            gone = api_keys.remove(session, key)
            record(session, self._ledger.clock(), actor, "api_key.remove", gone.name, id=gone.id, of=gone.subject)
        return version

    def revoked_by(self, by: str, values: Sequence[str], before: int) -> bool:
        """Does a revocation of these name a key? It must then be kept for good, as a key outlives every token."""
        match by:
            case "jti":
                return False
            case "issuer":
                return any(key.created_at <= before for key in self.list())
        parts = ((key.subject if by == "subject" else key.client_id, key.created_at) for key in self.list())
        return any(part in values and created_at <= before for part, created_at in parts)

    def counts_somewhere(self) -> bool:
        """Does the policy in force have an issuer for keys, and a route that takes them?"""
        return any(
            builtin_issuer(policy) in service.issuers
            and any(s.kind == "api_key" for route in service.routes for s in route.credentials)
            for policy in self._ledger.policies()
            for service in policy.services
        )


def _check(session: Session, key: str, holds: Holds | None) -> None:
    if holds is not None:
        holds(api_keys.find(session, key))
