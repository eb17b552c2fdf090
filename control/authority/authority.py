"""The mesh's CA and the snapshot signing key: made at the first start, opened at every other.

What leaves here is public or signed.
"""

import datetime as dt

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from sqlalchemy.orm import Session

from control.errors import Corrupt
from control.store.tables import SecretRow
from sidecar.contract.envelope import SNAPSHOT, Sealed, public_bytes, seal

from . import certificates
from .at_rest import SECRET
from .vault import Vault

_CA_KEY, _CA_CERTIFICATE, _SNAPSHOT_KEY = "ca.key", "ca.certificate", "snapshot.key"


class Authority:
    """One mesh's CA and snapshot signing key. Thread-safe: nothing in it changes."""

    def __init__(
        self, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, snapshot_key: ed25519.Ed25519PrivateKey
    ) -> None:
        self._ca, self._ca_key, self._snapshot_key = ca, ca_key, snapshot_key
        self.ca_der = certificates.der(ca)
        self.signing_public_key = public_bytes(snapshot_key)

    def seal(self, payload: bytes, kind: bytes = SNAPSHOT) -> Sealed:
        """The bytes of a snapshot, or of another ``kind``, signed."""
        return seal(payload, self._snapshot_key, kind)

    def sign_workload(
        self, csr_der: bytes, trust_domain: str, service: str, sidecar_id: str, now: float
    ) -> x509.Certificate:
        """A sidecar's certificate; Denied ``bad_csr``."""
        return certificates.sign_workload(
            self._ca,
            self._ca_key,
            csr_der,
            trust_domain=trust_domain,
            service=service,
            sidecar_id=sidecar_id,
            now=now,
        )

    def is_ours(self, certificate: x509.Certificate) -> bool:
        """Did our CA sign it? Says nothing of its dates."""
        try:
            certificate.verify_directly_issued_by(self._ca)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def sign_server(self, public_key: ec.EllipticCurvePublicKey, now: float) -> x509.Certificate:
        """Control's own certificate for the push socket."""
        return certificates.sign_server(self._ca, self._ca_key, public_key, now)


def open_authority(session: Session, now: float, vault: Vault) -> Authority:
    """The authority kept in the store, made now if there is none. Needs a writing transaction. WrongMasterKey,
    Corrupt."""
    if session.get(SecretRow, _CA_KEY) is None:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = certificates.create_ca(ca_key, now)
        snapshot_key = ed25519.Ed25519PrivateKey.generate()
        session.add_all(
            SecretRow(name=name, blob=blob)
            for name, blob in (
                (_CA_KEY, vault.seal(SECRET, _CA_KEY, _pem(ca_key))),
                (_CA_CERTIFICATE, certificates.der(ca)),
                (_SNAPSHOT_KEY, vault.seal(SECRET, _SNAPSHOT_KEY, _pem(snapshot_key))),
            )
        )
        session.flush()
        return Authority(ca, ca_key, snapshot_key)
    ca_pem, snapshot_pem = (vault.open(SECRET, name, _blob(session, name)) for name in (_CA_KEY, _SNAPSHOT_KEY))
    try:
        opened_ca, opened_snapshot = (load_pem_private_key(pem, password=None) for pem in (ca_pem, snapshot_pem))
        ca = x509.load_der_x509_certificate(_blob(session, _CA_CERTIFICATE))
        belong_together = ca.public_key() == opened_ca.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise Corrupt("the mesh's CA and snapshot signing key cannot be read") from None
    if (
        not belong_together
        or not isinstance(opened_ca, ec.EllipticCurvePrivateKey)
        or not isinstance(opened_snapshot, ed25519.Ed25519PrivateKey)
    ):
        raise Corrupt("the mesh's CA and snapshot signing key are not as control makes them")
    return Authority(ca, opened_ca, opened_snapshot)


def expires_at(certificate: x509.Certificate) -> int:
    """Until when it is valid, in unix seconds."""
    return int((certificate.not_valid_after_utc - dt.datetime.fromtimestamp(0, dt.UTC)).total_seconds())


def _pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _blob(session: Session, name: str) -> bytes:
    row = session.get(SecretRow, name)
    if row is None:
        raise Corrupt(f"the database has no {name}")
    return row.blob
