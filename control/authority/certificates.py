"""X.509 for the push socket: the mesh's own CA, control's certificate, and a certificate for each sidecar.

A sidecar's certificate says what control decided, and nothing that the request asked for: the service in a URI
name (SPIFFE style), the sidecar's id as common name, client authentication only. Pure but for the randomness that
keys and serial numbers need; ``now`` is an argument.
"""

import datetime as dt

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from control.errors import Denied
from sidecar.contract.messages import CONTROL_NAME

CA_DAYS = 3650
SERVER_DAYS = 90
WORKLOAD_DAYS = 7
BACKDATE_S = 7200
"""A sidecar's clock may be an hour behind ours, and ours may go back by one: what was issued just before counts."""
MAX_CSR_BYTES = 16 * 1024

_DAY_S = 86_400


def create_ca(key: ec.EllipticCurvePrivateKey, now: float) -> x509.Certificate:
    """The self-signed certificate that every join token pins. It may sign leaves and no other CA."""
    name = _name("sidegate mesh CA")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _begun(name, name, key.public_key(), now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def sign_server(
    ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, public_key: ec.EllipticCurvePublicKey, now: float
) -> x509.Certificate:
    """Control's own certificate: one name wherever it listens, server authentication only."""
    builder = _begun(_name("control"), ca.subject, public_key, now, SERVER_DAYS)
    names = x509.SubjectAlternativeName([x509.DNSName(CONTROL_NAME)])
    return _leaf(builder, ca, ExtendedKeyUsageOID.SERVER_AUTH, names).sign(ca_key, hashes.SHA256())


def sign_workload(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    csr_der: bytes,
    *,
    trust_domain: str,
    service: str,
    sidecar_id: str,
    now: float,
) -> x509.Certificate:
    """A sidecar's certificate. Only the public key is taken from the request (PKCS #10, RFC 2986), and only if the
    request is signed with the private half; Denied ``bad_csr`` otherwise."""
    builder = _begun(_name(sidecar_id), ca.subject, requested_key(csr_der), now, WORKLOAD_DAYS)
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(workload_uri(trust_domain, service))])
    return _leaf(builder, ca, ExtendedKeyUsageOID.CLIENT_AUTH, names).sign(ca_key, hashes.SHA256())


def workload_uri(trust_domain: str, service: str) -> str:
    """A service's name within the mesh."""
    return f"spiffe://{trust_domain}/{service}"


def sidecar_id_of(certificate: x509.Certificate) -> str:
    """The id in a sidecar's certificate, or "" if it bears none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def der(certificate: x509.Certificate) -> bytes:
    """The certificate's bytes."""
    return certificate.public_bytes(Encoding.DER)


def requested_key(csr_der: bytes) -> ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey:
    """The key of a PKCS #10 request that proves possession of it; Denied ``bad_csr``."""
    if len(csr_der) > MAX_CSR_BYTES:
        raise Denied("the certificate request is too large", "bad_csr")
    try:
        csr = x509.load_der_x509_csr(csr_der)
        proven, key = csr.is_signature_valid, csr.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.InvalidVersion) as error:
        raise Denied("the certificate request cannot be read", "bad_csr") from error
    if not proven:
        raise Denied("the certificate request is not signed with its own key", "bad_csr")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise Denied("a sidecar's key is P-256 or Ed25519", "bad_csr")


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey,
    now: float,
    days: int,
) -> x509.CertificateBuilder:
    start = dt.datetime.fromtimestamp(int(now) - BACKDATE_S, dt.UTC)
    end = dt.datetime.fromtimestamp(int(now) + days * _DAY_S, dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _leaf(
    builder: x509.CertificateBuilder,
    ca: x509.Certificate,
    purpose: x509.ObjectIdentifier,
    names: x509.SubjectAlternativeName,
) -> x509.CertificateBuilder:
    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
