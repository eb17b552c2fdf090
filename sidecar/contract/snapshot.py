"""One service's policy, keys and revocations: what control compiles and a sidecar enforces.

A snapshot is whole: a sidecar applies all of it or none. Its bytes are msgpack; ``encode`` of equal values
gives equal bytes, and ``decode`` refuses whatever ``encode`` could not have written, so that a sidecar never
enforces half of a policy that it does not fully understand. ``requires`` names capabilities; a sidecar that
lacks one refuses the snapshot.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .strict import ContractError, Fields, pack, texts, unpack

FORMAT = 1
MAX_SNAPSHOT_BYTES = 16 * 1024 * 1024
CAPABILITIES = frozenset({"routes", "scopes", "claims", "revocations"})
"""What this version can enforce."""

Scalar = str | int | bool
ClaimPath = tuple[str, ...]
"""Steps into the claims: ``("realm_access", "roles")``. A claim name with dots in it is one step."""

Jwk = Mapping[str, str]
"""A JSON Web Key (RFC 7517) reduced to its string members; ``kty`` ``oct`` only where a policy names a secret."""


@dataclass(frozen=True, slots=True)
class ClaimMap:
    """Where an issuer keeps what we need: each a path into the claims."""

    subject: ClaimPath = ("sub",)
    scopes: ClaimPath = ("scope",)
    client: ClaimPath = ("client_id",)
    roles: ClaimPath = ("roles",)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens count. ``keys_known`` is False when its keys were never obtained: 503, not 401."""

    name: str
    issuer: str
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    leeway_s: int = 5
    claims: ClaimMap = ClaimMap()
    keys: tuple[Jwk, ...] = field(default=(), repr=False)  # an oct key is a secret
    keys_known: bool = True


@dataclass(frozen=True, slots=True)
class ClaimRule:
    """``equals``: the claim is exactly values[0], of the same type. ``any``: the claim, or a member of it if it is
    a list, is among the values. ``all``: the claim is a list that holds every value. ``present``: it is there and
    not null (values is empty)."""

    path: ClaimPath
    test: Literal["equals", "any", "all", "present"]
    values: tuple[Scalar, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a route asks of a principal: all of ``scopes``, one of ``any_scope`` if any, every claim rule."""

    scopes: tuple[str, ...] = ()
    any_scope: tuple[str, ...] = ()
    claims: tuple[ClaimRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One rule; the first whose path and method match decides. ``methods`` None means any."""

    path: str
    methods: tuple[str, ...] | None = None
    access: Literal["token", "public"] = "token"
    issuers: tuple[str, ...] | None = None
    require: Requirement = Requirement()
    timeout_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Forward:
    """What reaches the service. ``headers``: (name, claim path) pairs. ``token``: is the credential passed on?"""

    headers: tuple[tuple[str, ClaimPath], ...] = ()
    token: Literal["strip", "keep"] = "strip"


@dataclass(frozen=True, slots=True)
class Revocation:
    """Tokens that no longer count. ``by``: ``jti`` | ``subject`` | ``client`` | ``issuer`` (then ``value`` is "").
    ``issuer`` is the issuer's name. Names every token whose ``iat`` is at or before ``before`` (unix seconds; a token
    without ``iat`` counts as old), so that a user may sign in again after it. ``until``: when the last token it can
    name has expired, or 0 if that is not known."""

    issuer: str
    by: Literal["jti", "subject", "client", "issuer"]
    value: str
    before: int
    until: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything one service's sidecar needs to decide. Immutable; times are unix seconds."""

    trust_domain: str
    service: str
    version: int
    issued_at: int
    issuers: tuple[Issuer, ...] = ()
    routes: tuple[Route, ...] = ()
    forward: Forward = Forward()
    revocations: tuple[Revocation, ...] = ()
    requires: tuple[str, ...] = field(default=tuple(sorted(CAPABILITIES)))


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot's bytes, the same for equal snapshots."""
    return pack({"format": FORMAT, **dataclasses.asdict(snapshot)})


def decode(data: bytes) -> Snapshot:
    """The snapshot in ``data``; ContractError if it is not exactly one that this version can enforce."""
    if len(data) > MAX_SNAPSHOT_BYTES:
        raise ContractError("too_large", f"snapshot over {MAX_SNAPSHOT_BYTES} bytes")
    value = unpack(data)
    _check_capabilities(value)
    with Fields(value, "snapshot") as f:
        f.number("format", FORMAT, FORMAT)
        snapshot = Snapshot(
            trust_domain=f.text("trust_domain"),
            service=f.text("service"),
            version=f.number("version", 1),
            issued_at=f.number("issued_at"),
            issuers=f.each("issuers", _issuer),
            routes=f.each("routes", _route),
            forward=f.one("forward", _forward),
            revocations=f.each("revocations", _revocation),
            requires=f.texts("requires"),
        )
    _check_references(snapshot)
    return snapshot


def _check_capabilities(value: object) -> None:
    # First, so that a snapshot from a newer control is refused for its true reason and not for a strange key.
    if isinstance(value, dict) and isinstance(value.get("requires"), list):
        lacking = sorted({str(word)[:40] for word in value["requires"]} - CAPABILITIES)
        if lacking:
            raise ContractError("lacks_capability", f"this sidecar cannot enforce: {', '.join(lacking)}")


def _check_references(snapshot: Snapshot) -> None:
    names = [issuer.name for issuer in snapshot.issuers]
    urls = [issuer.issuer for issuer in snapshot.issuers]
    if len(set(names)) != len(names) or len(set(urls)) != len(urls):
        raise ContractError("malformed", "snapshot.issuers: a name or an issuer stands twice")
    for number, route in enumerate(snapshot.routes):
        unknown = set(route.issuers or ()) - set(names)
        if unknown:
            raise ContractError("malformed", f"snapshot.routes[{number}].issuers: unknown {sorted(unknown)[0]}")


def _issuer(value: object, where: str) -> Issuer:
    with Fields(value, where) as f:
        issuer = Issuer(
            name=f.text("name"),
            issuer=f.text("issuer"),
            audiences=f.texts("audiences"),
            algorithms=f.texts("algorithms"),
            leeway_s=f.number("leeway_s", 0, 600),
            claims=f.one("claims", _claim_map),
            keys=f.each("keys", _jwk),
            keys_known=f.flag("keys_known"),
        )
    if not issuer.audiences or not issuer.algorithms:
        raise ContractError("malformed", f"{where}: an issuer needs an audience and an algorithm")
    return issuer


def _claim_map(value: object, where: str) -> ClaimMap:
    with Fields(value, where) as f:
        return ClaimMap(*(f.one(name, _path) for name in ("subject", "scopes", "client", "roles")))


def _path(value: object, where: str) -> ClaimPath:
    path = texts(value, where)
    if not path:
        raise ContractError("malformed", f"{where}: an empty path")
    return path


def _jwk(value: object, where: str) -> Jwk:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()) or "kty" not in value:
        raise ContractError("malformed", f"{where}: not a JSON Web Key of strings")
    return value


