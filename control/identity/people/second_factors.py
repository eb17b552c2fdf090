"""A second factor: an authenticator's codes (TOTP, RFC 6238), and recovery codes for when it is lost.

SHA-1, six digits, thirty seconds, which every authenticator knows. A code of the step before or after counts as well
(section 5.2), and none counts twice, nor one that is older than one that was used. Secrets are encrypted under the
master key if there is one; of recovery codes only hashes are kept.
"""

import base64
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import delete
from sqlalchemy.orm import Session

from control.errors import Conflict, NotFound
from control.identity.credentials import hash_of
from control.store import Database
from control.store.audit import record
from control.store.erasure import erase
from control.store.tables import PersonRow, RecoveryCodeRow, SecondFactorRow

from .hashing import Hasher
from .outcomes import TooManyTries, WrongCode, WrongPassword
from .person import Person, is_in, person_of
from .throttle import ACCOUNT, CODE, Throttle
from .users import Holds, find_row

STEP_S, DIGITS, DRIFT = 30, 6, 1
SECRET_BYTES = 20
RECOVERY_CODES, RECOVERY_CHARS = 10, 16
"""Eighty bits each: nothing that could be guessed, and so SHA-256 is enough."""
MAX_CODE = 100
_HEAD = b"-----BEGIN TOTP SECRET-----\n"
"""So that a plain one is known from one that is encrypted."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator is to be given; ``uri``: ``otpauth://totp/...``, for a QR code."""

    secret_base32: str = field(repr=False)
    uri: str = field(repr=False)


class Box(Protocol):
    """What secrets are kept in: the bytes that are stored, bound to whose they are."""

    def seal(self, name: str, plain: bytes) -> bytes:
        """Closed."""
        ...

    def open(self, name: str, blob: bytes) -> bytes:
        """As it was."""
        ...


