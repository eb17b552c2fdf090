"""A control plane in memory: what the push server needs of one, with nothing on disk and nothing to set up.

The CA, the signatures and the push server are the real ones; policy, keys and revocations live as long as a test.
"""

import secrets
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from control.authority.certificates import create_ca, der, sign_workload
from control.errors import Denied
from control.lines import Lines
from control.policy import OwnIssuer, Policy, compile_snapshot
from sidecar.contract.envelope import INCREMENT, Sealed, public_bytes, seal
from sidecar.contract.increment import Chain, Increment, encode_increment
from sidecar.contract.join import JoinToken
from sidecar.contract.messages import Join
from sidecar.contract.snapshot import Issuer, Revocation, Snapshot, encode

from .tokens import ALGORITHM, Mint

OWN_ISSUER = "https://control.sidegate.test"
"""The ``iss`` of the built-in issuer in tests."""


@dataclass(frozen=True, slots=True)
class Member:
    """A sidecar that joined."""

    id: str
    service: str
    instance: str
    address: str = "memory"
    last_seen: int = 0
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Issued:
    """A sidecar and its certificate in DER."""

    sidecar: Member
    certificate: bytes


class MemoryControl:
    """Implements ``control.distribution.core.Core``. Thread-safe, as the real one is."""

    def __init__(self, mint: Mint, now: Callable[[], float]) -> None:
        self._mint, self._now = mint, now
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        self._ca = create_ca(self._ca_key, now())
        self._signing_key = Ed25519PrivateKey.generate()
        self._secret = secrets.token_bytes(32)
        self._members: dict[str, Member] = {}
        self._listeners: list[Callable[[int], None]] = []
        self._lock = threading.Lock()
        self._revocations: list[Revocation] = []
        self._chains: dict[str, Chain] = {}
        self.policy: Policy | None = None
        self.version = 0

    # what tests change

    def change(self, policy: Policy | None = None, revocation: Revocation | None = None) -> int:
        """The next version: another policy, or one more revocation. PolicyErrors, and nothing changes, if a service
        of the policy does not compile."""
        with self._lock:
            wanted = policy or self.policy
            revocations = [*self._revocations, *([revocation] if revocation else [])]
            if wanted is not None:
                for service in wanted.service_names:
                    self._compile(wanted, service, self.version + 1, revocations)
            self.policy, self._revocations, self.version = wanted, revocations, self.version + 1
            version = self.version
            if policy is None and wanted is not None:
                self._continue(wanted, revocation)
            else:
                self._chains.clear()
        for listener in list(self._listeners):
            listener(version)
        return version

    def _continue(self, policy: Policy, revocation: Revocation | None) -> None:
        """A revocation is an increment, as it is in a real control."""
        told = (revocation,) if revocation else ()
        increment = Increment(policy.trust_domain, self.version - 1, self.version, int(self._now()), told)
        sealed = seal(encode_increment(increment), self._signing_key, INCREMENT)
        self._chains = {service: chain.plus((sealed,)) for service, chain in self._chains.items()}

    def issuers(self, service: str) -> tuple[Issuer, ...]:
        """Whose tokens ``service`` accepts."""
        if self.policy is None:
            return ()
        return self._compile(self.policy, service, max(self.version, 1), []).issuers

    def join_token(self, service: str) -> JoinToken:
        """Good for any number of sidecars of ``service``."""
        return JoinToken("tests", service, self._secret, der(self._ca))

    def _compile(self, policy: Policy, service: str, version: int, revocations: Sequence[Revocation]) -> Snapshot:
        own = OwnIssuer(OWN_ISSUER, (self._mint.jwk("own"),), (ALGORITHM,))
        snapshot = compile_snapshot(
            policy,
            service,
            version=version,
            issued_at=int(self._now()),
            own=own,
            secrets=lambda name: f"a secret for tests that stands in for {name}",
            revocations=revocations,
        )
        # Every issuer's keys are replaced by the mint's, so that a test can speak for any of them.
        issuers = tuple(
            replace(issuer, keys=(self._mint.jwk(issuer.name),), algorithms=(ALGORITHM,), keys_known=True)
            for issuer in snapshot.issuers
        )
        return replace(snapshot, issuers=issuers)

    # what the push server asks

    @property
    def signing_public_key(self) -> bytes:
        """What sidecars pin."""
        return public_bytes(self._signing_key)

    def server_context(self) -> ssl.SSLContext:
        """Memory streams have no TLS."""
        raise AssertionError("the test mesh does not listen for sidecars")

    def enrol(self, join: Join, service: str, instance: str, csr: bytes, address: str) -> Issued:
        """A sidecar joins."""
        if not secrets.compare_digest(join.secret, self._secret):
            raise Denied("not the test mesh's join token", "bad_join_token")
        return self._issue(Member(secrets.token_hex(8), service, instance, address), csr)

    def authenticate(self, presented: Sequence[tuple[bytes, str, bool]]) -> list[Member | Denied]:
        """Nobody comes back by certificate: memory streams have no TLS, and do not break."""
        return [Denied("the test mesh knows no certificates", "unknown_certificate") for _ in presented]

    def renew(self, sidecar_id: str, csr: bytes) -> Issued:
        """A fresh certificate."""
        with self._lock:
            member = self._members[sidecar_id]
        return self._issue(member, csr)

    def _issue(self, member: Member, csr: bytes) -> Issued:
        domain = self.policy.trust_domain if self.policy else "test"
        certificate = sign_workload(
            self._ca,
            self._ca_key,
            csr,
            trust_domain=domain,
            service=member.service,
            sidecar_id=member.id,
            now=self._now(),
        )
        with self._lock:
            self._members[member.id] = member
        return Issued(member, der(certificate))

    def seen(self, sightings: Sequence[tuple[str, str, float]]) -> None:
        """Nothing to remember."""

    def sidecars(self) -> list[Member]:
        """Who joined."""
        with self._lock:
            return list(self._members.values())

    def revoked(self) -> list[str]:
        """Nobody."""
        return []

    def lines_for(self, service: str) -> Lines | None:
        """What the service should run, and no canary; None before the first policy."""
        with self._lock:
            if self.policy is None:
                return None
            if service not in self._chains:
                snapshot = self._compile(self.policy, service, self.version, self._revocations)
                self._chains[service] = Chain.begin(self.version, seal(encode(snapshot), self._signing_key))
            return Lines(self._chains[service])

    def increments_after(self, version: int) -> tuple[Sealed, ...] | None:
        """Whoever asks has a chain already."""
        with self._lock:
            for chain in self._chains.values():
                for place in chain.places:
                    if place.version == version:
                        return chain.after(place)
            return None

    def refresh_requested(self, issuer: str, service: str) -> None:
        """The mint's keys are all known from the start."""

    def subscribe(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Hear of every change."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)
