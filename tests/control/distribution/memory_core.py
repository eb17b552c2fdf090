"""The rest of control, as far as the push server needs it, in memory: a real CA, real signatures, no database."""

import datetime as dt
import ssl
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from control.errors import Denied
from control.lines import Lines
from sidecar.contract.envelope import INCREMENT, Sealed, seal
from sidecar.contract.increment import Chain, Increment, encode_increment
from sidecar.contract.join import JoinToken
from sidecar.contract.messages import CONTROL_NAME, Join
from sidecar.contract.snapshot import Revocation, Route, Snapshot, encode

SECRET = b"s" * 32


@dataclass(frozen=True)
class Row:
    """A sidecar that joined."""

    id: str
    service: str
    instance: str
    address: str = ""
    last_seen: int = 0
    revoked: bool = False


@dataclass(frozen=True)
class Enrolled:
    """What joining gives."""

    sidecar: Row
    certificate: bytes


class MemoryCore:
    """``control.distribution.core.Core``, with handles for tests: ``publish``, ``revoke``, ``clock``."""

    def __init__(self, now: float, certificate_life_s: float = 7 * 86_400) -> None:
        self.clock, self.life_s = now, certificate_life_s
        self.signing = ed25519.Ed25519PrivateKey.generate()
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        self._ca = self._certify("mesh CA", self._ca_key.public_key(), None, life_s=3650 * 86_400)
        self.ca_der = self._ca.public_bytes(Encoding.DER)
        self.rows: dict[str, Row] = {}
        self.snapshots: dict[str, Sealed] = {}
        self.chains: dict[str, Chain] = {}
        self.candidates: dict[str, Chain] = {}
        self.share = 0
        self.refreshes: list[tuple[str, str]] = []
        self.broken = False
        self.unwell: set[str] = set()
        self._listeners: list[Callable[[int], None]] = []

    @property
    def signing_public_key(self) -> bytes:
        """32 bytes."""
        return self.signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def token(self, service: str = "orders") -> JoinToken:
        """A join token for ``service``."""
        return JoinToken("j1", service, SECRET, self.ca_der)

    def publish(self, version: int, *services: str, routes: tuple[Route, ...] = ()) -> None:
        """A new version, told to whoever listens."""
        for service in services or ("orders",):
            self.snapshots[service] = self.sealed(version, service, routes)
        self.chains |= {name: Chain.begin(version, self.snapshots[name]) for name in services or ("orders",)}
        self.candidates.clear()
        self._tell(version)

    def try_out(self, version: int, share: int, routes: tuple[Route, ...]) -> None:
        """A new version of ``orders`` with a canary, which begins or goes on, told to whoever listens."""
        self.chains["orders"] = Chain.begin(version, self.sealed(version))
        self.candidates["orders"] = Chain.begin(version, self.sealed(version, "orders", routes))
        self.share = share
        self._tell(version)

    def publish_revocations(self, version: int, *revocations: Revocation) -> Sealed:
        """A new version that is an increment, told to whoever listens; ``version`` follows on what is there."""
        sealed = self.increment(version, *revocations)
        self.chains = {name: chain.plus((sealed,)) for name, chain in self.chains.items()}
        self.candidates = {name: chain.plus((sealed,)) for name, chain in self.candidates.items()}
        self._tell(version)
        return sealed

    def increment(self, version: int, *revocations: Revocation, base: int = 0, domain: str = "shop.test") -> Sealed:
        """An increment, signed."""
        made = Increment(domain, base or version - 1, version, 1, revocations)
        return seal(encode_increment(made), self.signing, INCREMENT)

    def _tell(self, version: int) -> None:
        for listener in tuple(self._listeners):
            listener(version)

    def sealed(self, version: int, service: str = "orders", routes: tuple[Route, ...] = ()) -> Sealed:
        """A snapshot, signed."""
        return seal(encode(Snapshot("shop.test", service, version, 1, routes=routes)), self.signing)

    def revoke(self, sidecar_id: str) -> None:
        """Take one out, and tell."""
        self.rows[sidecar_id] = replace(self.rows[sidecar_id], revoked=True)
        for listener in tuple(self._listeners):
            listener(0)

    def server_context(self) -> ssl.SSLContext:
        """As in docs/protocol.md."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certify("control", key.public_key(), CONTROL_NAME, life_s=86_400)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VerifyFlags(0x200000)
        context.load_verify_locations(cadata=self.ca_der)
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "pem")
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            file.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
            context.load_cert_chain(file)
        return context

    def enrol(self, join: Join, service: str, instance: str, csr: bytes, address: str) -> Enrolled:
        """Any number of joins with the one secret."""
        if join.secret != SECRET:
            raise Denied("the join token is not known", "bad_join_token")
        row = Row(f"sc{len(self.rows) + 1}", service, instance, address)
        self.rows[row.id] = row
        return Enrolled(row, self._sign(csr, row))

    def authenticate(self, presented: Sequence[tuple[bytes, str, bool]]) -> list[Row | Denied]:
        """By the certificates' common names."""
        return [self._known(*one) for one in presented]

    def _known(self, certificate_der: bytes, service: str, renewing: bool) -> Row | Denied:
        certificate = x509.load_der_x509_certificate(certificate_der)
        row = self.rows.get(str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value))
        if row is None:
            return Denied("not known", "unknown_certificate")
        if row.revoked:
            return Denied("taken out", "revoked")
        if row.service != service:
            return Denied("another service's", "wrong_service")
        if certificate.not_valid_after_utc.timestamp() < self.clock and not renewing:
            return Denied("has expired", "expired")
        return row

    def renew(self, sidecar_id: str, csr: bytes) -> Enrolled:
        """A fresh certificate."""
        row = self.rows[sidecar_id]
        return Enrolled(row, self._sign(csr, row))

    def revoked(self) -> list[str]:
        """Those taken out."""
        return [row.id for row in self.rows.values() if row.revoked]

    def seen(self, sightings: Sequence[tuple[str, str, float]]) -> None:
        """Note it."""
        for sidecar_id, address, at in sightings:
            self.rows[sidecar_id] = replace(self.rows[sidecar_id], last_seen=int(at), address=address)

    def sidecars(self) -> list[Row]:
        """All."""
        return list(self.rows.values())

    def lines_for(self, service: str) -> Lines | None:
        """The newest; an error while ``broken``, like a database that is away."""
        if self.broken or service in self.unwell:
            raise RuntimeError("the database is away")
        chain = self.chains.get(service)
        return None if chain is None else Lines(chain, self.candidates.get(service), self.share)

    def increments_after(self, version: int) -> tuple[Sealed, ...] | None:
        """As far as the chains go; all have the same increments."""
        if self.broken:
            raise RuntimeError("the database is away")
        for chain in self.chains.values():
            for place in chain.places:
                if place.version == version:
                    return chain.after(place)
        return None

    def refresh_requested(self, issuer: str, service: str) -> None:
        """Note it."""
        self.refreshes.append((issuer, service))

    def subscribe(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Be told."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def _sign(self, csr: bytes, row: Row) -> bytes:
        request = x509.load_der_x509_csr(csr)
        if not request.is_signature_valid:
            raise Denied("the request is not signed by its own key", "bad_csr")
        return self._certify(row.id, request.public_key(), None, life_s=self.life_s).public_bytes(Encoding.DER)

    def _certify(self, name: str, key: object, dns: str | None, *, life_s: float) -> x509.Certificate:
        is_ca = name == "mesh CA"
        begins = dt.datetime.fromtimestamp(self.clock, dt.UTC)
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mesh CA")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(key)  # type: ignore[arg-type]  # whatever public key the request had
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + dt.timedelta(seconds=life_s))
            .add_extension(x509.BasicConstraints(is_ca, 0 if is_ca else None), critical=True)
        )
        if not is_ca:
            usage = ExtendedKeyUsageOID.SERVER_AUTH if dns else ExtendedKeyUsageOID.CLIENT_AUTH
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if dns:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), critical=False)
        return builder.sign(self._ca_key, hashes.SHA256())
