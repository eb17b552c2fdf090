"""API keys: credentials without a signature, ``sgk_<id>_<secret>``.

The id finds the key, the SHA-256 of the whole text proves it, compared in constant time; the snapshot never holds the
secret. What comes out is a principal as a token's would be, so that scopes, claims and revocations of its subject,
client or issuer apply alike.
"""

import hashlib
import hmac
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import ApiKey, Issuer
from sidecar.contract.strict import ContractError

from .principal import Principal, is_name, is_scope
from .rejection import Rejection, invalid, shown

MAX_KEY_CHARS = 256
_KEY = re.compile(r"sgk_([0-9A-Za-z-]{1,64})_[0-9A-Za-z_-]+")
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_HASH = re.compile(r"[0-9a-f]{64}")
_NOBODY = "0" * 64
"""Compared with where no key has the id, so that ids cannot be told apart by time."""


@dataclass(frozen=True, slots=True)
class _Known:
    secret_hash: str = field(repr=False)
    principal: Principal


class ApiKeys:
    """A snapshot's API keys by id. ContractError if one could never be used."""

    def __init__(self, keys: tuple[ApiKey, ...], issuers: Mapping[str, Issuer]) -> None:
        self._known: dict[str, _Known] = {}
        for key in keys:
            if fault := _fault(key):
                raise ContractError("bad_key", f"API key {shown(key.id)}: {fault}")
            self._known[key.id] = _Known(key.secret_hash, _principal(key, issuers[key.issuer]))

    def find(self, text: str, now: float) -> Principal | Rejection:
        """Who calls with the key ``text`` at ``now``."""
        parts = _KEY.fullmatch(text) if len(text) <= MAX_KEY_CHARS else None
        if parts is None:
            return invalid("the API key is not of the form sgk_<id>_<secret>")
        known = self._known.get(parts[1])
        wanted = _NOBODY if known is None else known.secret_hash
        digest = hashlib.sha256(text.encode("ascii")).hexdigest()
        if not hmac.compare_digest(digest, wanted) or known is None:
            return invalid(f"no API key {shown(parts[1])} has this secret")
        if known.principal.expires_at <= now:
            late = now - known.principal.expires_at
            return Rejection(Reason.TOKEN_EXPIRED, f"API key {parts[1]} expired {late:.0f} s ago")
        return known.principal


def _fault(key: ApiKey) -> str | None:
    if not _ID.fullmatch(key.id):
        return "the id is not of letters, digits and hyphens"
    if not _HASH.fullmatch(key.secret_hash):
        return "what should be its SHA-256 in hexadecimal is not"
    if not is_name(key.subject) or not (key.client == "" or is_name(key.client)):
        return "the subject or the client holds a control character"
    return None if all(map(is_scope, key.scopes)) else "a scope holds a space or a control character"


def _principal(key: ApiKey, issuer: Issuer) -> Principal:
    claims: dict[str, Any] = {"iss": issuer.issuer, "sub": key.subject, "scope": " ".join(key.scopes)}
    if key.client:
        claims["client_id"] = key.client
    if key.expires_at:
        claims["exp"] = key.expires_at
    if key.issued_at:
        claims["iat"] = key.issued_at
    return Principal(
        issuer_name=issuer.name,
        issuer=issuer.issuer,
        subject=key.subject,
        client=key.client or None,
        scopes=frozenset(key.scopes),
        claims=claims,
        expires_at=float(key.expires_at) if key.expires_at else math.inf,
        token_id=None,
    )
