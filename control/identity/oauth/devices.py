"""What devices wait for (RFC 8628): a code for the device, a shorter one for people, and what they said to it.

Both are kept as hashes. A device code is used in the transaction that makes its grant, so that of two who use one at
once one gets tokens. Knows nothing of pages and of HTTP.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select

from control.identity.credentials import hash_of
from control.store import Database
from control.store.audit import record
from control.store.tables import DeviceCodeRow

from .families import issue
from .grants import May, anyone, begin_without_code

LIFETIME_S = 600
INTERVAL_S = 5
MAX_WAITING = 1000
"""Of one client."""


@dataclass(frozen=True, slots=True)
class Device:
    """One that waits, as Authlib wants to ask it. ``allowed`` None: nobody has said anything yet."""

    client_id: str
    scope: str
    audience: tuple[str, ...]
    allowed: bool | None
    subject: str
    auth_time: int | None
    expires_at: int

    def get_client_id(self) -> str:
        """Whose it is."""
        return self.client_id


class Devices:
    """Those in the store. Thread-safe."""

    def __init__(self, database: Database, clock: Callable[[], float], may: May = anyone) -> None:
        self._database, self._clock, self._may = database, clock, may

    def begin(self, client_id: str, scope: str, audience: Sequence[str], device_code: str, user_code: str) -> bool:
        """One more waits; False if too many of that client's do, or if the user code is taken."""
        now = int(self._clock())
        with self._database.write() as session:
            session.execute(delete(DeviceCodeRow).where(DeviceCodeRow.expires_at <= now))
            waiting = select(func.count()).select_from(DeviceCodeRow).where(DeviceCodeRow.client_id == client_id)
            shown = hash_of(_plain(user_code))
            taken = session.scalar(select(DeviceCodeRow.hash).where(DeviceCodeRow.user_code_hash == shown))
            if (session.scalar(waiting) or 0) >= MAX_WAITING or taken is not None:
                return False
            row = DeviceCodeRow(hash=hash_of(device_code), user_code_hash=shown, client_id=client_id, scope=scope)
            row.audience, row.allowed, row.subject, row.auth_time = list(audience), None, "", None
            row.interval, row.polled_at, row.expires_at = INTERVAL_S, now - INTERVAL_S, now + LIFETIME_S
            session.add(row)
        return True

    def of_device(self, device_code: str) -> Device | None:
        """The one of that code, if it is not used; also if it is over."""
        with self._database.read() as session:
            row = session.get(DeviceCodeRow, hash_of(device_code))
            return None if row is None else _value(row)

    def of_people(self, user_code: str) -> Device | None:
        """The one of the code that people type in, if it waits for them."""
        with self._database.read() as session:
            found = select(DeviceCodeRow).where(DeviceCodeRow.user_code_hash == hash_of(_plain(user_code)))
            row = session.scalar(found)
            waits = row is not None and row.allowed is None and row.expires_at > self._clock()
            return _value(row) if row is not None and waits else None

    def decide(self, user_code: str, subject: str, allowed: bool, auth_time: int | None) -> bool:
        """``subject`` said yes or no; False if that was said already or it is over."""
        now = int(self._clock())
        with self._database.write() as session:
            found = select(DeviceCodeRow).where(DeviceCodeRow.user_code_hash == hash_of(_plain(user_code)))
            row = session.scalar(found)
            if row is None or row.allowed is not None or row.expires_at <= now:
                return False
            if allowed and not self._may(session, subject):
                return False
            row.allowed, row.subject, row.auth_time = allowed, subject, auth_time
            if allowed:
                record(session, now, subject, "grant.allow", row.client_id, scope=row.scope)
        return True

    def is_too_fast(self, device_code: str) -> bool:
        """The device asks again: sooner than it was told to? Then it is to wait five seconds longer (section 3.5)."""
        now = int(self._clock())
        with self._database.write() as session:
            row = session.get(DeviceCodeRow, hash_of(device_code))
            if row is None:
                return False
            fast, row.polled_at = now - row.polled_at < row.interval, now
            if fast:
                row.interval += 5
            return fast

    def redeem(self, device_code: str, jti: str, expires_at: int) -> str | None:
        """Use the code: the first refresh token, or None if it counts no more."""
        now = int(self._clock())
        with self._database.write() as session:
            row = session.get(DeviceCodeRow, hash_of(device_code))
            if row is None or not row.allowed or row.expires_at <= now or not self._may(session, row.subject):
                return None
            session.delete(row)
            said = (row.client_id, row.subject, row.scope, row.audience, row.auth_time)
            return issue(session, begin_without_code(session, *said, now), 1, jti, expires_at, now)


def _plain(user_code: str) -> str:
    """However people type it (section 6.1)."""
    return "".join(c for c in user_code[:100].upper() if c.isascii() and c.isalnum())


def _value(r: DeviceCodeRow) -> Device:
    return Device(r.client_id, r.scope, tuple(r.audience), r.allowed, r.subject, r.auth_time, r.expires_at)
