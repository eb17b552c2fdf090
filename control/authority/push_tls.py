"""TLS for the push socket: control's own certificate, which lives in memory alone and is made anew at each start and
before it grows old, and what a sidecar may show.
"""

import ssl
import tempfile
import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from .authority import Authority
from .certificates import SERVER_DAYS

RENEW_AFTER_S = SERVER_DAYS * 86_400 // 2
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME: an expired certificate may knock, and control itself decides what that is good for."""


class PushTls:
    """One context for as long as control runs; its certificate is replaced while it is in use. Thread-safe."""

    def __init__(self, authority: Authority, now: float) -> None:
        self._authority, self._lock = authority, threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(cadata=authority.ca_der)
        context.verify_mode = ssl.CERT_OPTIONAL  # a sidecar that joins has no certificate yet
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        context.num_tickets = 0  # no resumption: every connection shows its certificate again
        self.context = context
        self._renew(now)

    def renew_if_due(self, now: float) -> None:
        """Past half its life the certificate is replaced: handshakes from then on show the new one."""
        with self._lock:
            if now >= self._made_at + RENEW_AFTER_S:
                self._renew(now)

    def _renew(self, now: float) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._authority.sign_server(key.public_key(), now)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        # The ssl module reads keys from files only: a private directory for the length of one call.
        with tempfile.TemporaryDirectory(prefix="control-") as directory:
            file = Path(directory, "server.pem")
            file.touch(mode=0o600)
            file.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
            self.context.load_cert_chain(file)
        self._made_at = now
