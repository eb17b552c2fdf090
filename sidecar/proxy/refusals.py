"""A reason as a response: one match, no default, so that a new reason does not compile without its answer.

The problem document (RFC 9457) says what every caller may know: the status, the stable word, which decision and
which snapshot. Why exactly is in the log, under the same ``decision_id``.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import assert_never

from sidecar.authz.evaluator import Decision
from sidecar.contract.reasons import Reason, status_of

from .answers import Answer

RETRY_AFTER_S = 1

Extra = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """``detail`` is private. ``allow``: the methods of a 405; ``scope``: what a 403 challenge names; ``schemes``: how a
    credential may be shown; ``metadata``: where it is said who gives one (RFC 9728)."""

    reason: Reason
    detail: str = ""
    allow: tuple[str, ...] = ()
    scope: str = ""
    retry_after_s: int = 0
    schemes: tuple[str, ...] = ("Bearer",)
    metadata: str = ""


def refusal_of(decision: Decision, metadata: str = "") -> Refusal:
    """A decision that is no, as a refusal. ``metadata``: as the snapshot names it."""
    kinds = {source.kind for source in decision.route.credentials} if decision.route else set()
    schemes = tuple(_SCHEMES[kind] for kind in _SCHEMES if kind in kinds) or ("Bearer",)
    allow, scope, wait_s = decision.allow_methods, decision.scope, decision.retry_after_s
    return Refusal(decision.reason, decision.detail, allow, scope, wait_s, schemes, metadata)


def answer(refusal: Refusal, decision_id: str, version: int | None) -> Answer:
    """The response for ``refusal``. ``version``: of the snapshot that decided, if one did."""
    status = HTTPStatus(status_of(refusal.reason))
    sentence, extra = _words(refusal)
    problem = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": sentence,
        "reason": refusal.reason.value,
        "decision_id": decision_id,
        "snapshot": version,
    }
    headers = ((b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"), *extra)
    return Answer(status.value, status.phrase.encode(), headers, json.dumps(problem).encode() + b"\n")


def _words(refusal: Refusal) -> tuple[str, Extra]:
    """The public sentence, and the headers that belong to it."""
    reason = refusal.reason
    match reason:
        case Reason.ALLOWED:
            raise AssertionError("an allowed request was about to be refused")
        case Reason.MALFORMED_REQUEST:
            return "The request is not well-formed HTTP/1.1.", ()
        case Reason.AMBIGUOUS_FRAMING:
            return "The length of the request is ambiguous.", ()
        case Reason.BAD_PATH:
            return "The path cannot be read in one way only.", ()
        case Reason.SEVERAL_CREDENTIALS:
            return "The request has more than one credential.", ()
        case Reason.MISSING_TOKEN:
            # RFC 6750 section 3.1: no error code where no credential was sent.
            return _NEEDED.get(refusal.schemes, "A credential is needed."), _challenges(refusal)
        case Reason.INVALID_TOKEN | Reason.TOKEN_EXPIRED | Reason.TOKEN_REVOKED | Reason.UNPROVEN_TOKEN:
            return "The token does not count here.", _challenges(refusal, 'error="invalid_token"')
        case Reason.INSUFFICIENT_SCOPE:
            return "The token lacks a scope.", _challenges(refusal, _scope_parameters(refusal.scope))
        case Reason.CLAIMS_REFUSED | Reason.CALLER_REFUSED | Reason.CONDITION_REFUSED:
            return "The token's holder may not do this.", ()
        case Reason.DENIED:
            return "This is refused here.", ()
        case Reason.RATE_LIMITED:
            return "Too many requests.", ((b"retry-after", b"%d" % max(RETRY_AFTER_S, refusal.retry_after_s)),)
        case Reason.NO_ROUTE:
            return "There is nothing here.", ()
        case Reason.METHOD_NOT_ALLOWED:
            return "The method is not offered here.", ((b"allow", ", ".join(refusal.allow).encode("ascii")),)
        case Reason.REQUEST_TIMEOUT:
            return "The request came too slowly.", ()
        case Reason.BODY_TOO_LARGE:
            return "The body is too large.", ()
        case Reason.URI_TOO_LONG:
            return "The request line is too long.", ()
        case Reason.HEAD_TOO_LARGE:
            return "The request's headers are too large, or too many.", ()
        case Reason.UPSTREAM_REFUSED:
            return "The service cannot be reached.", ()
        case Reason.UPSTREAM_BROKE:
            return "The service gave no valid response.", ()
        case Reason.UPSTREAM_TIMEOUT:
            return "The service did not respond in time.", ()
        case Reason.NO_SNAPSHOT | Reason.STALE_SNAPSHOT:
            return "There is no policy in force yet, or none fresh enough.", _RETRY
        case Reason.KEYS_UNAVAILABLE:
            return "The issuer's keys are not known yet.", _RETRY
        case Reason.OVERLOADED:
            return "Too much is going on.", _RETRY
        case Reason.DRAINING:
            return "This instance is going away.", _RETRY
        case Reason.UNSUPPORTED_VERSION:
            return "Only HTTP/1.1 and HTTP/1.0 are spoken here.", ()
        case Reason.LOOP_DETECTED:
            return "The request has come by here too often: it goes round in a loop.", ()
        case _:
            assert_never(reason)


_RETRY: Extra = ((b"retry-after", b"%d" % RETRY_AFTER_S),)


_SCHEMES = {"token": "Bearer", "api_key": "ApiKey"}
_NEEDED: dict[tuple[str, ...], str] = {("Bearer",): "A bearer token is needed.", ("ApiKey",): "An API key is needed."}


def _challenges(refusal: Refusal, *parameters: str) -> Extra:
    # One field each: a list of challenges in one field is misread by many (RFC 9110 section 11.6.1).
    named = (f'resource_metadata="{refusal.metadata}"',) if refusal.metadata else ()
    return tuple(
        (b"www-authenticate", _challenge(scheme, (*parameters, *named) if scheme == "Bearer" else parameters))
        for scheme in refusal.schemes
    )


def _challenge(scheme: str, parameters: tuple[str, ...]) -> bytes:
    return f"{scheme} {', '.join(parameters)}".rstrip().encode("ascii")


def _scope_parameters(scope: str) -> str:
    # RFC 6749 appendix A.4: scope tokens are visible ASCII without quotes and backslashes; others are not named.
    if not scope or not all(" " <= character <= "~" and character not in '"\\' for character in scope):
        return 'error="insufficient_scope"'
    return f'error="insufficient_scope", scope="{scope}"'
