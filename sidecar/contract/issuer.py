"""Whose credentials count: issuers with their keys, API keys, and the workloads that policy may name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from .record import ClaimPath, Count, Range, Text
from .strict import ContractError

Jwk = Mapping[str, str]
"""A JSON Web Key (RFC 7517) reduced to its string members; ``kty`` ``oct`` only where a policy names a secret."""


@dataclass(frozen=True, slots=True)
class ClaimMap:
    """Where an issuer keeps what we need. ``scopes`` and ``roles``: the union of all that is found there. ``client``:
    the first that is there. ``audience``: where the audience stands (Cognito's access tokens have ``client_id``).
    ``subject_else``: the subject of a token that has nothing at ``subject`` (PingOne's machines: ``client_id``)."""

    subject: ClaimPath = ("sub",)
    scopes: tuple[ClaimPath, ...] = (("scope",),)
    client: tuple[ClaimPath, ...] = (("client_id",), ("azp",))
    roles: tuple[ClaimPath, ...] = (("roles",),)
    audience: ClaimPath = ("aud",)
    subject_else: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens count. ``keys_known`` is False when its keys were never obtained: 503, not 401. ``aliases``: other
    spellings of ``iss`` that it uses (Google has two). ``token_type`` ``at+jwt`` refuses any other ``typ`` (RFC 9068
    section 4). ``max_lifetime_s`` bounds ``exp - iat``. ``refreshable``: control can fetch its keys again, so an
    unknown ``kid`` is worth asking about."""

    name: str
    issuer: str
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    leeway_s: Annotated[int, Range(0, 600)] = 5
    claims: ClaimMap = ClaimMap()
    keys: tuple[Jwk, ...] = field(default=(), repr=False)  # an oct key is a secret
    keys_known: bool = True
    aliases: tuple[str, ...] = ()
    token_type: Literal["any", "at+jwt"] = "any"
    max_lifetime_s: Annotated[int, Range(1, 10 * 366 * 86_400)] | None = None
    required_claims: tuple[ClaimPath, ...] = ()
    refreshable: bool = False

    def __post_init__(self) -> None:
        if not self.audiences or not self.algorithms:
            raise ContractError("malformed", "an issuer needs an audience and an algorithm")
        if not all("kty" in key for key in self.keys):
            raise ContractError("malformed", "a key without kty is no JSON Web Key")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A credential without a signature: ``id`` finds it, ``secret_hash`` (hex SHA-256 of the whole key as it is sent)
    proves it. Its principal is one of ``issuer``, so that revocations by subject and client reach it.
    ``expires_at`` 0: never. ``issued_at``: a revocation names the keys that were made until its ``before``; 0: not
    known, and so old."""

    id: str
    secret_hash: str = field(repr=False)
    issuer: str
    subject: str
    client: Text = ""
    scopes: tuple[str, ...] = ()
    expires_at: Count = 0
    issued_at: Count = 0


@dataclass(frozen=True, slots=True)
class Workload:
    """A service as a caller: the subjects of its own tokens from ``issuer`` (tokens in which subject and client are
    the same, as client credentials give them)."""

    name: str
    issuer: str
    subjects: tuple[str, ...]
