"""What sidecars enforce, who they are, and who has a say in it."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Id, KeptKey


class PolicyRow(Base):
    """A policy as it was pushed, verbatim, with the files and variables that it refers to."""

    __tablename__ = "policy"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    source: Mapped[str]
    files: Mapped[dict[str, str]]
    env: Mapped[dict[str, str]]
    author: Mapped[str]
    created_at: Mapped[int]


class VersionRow(Base):
    """One change of what the mesh enforces. Append-only; ``policy_id`` is null before the first push."""

    __tablename__ = "version"
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    policy_id: Mapped[str | None] = mapped_column(Id, ForeignKey("policy.id"))
    note: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[int]


class SnapshotRow(Base):
    """One service's signed bytes at one version: what a restarted control serves again."""

    __tablename__ = "snapshot"
    version: Mapped[int] = mapped_column(ForeignKey("version.version"), primary_key=True)
    service: Mapped[str] = mapped_column(String(255), primary_key=True)
    payload: Mapped[bytes]
    signature: Mapped[bytes]
    key_id: Mapped[str]
    digest: Mapped[bytes]


class IncrementRow(Base):
    """The signed revocations of one version, the same bytes for every service; a version without one is of whole
    snapshots. Those that a whole snapshot has taken in are dropped."""

    __tablename__ = "increment"
    version: Mapped[int] = mapped_column(ForeignKey("version.version"), primary_key=True)
    payload: Mapped[bytes]
    signature: Mapped[bytes]
    key_id: Mapped[str]


class RevocationRow(Base):
    """Tokens that no longer count; see ``sidecar.contract.snapshot.Revocation``."""

    __tablename__ = "revocation"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    issuer: Mapped[str]
    by: Mapped[str]
    value: Mapped[str]
    before: Mapped[int]
    until: Mapped[int] = mapped_column(index=True)
    created_at: Mapped[int]
    version: Mapped[int] = mapped_column(ForeignKey("version.version"))


class SigningKeyRow(Base):
    """A key that signs the tokens of the built-in issuer; ``version`` is where sidecars first learn of it."""

    __tablename__ = "signing_key"
    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    algorithm: Mapped[str]
    private_pem: Mapped[bytes | None]
    public_jwk: Mapped[dict[str, str]]
    state: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[int]
    activated_at: Mapped[int | None]
    retired_at: Mapped[int | None]


class JoinTokenRow(Base):
    """What a sidecar may join with, ``uses_left`` times; only the secret's SHA-256 is kept."""

    __tablename__ = "join_token"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    service: Mapped[str] = mapped_column(String(255), index=True)
    secret_hash: Mapped[bytes]
    expires_at: Mapped[int]
    uses_left: Mapped[int]
    revoked: Mapped[bool]
    created_at: Mapped[int]


class SidecarRow(Base):
    """A sidecar that has joined; ``serial`` is of the newest certificate that it was given, ``joined_by`` tells which
    join token and key it came with."""

    __tablename__ = "sidecar"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    service: Mapped[str] = mapped_column(String(255), index=True)
    instance: Mapped[str]
    enrolled_at: Mapped[int]
    serial: Mapped[str]
    not_after: Mapped[int]
    revoked: Mapped[bool]
    last_seen: Mapped[int]
    address: Mapped[str]
    joined_by: Mapped[str | None] = mapped_column(String(160), index=True)


class OperatorRow(Base):
    """Someone who administers; only the token's SHA-256 is kept. ``scopes`` null: all that the role allows;
    ``expires_at`` null: never."""

    __tablename__ = "operator"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[int]
    revoked: Mapped[bool]
    role: Mapped[str] = mapped_column(String(20), server_default="operator")
    scopes: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    expires_at: Mapped[int | None]


class SecretRow(Base):
    """Control's own private keys, encrypted if there is a master key; see ``control.authority.at_rest``."""

    __tablename__ = "secret"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    blob: Mapped[bytes]


class AuditRow(Base):
    """Who did what to what, and when. Append-only."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[int]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]
    request_id: Mapped[str] = mapped_column(String(36), server_default="")


class ProviderRow(Base):
    """What is known of an outside provider's keys, under its key set's URL or its ``iss``: the last good ones, through
    outages and restarts. ``revoked``: thumbprints of keys that never count again."""

    __tablename__ = "provider"
    source: Mapped[str] = mapped_column(String(2048), primary_key=True)
    jwks_url: Mapped[str]
    etag: Mapped[str]
    keys: Mapped[list[KeptKey]]
    revoked: Mapped[list[str]]
    fetched_at: Mapped[int | None]
    tried_at: Mapped[int]
    due_at: Mapped[int]
    failures: Mapped[int]
    error: Mapped[str]


class CanaryRow(Base):
    """A policy on trial since the version ``since``, on ``share`` of 10,000 places; ``ended`` is the version that ended
    it, null while it runs."""

    __tablename__ = "canary"
    since: Mapped[int] = mapped_column(ForeignKey("version.version"), primary_key=True)
    policy_id: Mapped[str] = mapped_column(Id, ForeignKey("policy.id"))
    share: Mapped[int]
    asked: Mapped[int]
    ended: Mapped[int | None] = mapped_column(ForeignKey("version.version"), index=True)
    verdict: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str]


class CanarySnapshotRow(Base):
    """What the canary's sidecars of a service get, where that is not what the others get at the same version."""

    __tablename__ = "canary_snapshot"
    version: Mapped[int] = mapped_column(ForeignKey("version.version"), primary_key=True)
    service: Mapped[str] = mapped_column(String(255), primary_key=True)
    payload: Mapped[bytes]
    signature: Mapped[bytes]
    key_id: Mapped[str]
    digest: Mapped[bytes]


class CanaryTrafficRow(Base):
    """What one sidecar reported of its requests during a canary; ``line``: candidate, stable, or before."""

    __tablename__ = "canary_traffic"
    since: Mapped[int] = mapped_column(ForeignKey("canary.since"), primary_key=True)
    sidecar_id: Mapped[str] = mapped_column(Id, primary_key=True)
    line: Mapped[str] = mapped_column(String(20), primary_key=True)
    service: Mapped[str] = mapped_column(String(255))
    requests: Mapped[int]
    denied: Mapped[int]
    failed: Mapped[int]
    seconds: Mapped[int]


class FreezeRow(Base):
    """One row while nobody may change the policy: by whose will, and why."""

    __tablename__ = "freeze"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    actor: Mapped[str]
    reason: Mapped[str]
    at: Mapped[int]


class ReplicaRow(Base):
    """A control over this database that several share, and when it last gave a sign of life."""

    __tablename__ = "replica"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    seen_at: Mapped[int]


class PresenceRow(Base):
    """A sidecar that is connected to that control, and what it tells of it. ``replica`` is no foreign key: what a dead
    one left is swept up later."""

    __tablename__ = "presence"
    replica: Mapped[str] = mapped_column(Id, primary_key=True)
    sidecar_id: Mapped[str] = mapped_column(Id, primary_key=True)
    instance: Mapped[str] = mapped_column(String(200), primary_key=True)
    told: Mapped[dict[str, Any]]
