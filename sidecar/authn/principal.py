"""Verified claims -> who calls, or why they do not count (RFC 7519 section 4.1, RFC 8725, RFC 9068 section 4).

Every claim that we rely on has exactly one type; a token that bends one is refused and never coerced. Knows
nothing of signatures: the caller has verified them, or is a policy test that needs none.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import ClaimMap, ClaimPath, Issuer

from .claims import ABSENT, claim_at, written
from .rejection import Rejection, invalid, shown

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LATEST = 2.0**53
MAX_NAME_CHARS = 500
"""Of a subject, a client or a ``jti``: what is longer could not be revoked by it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. ``expires_at`` is ``exp``; ``token_id`` is ``jti``."""

    issuer_name: str
    issuer: str
    subject: str
    client: str | None
    scopes: frozenset[str]
    claims: Mapping[str, Any] = field(repr=False)
    expires_at: float
    token_id: str | None
    derived: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What others have worked out from the rest alone: found again with the token, and gone with it."""


class _Bad(Exception):  # noqa: N818  # never leaves this module
    """A claim that does not count; carries the detail."""


def principal_from_claims(issuer: Issuer, claims: Mapping[str, Any], now: float) -> Principal | Rejection:
    """The principal that ``claims`` of ``issuer`` name at ``now``."""
    try:
        _check_issuer_and_audience(issuer, claims)
        _check_rules(issuer, claims)
        late = check_times(issuer, claims, now)
        if late is not None:
            return late
        if "cnf" in claims:  # RFC 7800: possession of a key must be proven, and no proof is looked at yet
            return Rejection(Reason.UNPROVEN_TOKEN, "the token is bound to a key (cnf) and comes without proof")
        if "sub" in claims:
            _name(claims["sub"], "sub")
        return Principal(
            issuer_name=issuer.name,
            issuer=issuer.issuer,
            subject=_subject(issuer.claims, claims),
            client=_client(issuer.claims, claims),
            scopes=_scopes(issuer.claims, claims),
            claims=claims,
            expires_at=float(claims["exp"]),
            token_id=_name(claims["jti"], "jti") if "jti" in claims else None,
        )
    except _Bad as bad:
        return invalid(str(bad))


def check_times(issuer: Issuer, claims: Mapping[str, Any], now: float) -> Rejection | None:
    """Why the token does not count at ``now``, or None. Also asked on every cache hit."""
    leeway = issuer.leeway_s
    try:
        expires = _numeric_date(claims, "exp")
        starts, issued = _numeric_date(claims, "nbf"), _numeric_date(claims, "iat")
    except _Bad as bad:
        return invalid(str(bad))
    if expires is None:
        return invalid("exp is missing")
    if expires <= now - leeway:
        return Rejection(Reason.TOKEN_EXPIRED, f"expired {now - expires:.0f} s ago (leeway {leeway} s)")
    if starts is not None and starts > now + leeway:
        return invalid(f"nbf is {starts - now:.0f} s ahead (leeway {leeway} s)")
    if issued is not None and issued > now + leeway:
        return invalid(f"iat is {issued - now:.0f} s ahead (leeway {leeway} s)")
    return None


@dataclass(frozen=True, slots=True)
class Validity:
    """When a token counts, in the terms of ``check_times``: ``starts`` is the later of ``nbf`` and ``iat``."""

    starts: float
    expires: float
    leeway_s: int

    def holds(self, now: float) -> bool:
        """Would ``check_times`` have nothing against it?"""
        return self.expires > now - self.leeway_s and self.starts <= now + self.leeway_s


def validity(issuer: Issuer, principal: Principal) -> Validity:
    """When the token of ``principal`` counts."""
    claims = principal.claims
    starts = max(float(claims.get("nbf", -math.inf)), float(claims.get("iat", -math.inf)))
    return Validity(starts, principal.expires_at, issuer.leeway_s)


def _check_issuer_and_audience(issuer: Issuer, claims: Mapping[str, Any]) -> None:
    iss = claims.get("iss", ABSENT)
    if not isinstance(iss, str) or iss not in (issuer.issuer, *issuer.aliases):
        raise _Bad(f"iss is {shown(iss)}, wanted {issuer.issuer!r}")
    where = written(issuer.claims.audience)
    audience = claim_at(claims, issuer.claims.audience)
    members = [audience] if isinstance(audience, str) else audience
    if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
        raise _Bad(f"{where} is {shown(audience)}, neither a string nor a list of strings")
    if not set(members) & set(issuer.audiences):
        raise _Bad(f"{where} is {shown(audience)}, wanted one of {', '.join(issuer.audiences)}")


def _check_rules(issuer: Issuer, claims: Mapping[str, Any]) -> None:
    """What this issuer's tokens must hold beyond what every token must."""
    if isinstance(claims.get("events"), Mapping):  # RFC 8417: it tells of something and lets nobody in
        raise _Bad("events: a security event token (a logout token, say) is no access token")
    for path in issuer.required_claims:
        if claim_at(claims, path) in (ABSENT, None):
            raise _Bad(f"{written(path)} is missing, which issuer {issuer.name}'s tokens must have")
    if issuer.max_lifetime_s is not None:
        issued, expires = _numeric_date(claims, "iat"), _numeric_date(claims, "exp")
        if issued is None:
            raise _Bad("iat is missing, without which the token's lifetime is not known")
        if expires is not None and expires - issued > issuer.max_lifetime_s:
            raise _Bad(f"made for {expires - issued:.0f} s, more than {issuer.max_lifetime_s} s")


def _numeric_date(claims: Mapping[str, Any], name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Bad(f"{name} is {shown(value)}, not a number (RFC 7519 section 2, NumericDate)")
    if not -_LATEST <= value <= _LATEST or not math.isfinite(value):
        raise _Bad(f"{name} is {shown(value)}, out of bounds")
    return value


def is_name(value: object) -> TypeGuard[str]:
    """May ``value`` name somebody? Control characters could forge a header or a log line."""
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARS and not _CONTROL.search(value)


def is_scope(value: object) -> TypeGuard[str]:
    """May ``value`` be one scope? A space would make two of it once scopes are joined (RFC 6749 section 3.3), and so
    would any that Unicode has, to a service that splits at those."""
    return isinstance(value, str) and value != "" and value.isprintable() and " " not in value


def _name(value: object, where: str) -> str:
    if not is_name(value):
        raise _Bad(
            f"{where} is {shown(value)}, not a string of 1 to {MAX_NAME_CHARS} characters without control characters"
        )
    return value


def _subject(where: ClaimMap, claims: Mapping[str, Any]) -> str:
    value = claim_at(claims, where.subject)
    if value is ABSENT and where.subject_else:
        return _name(claim_at(claims, where.subject_else), written(where.subject_else))
    return _name(value, written(where.subject))


def _client(where: ClaimMap, claims: Mapping[str, Any]) -> str | None:
    for path in where.client:
        value = claim_at(claims, path)
        if value is not ABSENT:
            return _name(value, written(path))
    return None


def _scopes(where: ClaimMap, claims: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(scope for path in where.scopes for scope in _scopes_at(path, claims))


def _scopes_at(path: ClaimPath, claims: Mapping[str, Any]) -> list[str]:
    value = claim_at(claims, path)
    if value is ABSENT:
        return []
    items = [item for item in value.split(" ") if item] if isinstance(value, str) else value
    if not isinstance(items, list):
        raise _Bad(f"{written(path)} is {shown(value)}, neither a string nor a list of strings")
    for item in items:
        if not is_scope(item):
            raise _Bad(f"{written(path)} holds {shown(item)}, which is not a scope")
    return items
