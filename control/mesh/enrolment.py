"""How a sidecar becomes part of the mesh, and is known again.

A join token is good for one service, a while and a number of joins; what a sidecar gets for it is a certificate of
its own. From then on the certificate speaks, and whether its sidecar is still wanted is asked of the store, so
that taking one out needs no revocation list. An expired certificate may still come to be renewed for a month, so
that no outage, however long the holidays, needs a hand.
"""

import datetime as dt
import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from control.authority.authority import Authority, expires_at
from control.authority.certificates import der, sidecar_id_of
from control.errors import Denied, Invalid, NotFound
from control.identity.credentials import hash_of, matches
from control.store import Database
from control.store.audit import record
from control.store.tables import JoinTokenRow, SidecarRow
from sidecar.contract.join import JoinToken, format_join_token
from sidecar.contract.messages import Join

MAX_USES = 10_000
MAX_LIFETIME_S = 30 * 86_400
RENEWAL_GRACE_S = 30 * 86_400
MAX_INSTANCE = 200
_SERVICE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_NOBODY = hash_of(secrets.token_bytes(32))


@dataclass(frozen=True, slots=True)
class JoinTokenInfo:
    """A join token as an operator sees it."""

    id: str
    service: str
    expires_at: int
    uses_left: int
    revoked: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A sidecar that has joined. ``serial`` (hex) and ``not_after`` are of its newest certificate."""

    id: str
    service: str
    instance: str
    enrolled_at: int
    serial: str
    not_after: int
    revoked: bool
    last_seen: int
    address: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A sidecar and the certificate (DER) made for it just now."""

    sidecar: Sidecar
    certificate: bytes


class Enrolment:
    """Join tokens and sidecars in the store. Thread-safe."""

    def __init__(
        self, database: Database, authority: Authority, trust_domain: Callable[[], str], clock: Callable[[], float]
    ) -> None:
        self._database, self._authority = database, authority
        self._trust_domain, self._clock = trust_domain, clock

    def create_join_token(self, service: str, actor: str, uses: int, lifetime_s: int) -> tuple[JoinTokenInfo, str]:
        """A join token and its text, which is shown once."""
        if not _SERVICE.fullmatch(service):
            raise Invalid("that is no name of a service")
        if not 1 <= uses <= MAX_USES or not 1 <= lifetime_s <= MAX_LIFETIME_S:
            raise Invalid(f"a join token is good for 1 to {MAX_USES} joins within 1 to {MAX_LIFETIME_S} seconds")
        secret, now = secrets.token_bytes(32), self._clock()
        with self._database.write() as session:
            row = JoinTokenRow(
                id=secrets.token_hex(8),
                service=service,
                secret_hash=hash_of(secret),
                expires_at=int(now) + lifetime_s,
                uses_left=uses,
                revoked=False,
                created_at=int(now),
            )
            session.add(row)
            record(session, now, actor, "join_token.create", service, id=row.id, uses=uses, lifetime_s=lifetime_s)
            return _token(row), format_join_token(JoinToken(row.id, service, secret, self._authority.ca_der))

    def join_tokens(self) -> list[JoinTokenInfo]:
        """All of them, newest first."""
        with self._database.read() as session:
            rows = session.scalars(select(JoinTokenRow).order_by(JoinTokenRow.created_at.desc(), JoinTokenRow.id))
            return [_token(row) for row in rows]

    def revoke_join_token(self, token_id: str, actor: str) -> None:
        """Nobody joins with it any more. Who has joined, stays."""
        with self._database.write() as session:
            row = session.get(JoinTokenRow, token_id)
            if row is None:
                raise NotFound("there is no such join token")
            row.revoked = True
            record(session, self._clock(), actor, "join_token.revoke", row.service, id=row.id)

    def enrol(self, join: Join, service: str, instance: str, csr: bytes, address: str) -> Enrolled:
        """Take in a sidecar; Denied ``bad_join_token`` or ``bad_csr``, and then the join is not counted."""
        now = self._clock()
        with self._database.write() as session:
            token = _proven_token(session, join)
            _check_token(token, service, now)
            token.uses_left -= 1
            row = SidecarRow(
                id=str(uuid.uuid4()),
                service=service,
                instance=instance[:MAX_INSTANCE],
                enrolled_at=int(now),
                revoked=False,
                last_seen=int(now),
                address=address,
            )
            enrolled = self._certify(row, csr, now)
            session.add(row)
            record(session, now, f"join_token:{token.id}", "sidecar.join", service, id=row.id, instance=row.instance)
            return enrolled

    def authenticate(self, certificate_der: bytes, service: str, address: str, *, renewing: bool = False) -> Sidecar:
        """Whose certificate this is, possession of its key being proven by TLS. Denied ``unknown_certificate``,
        ``wrong_service``, ``revoked``, or ``expired``: unless ``renewing``, and then too after a month."""
        now = self._clock()
        certificate = self._ours(certificate_der)
        with self._database.write() as session:
            row = session.get(SidecarRow, sidecar_id_of(certificate))
            if row is None:
                raise Denied("no sidecar bears this certificate", "unknown_certificate")
            if row.revoked:
                raise Denied("this sidecar was taken out of the mesh", "revoked")
            if row.service != service:
                raise Denied(f"this sidecar belongs to {row.service}", "wrong_service")
            _check_dates(certificate, now, renewing)
            row.last_seen, row.address = int(now), address
            return _sidecar(row)

    def renew(self, sidecar_id: str, csr: bytes) -> Enrolled:
        """A new certificate for a sidecar that ``authenticate`` has let in; Denied ``revoked`` or ``bad_csr``."""
        with self._database.write() as session:
            row = session.get(SidecarRow, sidecar_id)
            if row is None or row.revoked:
                raise Denied("this sidecar was taken out of the mesh", "revoked")
            return self._certify(row, csr, self._clock())

    def seen(self, sidecar_id: str, address: str) -> None:
        """Note that it is, or was until now, connected."""
        with self._database.write() as session:
            row = session.get(SidecarRow, sidecar_id)
            if row is not None:
                row.last_seen, row.address = int(self._clock()), address

    def sidecars(self) -> list[Sidecar]:
        """All that ever joined, by service."""
        with self._database.read() as session:
            rows = session.scalars(select(SidecarRow).order_by(SidecarRow.service, SidecarRow.enrolled_at))
            return [_sidecar(row) for row in rows]

    def revoke_sidecar(self, sidecar_id: str, actor: str) -> None:
        """Take it out of the mesh for good."""
        with self._database.write() as session:
            row = session.get(SidecarRow, sidecar_id)
            if row is None:
                raise NotFound("there is no such sidecar")
            row.revoked = True
            record(session, self._clock(), actor, "sidecar.revoke", row.service, id=row.id)

    def is_admitted(self, sidecar_id: str) -> bool:
        """Is it a sidecar that may be connected?"""
        with self._database.read() as session:
            row = session.get(SidecarRow, sidecar_id)
            return row is not None and not row.revoked

    def _ours(self, certificate_der: bytes) -> x509.Certificate:
        try:
            certificate = x509.load_der_x509_certificate(certificate_der)
        except ValueError as error:
            raise Denied("the certificate cannot be read", "unknown_certificate") from error
        if not self._authority.is_ours(certificate):
            raise Denied("the certificate is of another mesh", "unknown_certificate")
        return certificate

    def _certify(self, row: SidecarRow, csr: bytes, now: float) -> Enrolled:
        certificate = self._authority.sign_workload(csr, self._trust_domain(), row.service, row.id, now)
        row.serial, row.not_after = f"{certificate.serial_number:x}", expires_at(certificate)
        return Enrolled(_sidecar(row), der(certificate))


