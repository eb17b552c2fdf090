"""The door: a credential in, a Principal or a Rejection out.

Built once for a snapshot. The issuer is chosen by the token's ``iss`` before any key is tried; then its keys, its
algorithms, its audiences and its rules apply and no other's. A token that verified is found again by its digest; what
can change meanwhile (the time, revocations, which issuers a route takes) is asked every time.
"""

from collections.abc import Mapping
from copy import copy
from typing import Any

from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Revocation, Snapshot
from sidecar.contract.strict import ContractError

from .api_keys import ApiKeys
from .cache import CacheCounts, digest_of
from .credential import Credential
from .jose import MAX_TOKEN_CHARS, Token, parse_token
from .principal import Principal, check_times, principal_from_claims
from .rejection import Rejection, invalid, shown
from .revocations import Revocations
from .trusted import TrustedIssuer

Accepted = tuple[str, ...] | None
"""The names of the issuers that a route accepts; None is all."""


class Verifier:
    """Verifies credentials under one snapshot. ``before``: the one it takes the place of; what that one knows of an
    issuer is taken over if the issuer is the same in every part. ContractError at construction if a key is weak or
    out of place."""

    def __init__(self, snapshot: Snapshot, before: "Verifier | None" = None) -> None:
        earlier = {} if before is None else before.issuers
        self.counts: CacheCounts = CacheCounts() if before is None else before.counts
        self.issuers: dict[str, TrustedIssuer] = {}
        for issuer in snapshot.issuers:
            same = earlier.get(issuer.name)
            self.issuers[issuer.name] = same if same and same.issuer == issuer else TrustedIssuer(issuer, self.counts)
        self._by_iss: dict[str, TrustedIssuer] = {}
        for name, trusted in self.issuers.items():
            for iss in (trusted.issuer.issuer, *trusted.issuer.aliases):
                if self._by_iss.setdefault(iss, trusted) is not trusted:
                    raise ContractError("malformed", f"issuer {name}: {iss[:80]} is another issuer's already")
        self._api_keys = ApiKeys(snapshot.api_keys, {issuer.name: issuer for issuer in snapshot.issuers})
        self._revocations: Revocations = Revocations(snapshot.revocations, before._revocations if before else None)

    def with_revocations(self, revocations: tuple[Revocation, ...]) -> "Verifier":
        """The same keys, rules and cache under other revocations."""
        other = copy(self)
        other._revocations = Revocations(revocations, self._revocations)
        return other

    def verify(self, credential: Credential, now: float, issuers: Accepted = None) -> Principal | Rejection:
        """Who calls with ``credential`` at ``now``, on a route that accepts ``issuers``."""
        if credential.source.kind == "token":
            found = self._verify_token(credential.text, now, issuers)
        else:
            found = self._api_keys.find(credential.text, now)
        if isinstance(found, Rejection):
            return found
        if issuers is not None and found.issuer_name not in issuers:
            return _not_accepted(found.issuer_name)
        return self._revoked(found) or found

    def knows_false(self, text: str) -> bool:
        """Is this a token whose signature was found to be false, under the keys that are in force?"""
        digest = digest_of(text)
        return any(trusted.cache.is_false(digest) for trusted in self.issuers.values())

    def admit(
        self, issuer_name: str, claims: Mapping[str, Any], now: float, issuers: Accepted = None
    ) -> Principal | Rejection:
        """Everything but the signature: what ``verify`` does once it holds, and what a policy test begins with."""
        trusted = self.issuers.get(issuer_name)
        if trusted is None or (issuers is not None and issuer_name not in issuers):
            return _not_accepted(issuer_name)
        principal = principal_from_claims(trusted.issuer, claims, now)
        if isinstance(principal, Rejection):
            return principal
        return self._revoked(principal) or principal

    def _verify_token(self, text: str, now: float, issuers: Accepted) -> Principal | Rejection:
        if len(text) > MAX_TOKEN_CHARS:
            return invalid(f"a token of more than {MAX_TOKEN_CHARS} characters")
        digest = digest_of(text)
        known = self._known(digest, now, issuers)
        if known is not None:
            self.counts.hits += 1
            return known
        self.counts.misses += 1
        token = parse_token(text)
        if isinstance(token, Rejection):
            return token
        trusted = self._select(token, issuers)
        if isinstance(trusted, Rejection):
            return trusted
        fault = trusted.fault(token, digest)
        if fault is not None:
            return fault
        principal = principal_from_claims(trusted.issuer, token.claims, now)
        if isinstance(principal, Principal):
            trusted.cache.put(digest, principal, len(text), now)
        return principal

    def _known(self, digest: bytes, now: float, issuers: Accepted) -> Principal | Rejection | None:
        for trusted in self.issuers.values():
            principal = trusted.cache.get(digest, now)
            if principal is not None:
                trusted.hits += 1
                if issuers is not None and principal.issuer_name not in issuers:
                    return _not_accepted(principal.issuer_name)
                late = check_times(trusted.issuer, principal.claims, now)
                if late is not None:
                    trusted.cache.drop(digest)
                return late or principal
            if trusted.cache.is_false(digest):
                trusted.hits += 1
                return trusted.false_signature()
        return None

    def _select(self, token: Token, issuers: Accepted) -> TrustedIssuer | Rejection:
        iss = token.claims.get("iss")
        trusted = self._by_iss.get(iss) if isinstance(iss, str) else None
        if trusted is None:
            return invalid(f"iss {shown(iss)} is no issuer of this service")
        if issuers is not None and trusted.issuer.name not in issuers:
            return _not_accepted(trusted.issuer.name)
        return trusted

    def _revoked(self, principal: Principal) -> Rejection | None:
        by = self._revocations.names(principal)
        return None if by is None else Rejection(Reason.TOKEN_REVOKED, f"revoked by {by}")


def _not_accepted(issuer_name: str) -> Rejection:
    return invalid(f"issuer {shown(issuer_name)} is not accepted here")
