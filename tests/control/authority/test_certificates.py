"""Certificates: what they say, what they never take from a request, and that real TLS accepts exactly them."""

import contextlib
import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from control.authority.authority import Authority, expires_at, open_authority
from control.authority.certificates import CA_DAYS, SERVER_DAYS, WORKLOAD_DAYS, der, requested_key, sidecar_id_of
from control.authority.push_tls import RENEW_AFTER_S, PushTls
from control.authority.vault import Vault
from control.errors import Denied
from control.store import open_database
from sidecar.contract.messages import CONTROL_NAME

NOW = int(dt.datetime.now(dt.UTC).timestamp())  # TLS itself reads the clock
DAY = 86_400
SigningKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A fresh one."""
    database = open_database(tmp_path / "data")
    with database.write() as session:
        opened = open_authority(session, NOW, Vault())
    database.close()
    return opened


def request(key: SigningKey, name: str = "anyone") -> bytes:
    """A certificate request that asks for names it should not get."""
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(CONTROL_NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    csr = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return csr.public_bytes(Encoding.DER)


def workload(authority: Authority, key: SigningKey | None = None, now: float = NOW) -> x509.Certificate:
    """A sidecar's certificate for the service orders."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    return authority.sign_workload(request(key), "shop.test", "orders", "sidecar-1", now)


def test_the_ca_may_sign_leaves_and_nothing_more(authority: Authority) -> None:
    """CA with path length 0, ten years, certificate signing only."""
    ca = x509.load_der_x509_certificate(authority.ca_der)
    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage).value
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert (usage.key_cert_sign, usage.digital_signature) == (True, False)
    assert expires_at(ca) == NOW + CA_DAYS * DAY
    ca.verify_directly_issued_by(ca)


def test_a_sidecars_certificate_says_what_control_decided(authority: Authority) -> None:
    """The names that the request asked for are nowhere in it."""
    certificate = workload(authority)
    extensions = certificate.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier("spiffe://shop.test/orders")]
    assert sidecar_id_of(certificate) == "sidecar-1"
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.not_valid_before_utc.timestamp() == NOW - 7200
    assert expires_at(certificate) == NOW + WORKLOAD_DAYS * DAY
    assert authority.is_ours(certificate)


def test_an_ed25519_key_is_as_good(authority: Authority) -> None:
    """The two kinds of key that a sidecar may have."""
    key = ed25519.Ed25519PrivateKey.generate()
    assert workload(authority, key).public_key() == key.public_key()


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())],
    ids=["rsa", "p384"],
)
def test_other_keys_are_refused(authority: Authority, key: SigningKey) -> None:
    """One curve and one modern scheme; no zoo."""
    with pytest.raises(Denied) as caught:
        authority.sign_workload(request(key), "shop.test", "orders", "sidecar-1", NOW)
    assert caught.value.code == "bad_csr"


