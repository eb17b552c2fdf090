"""The tables. Times are unix seconds, ids are random text; ``migrations/`` must say the same (a test compares).

A row never leaves this floor: rooms above turn it into a value of their own, so that nobody holds a row of a
transaction that is over.
"""

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer, LargeBinary, MetaData, String, Text, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from typing_extensions import TypedDict  # pydantic takes no other from Python 3.11


class KeptKey(TypedDict):
    """A key of an outside provider; ``gone_at``: when it was first missed."""

    jwk: dict[str, str]
    gone_at: int | None


class Base(DeclarativeBase):
    """Named constraints, because a migration can only change what has a name."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        int: BigInteger,
        bytes: LargeBinary,
        dict[str, str]: JSON,
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[KeptKey]: JSON,
    }


Id = String(36)


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


class ApplicationRow(Base):
    """A client of the token endpoint. ``services`` null: all of them."""

    __tablename__ = "application"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    client_id: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    scopes: Mapped[list[str]]
    services: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    active: Mapped[bool]
    created_at: Mapped[int]
    revision: Mapped[int] = mapped_column(server_default="0")


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


class ApiKeyRow(Base):
    """A key that a caller shows as it is; only its SHA-256 (hex) is kept. ``expires_at`` 0: never."""

    __tablename__ = "api_key"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str]
    client_id: Mapped[str]
    scopes: Mapped[list[str]]
    expires_at: Mapped[int]
    created_at: Mapped[int]


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


class OAuthClientRow(Base):
    """What makes an application one that people let in: where their browsers may be sent back to. ``public``: it can
    keep no secret. ``jwks``: the keys by which it proves itself, if not by a secret."""

    __tablename__ = "oauth_client"
    client_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("application.client_id", ondelete="CASCADE"), primary_key=True
    )
    redirect_uris: Mapped[list[str]]
    public: Mapped[bool]
    grant_types: Mapped[list[str]]
    jwks: Mapped[dict[str, list[dict[str, str]]] | None] = mapped_column(JSON(none_as_null=True))


class RegistrationAccessRow(Base):
    """What opens the registration of a client that made it itself, as a SHA-256, and what it last said of itself."""

    __tablename__ = "registration_access"
    client_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("oauth_client.client_id", ondelete="CASCADE"), primary_key=True
    )
    token_hash: Mapped[bytes]
    said: Mapped[dict[str, Any]]


class OAuthGrantRow(Base):
    """What one person let one client do, once: its authorization code, and the family of the refresh tokens that
    came of it. Of the code only the SHA-256 is kept."""

    __tablename__ = "oauth_grant"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    client_id: Mapped[str] = mapped_column(String(64), ForeignKey("oauth_client.client_id", ondelete="CASCADE"))
    subject: Mapped[str]
    scope: Mapped[str]
    audience: Mapped[list[str]]
    redirect_uri: Mapped[str]
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    code_challenge: Mapped[str]
    code_expires_at: Mapped[int]
    code_used: Mapped[bool]
    revoked: Mapped[bool]
    expires_at: Mapped[int] = mapped_column(index=True)
    nonce: Mapped[str]
    auth_time: Mapped[int | None]


class RefreshTokenRow(Base):
    """One of a family; only its SHA-256 is kept. ``superseded``: its answer was lost and another took its place."""

    __tablename__ = "refresh_token"
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(Id, ForeignKey("oauth_grant.id", ondelete="CASCADE"), index=True)
    generation: Mapped[int]
    used_at: Mapped[int | None]
    superseded: Mapped[bool]


class GrantedTokenRow(Base):
    """An access token that came of a grant: what is to be told to the sidecars when the grant is revoked.
    ``exchanged``: it is of another client than the grant."""

    __tablename__ = "granted_token"
    jti: Mapped[str] = mapped_column(Id, primary_key=True)
    grant_id: Mapped[str] = mapped_column(Id, ForeignKey("oauth_grant.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[int]
    exchanged: Mapped[bool] = mapped_column(server_default=false())


class UsedAssertionRow(Base):
    """An assertion by which a client proved itself: the SHA-256 of whose it is and of its ``jti``, until it expires."""

    __tablename__ = "used_assertion"
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[int] = mapped_column(index=True)


class PushedRequestRow(Base):
    """An authorization request that a client sent ahead (RFC 9126), by the SHA-256 of its ``request_uri``.
    ``answered_by``: who allowed it, "" if it was denied, null while it waits."""

    __tablename__ = "pushed_request"
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("oauth_client.client_id", ondelete="CASCADE"), index=True
    )
    query: Mapped[str]
    answered_by: Mapped[str | None]
    expires_at: Mapped[int] = mapped_column(index=True)


class DeviceCodeRow(Base):
    """What a device waits for (RFC 8628), by the SHA-256 of its code and of what people type in. ``allowed``: null
    until somebody, ``subject``, has said yes or no."""

    __tablename__ = "device_code"
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_code_hash: Mapped[bytes] = mapped_column(unique=True)
    client_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("oauth_client.client_id", ondelete="CASCADE"), index=True
    )
    scope: Mapped[str]
    audience: Mapped[list[str]]
    allowed: Mapped[bool | None]
    subject: Mapped[str]
    auth_time: Mapped[int | None]
    interval: Mapped[int]
    polled_at: Mapped[int]
    expires_at: Mapped[int] = mapped_column(index=True)


class ApplicationSecretRow(Base):
    """One of the secrets of an application; only its SHA-256 is kept. ``expires_at`` null: never."""

    __tablename__ = "application_secret"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    client_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("application.client_id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str]
    secret_hash: Mapped[bytes]
    active: Mapped[bool]
    expires_at: Mapped[int | None]
    created_at: Mapped[int]
    revision: Mapped[int]


class ScopeRow(Base):
    """What a scope means, as people are told."""

    __tablename__ = "scope"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    description: Mapped[str]
    created_at: Mapped[int]
    revision: Mapped[int]


class PersonRow(Base):
    """Somebody who signs in. ``folded``: the username as it is compared. ``password_hash`` null: none yet."""

    __tablename__ = "person"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    username: Mapped[str]
    folded: Mapped[str] = mapped_column(String(300), unique=True)
    name: Mapped[str]
    email: Mapped[str]
    active: Mapped[bool]
    expires_at: Mapped[int | None] = mapped_column(index=True)
    created_at: Mapped[int]
    revision: Mapped[int]
    password_hash: Mapped[str | None]


class PersonSessionRow(Base):
    """A browser in which somebody has signed in, by the SHA-256 of its cookie. ``id`` names it to people."""

    __tablename__ = "person_session"
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    person_id: Mapped[str] = mapped_column(Id, ForeignKey("person.id", ondelete="CASCADE"), index=True)
    auth_time: Mapped[int]
    amr: Mapped[list[str]]
    created_at: Mapped[int]
    last_seen: Mapped[int]
    expires_at: Mapped[int] = mapped_column(index=True)
    address: Mapped[str]
    agent: Mapped[str]


class PasswordLinkRow(Base):
    """A link with which somebody may set their password once, by the SHA-256 of what is secret in it."""

    __tablename__ = "password_link"
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(Id, ForeignKey("person.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[int] = mapped_column(index=True)


class SignInTicketRow(Base):
    """Somebody whose password was right, and whose second factor is waited for. ``known``: their browser is."""

    __tablename__ = "sign_in_ticket"
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(Id, ForeignKey("person.id", ondelete="CASCADE"), index=True)
    known: Mapped[bool]
    tries: Mapped[int]
    expires_at: Mapped[int] = mapped_column(index=True)


class SecondFactorRow(Base):
    """Somebody's TOTP secret, encrypted if there is a master key; see ``control.authority.at_rest``. ``confirmed``: it
    is asked for. ``last_step``: of the newest code that was used, so that none counts twice."""

    __tablename__ = "second_factor"
    person_id: Mapped[str] = mapped_column(Id, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes]
    confirmed: Mapped[bool]
    last_step: Mapped[int]
    created_at: Mapped[int]


class RecoveryCodeRow(Base):
    """A code that takes the place of a lost authenticator, once; only its SHA-256 is kept."""

    __tablename__ = "recovery_code"
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(Id, ForeignKey("person.id", ondelete="CASCADE"), index=True)
