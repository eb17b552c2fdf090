"""Who this sidecar is to control: its key and certificate, and what it pinned when it joined.

The private key (EC P-256) is made here and never leaves: control sees a PKCS #10 request (RFC 2986). A certificate
is taken in only if it is for that very key, names this sidecar and was signed by the pinned CA.
"""

from dataclasses import dataclass, field, replace

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from sidecar.contract.strict import ContractError, Fields, pack, unpack


@dataclass(frozen=True, slots=True)
class Identity:
    """What ``state_dir/identity`` holds. ``certificate`` and ``ca`` are DER, ``signing_key`` 32 raw bytes."""

    sidecar_id: str
    service: str
    private_key_pem: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    ca: bytes = field(repr=False)
    signing_key: bytes = field(repr=False)

    def lifetime(self) -> tuple[float, float]:
        """The certificate's validity, as unix seconds."""
        certificate = x509.load_der_x509_certificate(self.certificate)
        return certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()

    def with_certificate(self, certificate: bytes, private_key_pem: bytes) -> "Identity":
        """The same sidecar, renewed; ContractError if the certificate is not for it."""
        return checked(replace(self, certificate=certificate, private_key_pem=private_key_pem))


def new_private_key() -> bytes:
    """A fresh P-256 key, as PKCS #8 PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signing_request(private_key_pem: bytes, service: str) -> bytes:
    """A PKCS #10 request in DER, which proves that we hold the key. Control chooses the names; ours is a courtesy."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, service[:64])])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(_load_key(private_key_pem), hashes.SHA256()).public_bytes(Encoding.DER)


def checked(identity: Identity) -> Identity:
    """``identity``, if its parts belong together; else ContractError ``bad_certificate``."""
    try:
        certificate = x509.load_der_x509_certificate(identity.certificate)
        certificate.verify_directly_issued_by(x509.load_der_x509_certificate(identity.ca))
        ours = _load_key(identity.private_key_pem).public_key()
        theirs = certificate.public_key()
        names = [str(n.value) for n in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except (ValueError, TypeError, InvalidSignature, x509.InvalidVersion, x509.UnsupportedGeneralNameType) as error:
        raise ContractError("bad_certificate", f"the certificate cannot be used ({type(error).__name__})") from error
    if theirs.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != ours.public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    ):
        raise ContractError("bad_certificate", "the certificate is for another key")
    if names != [identity.sidecar_id]:
        raise ContractError("bad_certificate", "the certificate names another sidecar")
    if len(identity.signing_key) != 32:
        raise ContractError("bad_signing_key", "the snapshot signing key is not 32 bytes")
    return identity


def _load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ContractError("bad_certificate", "the private key is not an EC key")
    return key


def encode_identity(identity: Identity) -> bytes:
    """As kept on disk."""
    return pack(
        {
            "sidecar_id": identity.sidecar_id,
            "service": identity.service,
            "private_key": identity.private_key_pem,
            "certificate": identity.certificate,
            "ca": identity.ca,
            "signing_key": identity.signing_key,
        }
    )


def decode_identity(data: bytes) -> Identity:
    """The reverse; ContractError if it is not one, or its parts do not belong together."""
    with Fields(unpack(data), "identity") as f:
        identity = Identity(
            f.text("sidecar_id"),
            f.text("service"),
            f.blob("private_key"),
            f.blob("certificate"),
            f.blob("ca"),
            f.blob("signing_key"),
        )
    return checked(identity)


def der_to_pem(certificate: bytes) -> bytes:
    """As OpenSSL's file loaders want it."""
    return x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM)