def test_a_request_for_anothers_key_is_refused(authority: Authority) -> None:
    """Who asks must hold the private half: the request's own signature is checked."""
    mine, theirs = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    forged = request(mine).replace(point(mine), point(theirs))
    with pytest.raises(Denied) as caught:
        authority.sign_workload(forged, "shop.test", "orders", "sidecar-1", NOW)
    assert caught.value.code == "bad_csr"


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as it stands in a request."""
    numbers = key.public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


@pytest.mark.parametrize("csr", [b"", b"0", b"\x30\x03\x02\x01\x01", b"\x30" * 20_000])
def test_what_is_no_request_is_refused(authority: Authority, csr: bytes) -> None:
    """Bytes from the network end in Denied and never in another exception."""
    with pytest.raises(Denied):
        authority.sign_workload(csr, "shop.test", "orders", "sidecar-1", NOW)


def test_a_damaged_request_is_refused() -> None:
    """Whatever byte is changed, and to whatever: a version that X.509 does not have is one of the ways."""
    csr = request(ec.generate_private_key(ec.SECP256R1()))
    for place in range(len(csr)):
        for value in (0, 1, 2, 0x80, 0xFF):
            damaged = csr[:place] + bytes([value]) + csr[place + 1 :]
            if damaged != csr:
                with contextlib.suppress(Denied):
                    requested_key(damaged)


def test_another_meshs_certificate_is_not_ours(authority: Authority, tmp_path: Path) -> None:
    """Even with the same names in it."""
    database = open_database(tmp_path / "other")
    with database.write() as session:
        other = open_authority(session, NOW, Vault())
    database.close()
    assert not authority.is_ours(workload(other))


def test_the_authority_survives_a_restart(tmp_path: Path) -> None:
    """The same CA and the same snapshot key are opened again."""
    kept = []
    for _ in range(2):
        database = open_database(tmp_path)
        with database.write() as session:
            opened = open_authority(session, NOW, Vault())
        kept.append((opened.ca_der, opened.signing_public_key, opened.seal(b"x")))
        database.close()
    assert kept[0] == kept[1]


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str = CONTROL_NAME) -> tuple[bytes, bytes]:
    """One TLS connection; the server's and the client's certificate as the other end saw them."""
    ours, theirs = socket.socketpair()
    seen: list[bytes] = []

    def serve() -> None:
        try:
            with server.wrap_socket(ours, server_side=True) as stream:
                seen.append(stream.getpeercert(binary_form=True) or b"")
                stream.sendall(b"!")
        except OSError:
            ours.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with theirs, client.wrap_socket(theirs, server_hostname=name) as stream:
            stream.recv(1)
            shown = stream.getpeercert(binary_form=True) or b""
    finally:
        thread.join()
    return shown, seen[0]


def pinned(authority: Authority, certificate: x509.Certificate | None, key: SigningKey, path: Path) -> ssl.SSLContext:
    """A sidecar's end: pins the CA, shows its certificate if it has one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.ca_der)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if certificate is not None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (path / "client.pem").write_bytes(pem + certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(path / "client.pem")
    return context


def test_real_tls_both_ways(authority: Authority, tmp_path: Path) -> None:
    """OpenSSL, as strict as it gets, accepts the server's certificate and the sidecar's."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = workload(authority, key)
    shown, seen = handshake(PushTls(authority, NOW).context, pinned(authority, certificate, key, tmp_path))
    assert seen == der(certificate)
    server = x509.load_der_x509_certificate(shown)
    assert expires_at(server) == NOW + SERVER_DAYS * DAY
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_a_sidecar_without_a_certificate_is_let_in_to_join(authority: Authority, tmp_path: Path) -> None:
    """Its first connection has none to show."""
    key = ec.generate_private_key(ec.SECP256R1())
    assert handshake(PushTls(authority, NOW).context, pinned(authority, None, key, tmp_path))[1] == b""


def test_an_expired_certificate_is_shown_and_judged_later(authority: Authority, tmp_path: Path) -> None:
    """TLS lets it through, so that control can renew it."""
    key = ec.generate_private_key(ec.SECP256R1())
    expired = workload(authority, key, now=NOW - 20 * DAY)
    assert handshake(PushTls(authority, NOW).context, pinned(authority, expired, key, tmp_path))[1] == der(expired)


def test_a_server_of_another_name_is_not_control(authority: Authority, tmp_path: Path) -> None:
    """The certificate bears one name."""
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(PushTls(authority, NOW).context, pinned(authority, None, key, tmp_path), "orders.shop.test")


def test_a_sidecars_certificate_cannot_pose_as_control(authority: Authority, tmp_path: Path) -> None:
    """Client authentication only: a stolen sidecar does not serve snapshots."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = workload(authority, key)
    impostor = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "impostor.pem").write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    impostor.load_cert_chain(tmp_path / "impostor.pem")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(impostor, pinned(authority, None, key, tmp_path))


def test_a_server_certificate_is_renewed_while_in_use(authority: Authority, tmp_path: Path) -> None:
    """The context in use changes its certificate without a restart."""
    key = ec.generate_private_key(ec.SECP256R1())
    tls, client = PushTls(authority, NOW - RENEW_AFTER_S), pinned(authority, None, key, tmp_path)
    before = handshake(tls.context, client)[0]
    tls.renew_if_due(NOW - 1)
    assert handshake(tls.context, client)[0] == before
    tls.renew_if_due(NOW)
    assert handshake(tls.context, client)[0] != before
