"""Hello and client certificate -> an admitted sidecar, or Denied. The only door into the registry.

A first connection proves itself by a join token and asks for a certificate. Every other one proves itself by the
certificate that TLS has verified the possession of; with a CSR in its hello it is given the next one.
"""

from dataclasses import dataclass

from cryptography import x509

from control.errors import Denied
from sidecar.contract.messages import OLDEST_PROTOCOL, PROTOCOL, Hello, Join

from .core import Core, KnownSidecar

MAX_NAME_CHARS = 200
MAX_CAPABILITIES = 64


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who came in. ``certificate`` is a new one to hand over, or None; ``not_after`` bounds the session."""

    sidecar: KnownSidecar
    certificate: bytes | None
    not_after: float


def admit(core: Core, hello: Hello, presented: bytes | None, address: str) -> Admitted:
    """Blocking. ``presented`` is the verified client certificate in DER, or None."""
    _check_form(hello)
    if hello.join is not None:
        if hello.csr is None:
            raise Denied("a join needs a certificate request", "bad_csr")
        issued = core.enrol(hello.join, hello.service, hello.instance, hello.csr, address)
        return Admitted(issued.sidecar, issued.certificate, _not_after(issued.certificate))
    if presented is None:
        raise Denied("show a certificate, or join with a join token", "unauthenticated")
    sidecar = core.authenticate(presented, hello.service, renewing=hello.csr is not None)
    if hello.csr is not None:
        issued = core.renew(sidecar.id, hello.csr)
        return Admitted(issued.sidecar, issued.certificate, _not_after(issued.certificate))
    return Admitted(sidecar, None, _not_after(presented))


def _check_form(hello: Hello) -> None:
    if not OLDEST_PROTOCOL <= hello.protocol <= PROTOCOL:
        spoken = f"{OLDEST_PROTOCOL} to {PROTOCOL}"
        raise Denied(f"this control speaks protocols {spoken}, not {hello.protocol}", "protocol")
    for name in ("service", "instance", "agent"):
        value: str = getattr(hello, name)
        if len(value) > MAX_NAME_CHARS or not value.isascii() or not value.isprintable():
            raise Denied(f"{name} is not {MAX_NAME_CHARS} printable ASCII characters or fewer", "malformed")
    if len(hello.capabilities) > MAX_CAPABILITIES:
        raise Denied(f"more than {MAX_CAPABILITIES} capabilities", "malformed")


def _not_after(certificate: bytes) -> float:
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc.timestamp()
