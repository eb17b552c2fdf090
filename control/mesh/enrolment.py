"""How a sidecar becomes part of the mesh, and is known again.

For a join token a sidecar gets a certificate of its own. From then on the certificate speaks, and whether its
sidecar is still wanted is asked of the store, so that taking one out needs no revocation list. An expired
certificate may still come to be renewed for a month, so that no outage, however long the holidays, needs a hand.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from control.authority.authority import Authority, expires_at
from control.authority.certificates import der, requested_key, sidecar_id_of
from control.errors import Denied, NotFound
from control.store import Database
from control.store.audit import record
from control.store.tables import SidecarRow
from sidecar.contract.messages import Join

from .join_tokens import opened, use_one

RENEWAL_GRACE_S = 30 * 86_400
MAX_INSTANCE = 200

_SEEN = (
    update(SidecarRow)
    .where(SidecarRow.id == bindparam("sidecar"), SidecarRow.last_seen <= bindparam("seen_at"))
    .values(last_seen=bindparam("seen_at"), address=bindparam("seen_from"))
)


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
    """The sidecars in the store. Thread-safe."""

    def __init__(
        self, database: Database, authority: Authority, trust_domain: Callable[[], str], clock: Callable[[], float]
    ) -> None:
        self._database, self._authority = database, authority
        self._trust_domain, self._clock = trust_domain, clock

    def enrol(self, join: Join, service: str, instance: str, csr: bytes, address: str) -> Enrolled:
        """Take in a sidecar; Denied ``bad_join_token`` or ``bad_csr``, and then the join is not counted. One that asks
        again with the same key never heard our answer: it is the sidecar that it was to become, and counts once."""
        now = self._clock()
        with self._database.read() as session:
            opened(session, join, service, now)  # strangers come no further, and take nobody the turn to write
        with self._database.write() as session:
            token = opened(session, join, service, now)
            joined_by = f"{token.id}:{_key_of(csr)}"
            known = _joined_before(session, joined_by)
            if known is not None:
                known.last_seen, known.address = int(now), address
                return self._certify(known, csr, now)
            use_one(token)
            row = SidecarRow(
                id=str(uuid.uuid4()),
                service=service,
                instance=instance[:MAX_INSTANCE],
                enrolled_at=int(now),
                revoked=False,
                last_seen=int(now),
                address=address,
                joined_by=joined_by,
            )
            enrolled = self._certify(row, csr, now)
            session.add(row)
            record(session, now, f"join_token:{token.id}", "sidecar.join", service, id=row.id, instance=row.instance)
            return enrolled

    def authenticate(self, presented: Sequence[tuple[bytes, str, bool]]) -> list[Sidecar | Denied]:
        """Whose certificates (DER) these are, possession of their keys being proven by TLS; with each the service that
        it is shown for, and is it to be renewed? Denied ``unknown_certificate``, ``wrong_service``, ``revoked``, or
        ``expired``: unless it is to be renewed, and then too after a month."""
        now, certificates = self._clock(), [self._read(certificate) for certificate, _, _ in presented]
        ids = {sidecar_id_of(one) for one in certificates if isinstance(one, x509.Certificate)}
        with self._database.read() as session:
            rows = {row.id: row for row in session.scalars(select(SidecarRow).where(SidecarRow.id.in_(ids)))}
            return [
                found if isinstance(found, Denied) else _judged(rows.get(sidecar_id_of(found)), found, asked, now)
                for asked, found in zip(presented, certificates, strict=True)
            ]

    def renew(self, sidecar_id: str, csr: bytes) -> Enrolled:
        """A new certificate for a sidecar that ``authenticate`` has let in; Denied ``revoked`` or ``bad_csr``."""
        with self._database.write() as session:
            row = session.get(SidecarRow, sidecar_id)
            if row is None or row.revoked:
                raise Denied("this sidecar was taken out of the mesh", "revoked")
            return self._certify(row, csr, self._clock())

    def seen(self, sightings: Sequence[tuple[str, str, float]]) -> None:
        """Note of sidecars (id, address, unix seconds) that they were connected then."""
        # In one order, so that two controls that note the same ones do not wait for each other.
        notes = [{"sidecar": one, "seen_at": int(at), "seen_from": address} for one, address, at in sorted(sightings)]
        if notes:
            with self._database.note() as session:
                session.connection().execute(_SEEN, notes)

    def sidecars(self) -> list[Sidecar]:
        """All that ever joined, by service."""
        with self._database.read() as session:
            rows = session.scalars(select(SidecarRow).order_by(SidecarRow.service, SidecarRow.enrolled_at))
            return [_sidecar(row) for row in rows]

    def revoke_sidecar(self, sidecar_id: str, actor: str) -> None:
        """Take it out of the mesh for good. The entry names the join token that it knows: while that is good, whoever
        has it joins under another name, and others may need it."""
        with self._database.write() as session:
            row = session.get(SidecarRow, sidecar_id)
            if row is None:
                raise NotFound("there is no such sidecar")
            row.revoked = True
            token_id = (row.joined_by or "").partition(":")[0]
            record(session, self._clock(), actor, "sidecar.revoke", row.service, id=row.id, join_token=token_id)

    def revoked(self) -> list[str]:
        """The ids of those taken out."""
        with self._database.read() as session:
            return list(session.scalars(select(SidecarRow.id).where(SidecarRow.revoked)))

    def _read(self, certificate_der: bytes) -> x509.Certificate | Denied:
        try:
            certificate = x509.load_der_x509_certificate(certificate_der)
        except (ValueError, x509.InvalidVersion):
            return Denied("the certificate cannot be read", "unknown_certificate")
        if not self._authority.is_ours(certificate):
            return Denied("the certificate is of another mesh", "unknown_certificate")
        return certificate

    def _certify(self, row: SidecarRow, csr: bytes, now: float) -> Enrolled:
        certificate = self._authority.sign_workload(csr, self._trust_domain(), row.service, row.id, now)
        row.serial, row.not_after = f"{certificate.serial_number:x}", expires_at(certificate)
        return Enrolled(_sidecar(row), der(certificate))


def _key_of(csr: bytes) -> str:
    """The name of the key in a request: SHA-256 of its SubjectPublicKeyInfo (RFC 5280 section 4.1)."""
    key = requested_key(csr).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def _joined_before(session: Session, joined_by: str) -> SidecarRow | None:
    wanted = (SidecarRow.joined_by == joined_by) & ~SidecarRow.revoked
    return session.scalars(select(SidecarRow).where(wanted).limit(1)).first()


def _judged(
    row: SidecarRow | None, certificate: x509.Certificate, asked: tuple[bytes, str, bool], now: float
) -> Sidecar | Denied:
    _, service, renewing = asked
    if row is None:
        return Denied("no sidecar bears this certificate", "unknown_certificate")
    if row.revoked:
        return Denied("this sidecar was taken out of the mesh", "revoked")
    if row.service != service:
        return Denied(f"this sidecar belongs to {row.service}", "wrong_service")
    if dt.datetime.fromtimestamp(now, dt.UTC) < certificate.not_valid_before_utc:
        return Denied("the certificate is not valid yet: control's clock has gone back", "expired")
    late = now - expires_at(certificate)
    if late > RENEWAL_GRACE_S:
        return Denied("the certificate expired over a month ago: join again", "expired")
    if late > 0 and not renewing:
        return Denied("the certificate has expired: ask for a new one", "expired")
    return _sidecar(row)


def _sidecar(row: SidecarRow) -> Sidecar:
    r = row
    return Sidecar(r.id, r.service, r.instance, r.enrolled_at, r.serial, r.not_after, r.revoked, r.last_seen, r.address)