def _route(value: object, where: str) -> Route:
    with Fields(value, where) as f:
        access = f.choice("access", ("token", "public"))
        return Route(
            path=f.text("path"),
            methods=f.maybe("methods", texts),
            access="public" if access == "public" else "token",
            issuers=f.maybe("issuers", texts),
            require=f.one("require", _requirement),
            timeout_ms=f.maybe("timeout_ms", _milliseconds),
        )


def _milliseconds(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 86_400_000:
        raise ContractError("malformed", f"{where}: not within 1 ms and a day")
    return value


def _requirement(value: object, where: str) -> Requirement:
    with Fields(value, where) as f:
        return Requirement(f.texts("scopes"), f.texts("any_scope"), f.each("claims", _claim_rule))


def _claim_rule(value: object, where: str) -> ClaimRule:
    with Fields(value, where) as f:
        path = f.one("path", _path)
        test = f.choice("test", ("equals", "any", "all", "present"))
        values = f.each("values", _scalar)
    if (test == "present") != (not values) or (test == "equals" and len(values) != 1):
        raise ContractError("malformed", f"{where}: {test} with {len(values)} values")
    return ClaimRule(path, test, values)  # type: ignore[arg-type]  # choice() has checked the literal


def _scalar(value: object, where: str) -> Scalar:
    if not isinstance(value, str | int):
        raise ContractError("malformed", f"{where}: neither text, whole number nor boolean")
    return value


def _forward(value: object, where: str) -> Forward:
    with Fields(value, where) as f:
        headers = f.each("headers", _header)
        token = f.choice("token", ("strip", "keep"))
    return Forward(headers, "keep" if token == "keep" else "strip")


def _header(value: object, where: str) -> tuple[str, ClaimPath]:
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str) or not value[0]:
        raise ContractError("malformed", f"{where}: not a header name and a claim path")
    return value[0], _path(value[1], where)


def _revocation(value: object, where: str) -> Revocation:
    with Fields(value, where) as f:
        issuer, by = f.text("issuer"), f.choice("by", ("jti", "subject", "client", "issuer"))
        value_ = f.raw("value")
        before, until = f.number("before"), f.number("until")
    if not isinstance(value_, str) or (by == "issuer") != (value_ == ""):
        raise ContractError("malformed", f"{where}.value: not what {by} needs")
    return Revocation(issuer, by, value_, before, until)  # type: ignore[arg-type]  # choice() has checked the literal


def redacted(snapshot: Snapshot) -> dict[str, object]:
    """The snapshot as JSON-ready values with every secret key left out: what ``/snapshot`` shows."""
    shown = dataclasses.asdict(snapshot)
    for issuer in shown["issuers"]:
        issuer["keys"] = [_public_part(key) for key in issuer["keys"]]
    return shown


_PRIVATE_MEMBERS = frozenset({"k", "d", "p", "q", "dp", "dq", "qi", "oth"})


def _public_part(key: Jwk) -> dict[str, str]:
    return {name: ("(secret)" if name in _PRIVATE_MEMBERS else value) for name, value in key.items()}
