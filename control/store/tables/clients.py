"""Applications, what they prove themselves by, and what they were let do."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Id


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