class SecondFactors:
    """Thread-safe and blocking: ``remove`` is to be called with ``mesh.people.hashing`` as limiter. ``place``: what an
    authenticator shows beside the code."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        box: Box,
        hasher: Hasher,
        throttle: Throttle,
        place: str,
    ) -> None:
        self._database, self._clock, self._box, self._place = database, clock, box, place
        self._hasher, self._throttle = hasher, throttle

    def begin(self, person_id: str) -> Enrolment:
        """A new secret, which counts once ``confirm`` has seen a code of it; Conflict if they have one that counts."""
        secret, now = secrets.token_bytes(SECRET_BYTES), int(self._clock())
        with self._database.write() as session:
            row, had = self._person(session, person_id), session.get(SecondFactorRow, person_id)
            if had is not None and had.confirmed:
                raise Conflict("There is a second factor already: remove it first.")
            if had is not None:
                session.delete(had)
                session.flush()
            session.add(
                SecondFactorRow(
                    person_id=person_id,
                    secret=self._sealed(person_id, secret),
                    confirmed=False,
                    last_step=0,
                    created_at=now,
                )
            )
            username = row.username
        shown = base64.b32encode(secret).decode().rstrip("=")
        said = urlencode(
            {"secret": shown, "issuer": self._place, "algorithm": "SHA1", "digits": DIGITS, "period": STEP_S}
        )
        return Enrolment(shown, f"otpauth://totp/{quote(self._place, safe='')}:{quote(username, safe='')}?{said}")

    def confirm(self, person_id: str, code: str) -> tuple[str, ...]:
        """From now on it is asked for: recovery codes, shown this once. WrongCode, TooManyTries."""
        self._pay_for_code(person_id)
        made = tuple(_recovery_code() for _ in range(RECOVERY_CODES))
        with self._database.write() as session:
            row, factor = self._person(session, person_id), session.get(SecondFactorRow, person_id)
            if factor is None or factor.confirmed or not self._use_totp(factor, _plain(code)):
                raise WrongCode("That code is not right. Look at the newest one, and at the clock of your device.")
            factor.confirmed = True
            row.revision += 1
            session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.person_id == person_id))
            session.add_all(RecoveryCodeRow(hash=_kept(person_id, _plain(one)), person_id=person_id) for one in made)
            record(session, self._clock(), person_id, "second_factor.add", row.username, id=person_id)
        self._throttle.was_right((CODE, person_id))
        return made

    def remove(self, person_id: str, password: str) -> None:
        """It is asked for no more: WrongPassword, TooManyTries."""
        key = (ACCOUNT, f"of\n{person_id}")
        wait_s = self._throttle.begin(key)
        if wait_s > 0:
            raise TooManyTries(wait_s)
        with self._database.read() as session:
            kept = self._person(session, person_id).password_hash
        if not self._hasher.matches(password, kept):
            raise WrongPassword("That is not your password.")
        self._throttle.was_right(key)
        with self._database.write() as session:
            row = self._person(session, person_id)
            if row.password_hash != kept:
                raise WrongPassword("Your password was changed meanwhile.")
            drop(session, row, person_id, self._clock())

    def take_away(self, key: str, actor: str, *, holds: Holds | None = None) -> Person:
        """By an operator, for somebody whose authenticator is lost: the password alone is asked for. NotFound."""
        with self._database.write() as session:
            row = find_row(session, key)
            if holds is not None:
                holds(person_of(session, row))
            if not drop(session, row, actor, self._clock()):
                raise NotFound("they have no second factor")
            session.flush()
            return person_of(session, row)

    def use(self, session: Session, person_id: str, code: str) -> bool:
        """Is that a code of theirs that counts? From now on it does not."""
        factor, plain = session.get(SecondFactorRow, person_id), _plain(code)
        if factor is None or not factor.confirmed:
            return False
        if len(plain) == DIGITS:
            return self._use_totp(factor, plain)
        row = session.get(RecoveryCodeRow, _kept(person_id, plain)) if len(plain) == RECOVERY_CHARS else None
        if row is None or row.person_id != person_id:
            return False
        session.delete(row)
        record(session, self._clock(), person_id, "second_factor.recover", "", id=person_id)
        return True

    def _use_totp(self, factor: SecondFactorRow, code: str) -> bool:
        secret, step = self._opened(factor), int(self._clock()) // STEP_S
        shown = code.encode(errors="surrogatepass")
        fits = [
            at
            for at in range(step - DRIFT, step + DRIFT + 1)
            if hmac.compare_digest(totp(secret, at), shown) and at > factor.last_step
        ]
        if not fits:
            return False
        factor.last_step = max(fits)
        return True

    def _pay_for_code(self, person_id: str) -> None:
        wait_s = self._throttle.begin((CODE, person_id))
        if wait_s > 0:
            raise TooManyTries(wait_s)

    def _person(self, session: Session, person_id: str) -> PersonRow:
        row = session.get(PersonRow, person_id)
        if row is None or not is_in(row, self._clock()):
            raise NotFound("There is no such user.")
        return row

    def _sealed(self, person_id: str, secret: bytes) -> bytes:
        return self._box.seal(person_id, _HEAD + base64.b32encode(secret))

    def _opened(self, factor: SecondFactorRow) -> bytes:
        plain = self._box.open(factor.person_id, factor.secret)
        return base64.b32decode(plain.removeprefix(_HEAD))


def totp(secret: bytes, step: int) -> bytes:
    """The code of that step (RFC 6238 section 4)."""
    return TOTP(secret, DIGITS, SHA1(), STEP_S).generate(step * STEP_S)  # noqa: S303 - HMAC, and what RFC 6238 says


def drop(session: Session, row: PersonRow, actor: str, now: float) -> bool:
    """They have none any more; False if they had none."""
    factor = session.get(SecondFactorRow, row.id)
    if factor is None:
        return False
    erase(session)
    session.delete(factor)
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.person_id == row.id))
    row.revision += 1
    record(session, now, actor, "second_factor.remove", row.username, id=row.id)
    return True


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(RECOVERY_CHARS * 5 // 8)).decode()
    return "-".join(text[at : at + 4] for at in range(0, RECOVERY_CHARS, 4))


def _plain(code: str) -> str:
    """However people type it."""
    return (
        ""
        if len(code) > MAX_CODE
        else "".join(c for c in code.upper() if not c.isspace() and c not in "-\u2010\u2011\u2013")
    )


def _kept(person_id: str, plain: str) -> bytes:
    return hash_of(f"{person_id}\n{plain}")