def _proven_token(session: Session, join: Join) -> JoinTokenRow:
    row = session.get(JoinTokenRow, join.token_id[:64])
    if not matches(join.secret, row.secret_hash if row else _NOBODY) or row is None:
        raise Denied("that join token is not known here", "bad_join_token")
    return row


def _check_token(token: JoinTokenRow, service: str, now: float) -> None:
    # Who is here knows the secret, and is owed the reason.
    if token.revoked:
        raise Denied("the join token was revoked", "bad_join_token")
    if now >= token.expires_at:
        raise Denied("the join token has expired", "bad_join_token")
    if token.uses_left < 1:
        raise Denied("the join token is used up", "bad_join_token")
    if token.service != service:
        raise Denied(f"the join token is for {token.service}", "bad_join_token")


def _check_dates(certificate: x509.Certificate, now: float, renewing: bool) -> None:
    if dt.datetime.fromtimestamp(now, dt.UTC) < certificate.not_valid_before_utc:
        raise Denied("the certificate is not valid yet: control's clock has gone back", "expired")
    late = now - expires_at(certificate)
    if late > RENEWAL_GRACE_S:
        raise Denied("the certificate expired over a month ago: join again", "expired")
    if late > 0 and not renewing:
        raise Denied("the certificate has expired: ask for a new one", "expired")


def _token(row: JoinTokenRow) -> JoinTokenInfo:
    return JoinTokenInfo(row.id, row.service, row.expires_at, row.uses_left, row.revoked, row.created_at)


def _sidecar(row: SidecarRow) -> Sidecar:
    r = row
    return Sidecar(r.id, r.service, r.instance, r.enrolled_at, r.serial, r.not_after, r.revoked, r.last_seen, r.address)
