"""Hello and client certificate -> an admitted sidecar, or Denied. The only door into the registry.

A first connection proves itself by a join token and asks for a certificate. Every other one proves itself by the
certificate that TLS has verified the possession of; with a CSR in its hello it is given the next one.
"""

from dataclasses import dataclass

from cryptography import x509

from control.errors import Denied
from sidecar.contract.messages import OLDEST_PROTOCOL, PROTOCOL, Hello, Join

from .batches import Batches
from .core import Core, Issued, KnownSidecar
from .threads import Threads

MAX_NAME_CHARS = 200
MAX_CAPABILITIES = 64


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who came in. ``certificate`` is a new one to hand over, or None; ``not_after`` bounds the session."""

    sidecar: KnownSidecar
    certificate: bytes | None
    not_after: float


class Admission:
    """``admit`` whoever said hello; ``run`` looks up many at once."""

    def __init__(self, core: Core, threads: Threads) -> None:
        self._core, self._threads = core, threads
        self._known = Batches[tuple[bytes, str, bool], KnownSidecar](core.authenticate, threads)
        self.run = self._known.run

    async def admit(self, hello: Hello, presented: bytes | None, address: str) -> Admitted:
        """``presented`` is the verified client certificate in DER, or None. Denied."""
        _check_form(hello)
        if hello.join is not None:
            if hello.csr is None:
                raise Denied("a join needs a certificate request", "bad_csr")
            return _issued(await self._threads.run(self._enrol, hello.join, hello.csr, hello, address))
        if presented is None:
            raise Denied("show a certificate, or join with a join token", "unauthenticated")
        sidecar = await self._known.ask((presented, hello.service, hello.csr is not None))
        if hello.csr is not None:
            return _issued(await self._threads.run(self._core.renew, sidecar.id, hello.csr))
        return Admitted(sidecar, None, _not_after(presented))

    def _enrol(self, join: Join, csr: bytes, hello: Hello, address: str) -> Issued:
        return self._core.enrol(join, hello.service, hello.instance, csr, address)


def _issued(issued: Issued) -> Admitted:
    return Admitted(issued.sidecar, issued.certificate, _not_after(issued.certificate))


def _check_form(hello: Hello) -> None:
    if not OLDEST_PROTOCOL <= hello.protocol <= PROTOCOL:
        spoken = f"{OLDEST_PROTOCOL} to {PROTOCOL}"
        raise Denied(f"this control speaks protocols {spoken}, not {hello.protocol}", "protocol")
    if len(hello.capabilities) > MAX_CAPABILITIES:
        raise Denied(f"more than {MAX_CAPABILITIES} capabilities", "malformed")
    names = [(name, getattr(hello, name)) for name in ("service", "instance", "agent")]
    for name, value in (*names, *(("a capability", one) for one in hello.capabilities)):
        if len(value) > MAX_NAME_CHARS or not value.isascii() or not value.isprintable():
            raise Denied(f"{name} is not {MAX_NAME_CHARS} printable ASCII characters or fewer", "malformed")


def _not_after(certificate: bytes) -> float:
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc.timestamp()
