"""One service's policy, keys and revocations: what control compiles and a sidecar enforces.

A snapshot is whole: a sidecar applies all of it or none. Its bytes are msgpack; ``encode`` of equal values
gives equal bytes, and ``decode`` refuses whatever ``encode`` could not have written, so that a sidecar never
enforces half of a policy that it does not fully understand. ``requires`` names capabilities; a sidecar that
lacks one refuses the snapshot. Issuers and rules stand in ``issuer`` and ``route``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from .issuer import ApiKey, ClaimMap, Issuer, Jwk, Workload
from .record import ClaimPath, Count, Range, Text, plain, read
from .route import ClaimRule, Deny, FieldMatch, HeaderChanges, RateLimit, Redirect, Requirement, Respond, Route, Source
from .route import Scalar as Scalar
from .strict import ContractError, pack, unpack

__all__ = [
    "CAPABILITIES",
    "FORMAT",
    "MAX_SNAPSHOT_BYTES",
    "ApiKey",
    "ClaimMap",
    "ClaimPath",
    "ClaimRule",
    "Cors",
    "Deny",
    "FieldMatch",
    "Forward",
    "HeaderChanges",
    "Issuer",
    "Jwk",
    "RateLimit",
    "Redirect",
    "Requirement",
    "Respond",
    "Revocation",
    "Route",
    "Scalar",
    "Snapshot",
    "Source",
    "Workload",
    "decode",
    "encode",
    "redacted",
    "with_requirements",
]

FORMAT = 2
MAX_SNAPSHOT_BYTES = 16 * 1024 * 1024

_BASE = ("claims", "revocations", "routes", "scopes")
_CAPABILITY_OF = {
    "aliases": "issuer_rules",
    "token_type": "issuer_rules",
    "max_lifetime_s": "issuer_rules",
    "required_claims": "issuer_rules",
    "subject_else": "issuer_rules",
    "api_keys": "api_keys",
    "credentials": "credentials",
    "workloads": "callers",
    "when": "conditions",
    "hosts": "matchers",
    "headers": "matchers",
    "query": "matchers",
    "deny": "deny",
    "shadow": "shadow",
    "rate_limits": "rate_limits",
    "cors": "cors",
    "idle_timeout_ms": "limits",
    "total_timeout_ms": "limits",
    "body_bytes": "limits",
    "encoded_slash": "encoded_slash",
    "rewrite": "rewrite",
    "respond": "answers",
    "redirect": "answers",
    "request_headers": "header_changes",
    "response_headers": "header_changes",
    "resource_metadata": "resource_metadata",
}
"""A member that is there -> what a sidecar must be able to do."""
CAPABILITIES = frozenset((*_BASE, *_CAPABILITY_OF.values()))
"""What this version can enforce."""
_NAMEABLE = re.compile(r"(https?://[\x21\x23-\x5b\x5d-\x7e]{1,500})?")
"""A URL that can stand between quotes."""


@dataclass(frozen=True, slots=True)
class Forward:
    """What reaches the service. ``claims``: (header, claim path) pairs. ``token``: is the credential passed on?"""

    claims: tuple[tuple[str, ClaimPath], ...] = ()
    token: Literal["strip", "keep"] = "strip"
    request_headers: HeaderChanges = HeaderChanges()  # noqa: RUF009  # frozen
    response_headers: HeaderChanges = HeaderChanges()  # noqa: RUF009


@dataclass(frozen=True, slots=True)
class Cors:
    """Who may call from a browser (the CORS protocol of the Fetch standard). ``origins``: exact, ``*``, or
    ``https://*.shop.test`` for any one label. ``methods`` empty: those that the path's routes offer."""

    origins: tuple[str, ...]
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ("authorization", "content-type")
    expose: tuple[str, ...] = ()
    credentials: bool = False
    max_age_s: Annotated[int, Range(0, 86_400)] = 600

    def __post_init__(self) -> None:
        if self.credentials and "*" in self.origins:
            raise ContractError("malformed", "credentials for any origin: the Fetch standard forbids it")


