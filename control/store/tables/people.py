"""Those who sign in."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Id


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
