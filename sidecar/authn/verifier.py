"""The door: a credential in, a Principal or a Rejection out.

Built once for a snapshot: its keys, its revocations and its cache belong to it, so that a new snapshot begins
with an empty cache and nothing verified under older keys or policy outlives them. The issuer is chosen by the
token's ``iss`` before any key is tried; then its keys, its algorithms and its audiences apply and no other's.
"""

from collections.abc import Mapping
from typing import Any

from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Issuer, Snapshot

from .api_keys import ApiKeys
from .cache import TokenCache
from .credential import Credential
from .jose import Token, parse_token
from .keys import load_keys
from .principal import Principal, check_times, principal_from_claims
from .rejection import Rejection, invalid, shown
from .revocations import Revocations


class Verifier:
    """Verifies credentials under one snapshot. ContractError at construction if a key is weak or out of place."""

    def __init__(self, snapshot: Snapshot, cache: TokenCache | None = None) -> None:
        self._by_name = {issuer.name: issuer for issuer in snapshot.issuers}
        self._by_iss = {issuer.issuer: issuer for issuer in snapshot.issuers}
        self._keys = {issuer.name: load_keys(issuer) for issuer in snapshot.issuers}
        self._api_keys = ApiKeys(snapshot.api_keys, self._by_name)
        self._revocations = Revocations(snapshot.revocations)
        self._cache = TokenCache() if cache is None else cache

    def verify(
        self, credential: Credential, now: float, issuers: tuple[str, ...] | None = None
    ) -> Principal | Rejection:
        """Who calls with ``credential`` at ``now``. ``issuers``: the names of those that the route accepts, or None."""
        if credential.source.kind == "token":
            return self._verify_token(credential.text, now, issuers)
        principal = self._api_keys.find(credential.text, now)
        if isinstance(principal, Rejection):
            return principal
        if issuers is not None and principal.issuer_name not in issuers:
            return _not_accepted(principal.issuer_name)
        return self._revoked(principal) or principal

    def _verify_token(self, token: str, now: float, issuers: tuple[str, ...] | None) -> Principal | Rejection:
        known = self._cache.get(token)
        if known is not None:
            return self._still(token, known, now, issuers)
        parsed = parse_token(token)
        if isinstance(parsed, Rejection):
            return parsed
        issuer = self._select(parsed, issuers)
        if isinstance(issuer, Rejection):
            return issuer
        fault = self._signature_fault(parsed, issuer)
        if fault is not None:
            return fault
        principal = self.admit(issuer.name, parsed.claims, now, issuers)
        if isinstance(principal, Principal):
            self._cache.put(token, principal)
        return principal

    def admit(
        self, issuer_name: str, claims: Mapping[str, Any], now: float, issuers: tuple[str, ...] | None = None
    ) -> Principal | Rejection:
        """Everything but the signature: what ``verify`` does once it holds, and what a policy test begins with."""
        issuer = self._by_name.get(issuer_name)
        if issuer is None or (issuers is not None and issuer_name not in issuers):
            return _not_accepted(issuer_name)
        principal = principal_from_claims(issuer, claims, now)
        if isinstance(principal, Rejection):
            return principal
        return self._revoked(principal) or principal

    def _still(
        self, token: str, principal: Principal, now: float, issuers: tuple[str, ...] | None
    ) -> Principal | Rejection:
        if issuers is not None and principal.issuer_name not in issuers:
            return _not_accepted(principal.issuer_name)
        late = check_times(self._by_name[principal.issuer_name], principal.claims, now)
        if late is not None:
            self._cache.drop(token)
            return late
        return self._revoked(principal) or principal

    def _select(self, token: Token, issuers: tuple[str, ...] | None) -> Issuer | Rejection:
        iss = token.claims.get("iss")
        issuer = self._by_iss.get(iss) if isinstance(iss, str) else None
        if issuer is None:
            return invalid(f"iss {shown(iss)} is no issuer of this service")
        if issuers is not None and issuer.name not in issuers:
            return _not_accepted(issuer.name)
        return issuer

    def _signature_fault(self, token: Token, issuer: Issuer) -> Rejection | None:
        if token.algorithm not in issuer.algorithms:
            return invalid(f"alg {shown(token.algorithm)} is not one of issuer {issuer.name}")
        if not issuer.keys_known:
            return Rejection(Reason.KEYS_UNAVAILABLE, f"the keys of issuer {issuer.name} were never obtained")
        key = self._keys[issuer.name].find(token.algorithm, token.key_id)
        if key is None:
            return invalid(f"issuer {issuer.name} has no {token.algorithm} key for kid {shown(token.key_id)}")
        if not key.verifies(token.signing_input, token.signature):
            return invalid(f"the signature does not verify with issuer {issuer.name}'s key")
        return None

    def _revoked(self, principal: Principal) -> Rejection | None:
        by = self._revocations.names(principal)
        return None if by is None else Rejection(Reason.TOKEN_REVOKED, f"revoked by {by}")


def _not_accepted(issuer_name: str) -> Rejection:
    return invalid(f"issuer {shown(issuer_name)} is not accepted here")