@dataclass(frozen=True, slots=True)
class Revocation:
    """Tokens that no longer count. ``by``: ``jti`` | ``subject`` | ``client`` | ``issuer`` (then ``value`` is "").
    ``issuer`` is the issuer's name. Names every token whose ``iat`` is at or before ``before`` (unix seconds; a token
    without ``iat`` counts as old), so that a user may sign in again after it. ``until``: when the last token it can
    name has expired, or 0 if that is not known."""

    issuer: str
    by: Literal["jti", "subject", "client", "issuer"]
    value: Text
    before: Count
    until: Count = 0

    def __post_init__(self) -> None:
        if (self.by == "issuer") != (self.value == ""):
            raise ContractError("malformed", f"value is not what {self.by} needs")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything one service's sidecar needs to decide. Immutable; times are unix seconds. ``resource_metadata``: the
    URL that challenges name (RFC 9728 section 5.1), or ""."""

    trust_domain: str
    service: str
    version: Annotated[int, Range(1)]
    issued_at: Count
    issuers: tuple[Issuer, ...] = ()
    routes: tuple[Route, ...] = ()
    forward: Forward = Forward()
    revocations: tuple[Revocation, ...] = ()
    requires: tuple[str, ...] = _BASE
    deny: tuple[Deny, ...] = ()
    cors: Cors | None = None
    api_keys: tuple[ApiKey, ...] = ()
    workloads: tuple[Workload, ...] = ()
    resource_metadata: Text = ""


def _check_references(snapshot: Snapshot) -> None:
    if not _NAMEABLE.fullmatch(snapshot.resource_metadata):
        raise ContractError("malformed", "resource_metadata is no URL that a challenge could name")
    names = [issuer.name for issuer in snapshot.issuers]
    urls = [url for issuer in snapshot.issuers for url in (issuer.issuer, *issuer.aliases)]
    if len(set(names)) != len(names) or len(set(urls)) != len(urls):
        raise ContractError("malformed", "issuers: a name or an issuer stands twice")
    workloads = {workload.name for workload in snapshot.workloads}
    rules: tuple[Route | Deny, ...] = (*snapshot.routes, *snapshot.deny)
    for rule in rules:
        for named, known in _references(rule, set(names), workloads):
            if unknown := set(named) - known:
                raise ContractError("malformed", f"the rule for {rule.path[:80]} names unknown {min(unknown)[:80]}")
    for key in snapshot.api_keys:
        if key.issuer not in names:
            raise ContractError("malformed", f"api_keys: {key.id[:40]} is of an unknown issuer")
    if len({key.id for key in snapshot.api_keys}) != len(snapshot.api_keys):
        raise ContractError("malformed", "api_keys: an id stands twice")


def _references(
    rule: Route | Deny, issuers: set[str], workloads: set[str]
) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    if isinstance(rule, Deny):
        yield rule.callers, workloads
    else:
        yield rule.issuers or (), issuers
        yield rule.require.callers, workloads
        yield (rule.shadow or Requirement()).callers, workloads


def with_requirements(snapshot: Snapshot) -> Snapshot:
    """The snapshot with the capabilities named that it takes to enforce it."""
    found = {_CAPABILITY_OF[key] for key in _keys(plain(snapshot)) if key in _CAPABILITY_OF}
    return replace(snapshot, requires=tuple(sorted({*_BASE, *found})))


def _keys(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            if key != "keys":  # a JSON Web Key's members are not ours
                yield from _keys(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _keys(item)


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot's bytes, the same for equal snapshots. What has its default is left out."""
    return pack({"format": FORMAT, **plain(snapshot)})


def decode(data: bytes) -> Snapshot:
    """The snapshot in ``data``; ContractError if it is not exactly one that this version can enforce."""
    if len(data) > MAX_SNAPSHOT_BYTES:
        raise ContractError("too_large", f"snapshot over {MAX_SNAPSHOT_BYTES} bytes")
    value = unpack(data)
    _check_capabilities(value)
    if not isinstance(value, dict) or value.pop("format", None) != FORMAT:
        raise ContractError("malformed", f"not a snapshot of format {FORMAT}")
    snapshot = read(Snapshot, value, "snapshot")
    _check_references(snapshot)
    if encode(snapshot) != data:
        raise ContractError("malformed", "snapshot: not in the one form in which it is written")
    return snapshot


def _check_capabilities(value: object) -> None:
    # First, so that a snapshot from a newer control is refused for its true reason and not for a strange key.
    if isinstance(value, dict) and isinstance(value.get("requires"), list):
        lacking = sorted({str(word)[:40] for word in value["requires"]} - CAPABILITIES)
        if lacking:
            raise ContractError("lacks_capability", f"this sidecar cannot enforce: {', '.join(lacking)}")


def redacted(snapshot: Snapshot) -> dict[str, object]:
    """The snapshot as JSON-ready values with every secret key left out: what ``/snapshot`` shows. API keys are shown by
    their ids."""
    shown = plain(snapshot)
    for issuer in shown.get("issuers", ()):
        if "keys" in issuer:
            issuer["keys"] = [_public_part(key) for key in issuer["keys"]]
    for key in shown.get("api_keys", ()):
        del key["secret_hash"]
    return shown


_PRIVATE_MEMBERS = frozenset({"k", "d", "p", "q", "dp", "dq", "qi", "oth"})


def _public_part(key: Jwk) -> dict[str, str]:
    return {name: ("(secret)" if name in _PRIVATE_MEMBERS else value) for name, value in key.items()}
