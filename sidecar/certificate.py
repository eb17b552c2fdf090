"""The port's certificate: loaded, watched, and replaced without dropping a connection.

Connections keep the context that they began with, new ones get the newest. A new pair counts once both files have
been still for one look, so that a certificate is not tried with the key of the one before; a pair that cannot be
used is told loudly, and the one in use stays.
"""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

import trio
from cryptography import x509

from .spelling import SettingsError

LOOK_EVERY_S = 2.0

_log = logging.getLogger("sidecar.tls")
_REASONS = {"KEY_VALUES_MISMATCH": "is not the key of the certificate"}

Stamp = tuple[tuple[int, int, int], ...]


class CertificateError(SettingsError):
    """A pair that cannot be used. The text names the file and the reason."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pair in use. ``expires_at`` is unix time."""

    context: ssl.SSLContext
    expires_at: float


def load(certificate: Path, key: Path) -> Loaded:
    """TLS 1.2 and newer with this pair, HTTP/1.1 by ALPN; CertificateError if it cannot be used. Blocking."""
    chain = _read("tls_cert", certificate)
    if b"ENCRYPTED" in _read("tls_key", key):
        raise CertificateError(f"tls_key {key}: is encrypted; give it without a passphrase")
    try:
        expires_at = x509.load_pem_x509_certificates(chain)[0].not_valid_after_utc.timestamp()
    except (ValueError, OverflowError, x509.InvalidVersion) as error:
        raise CertificateError(f"tls_cert {certificate}: holds no certificate in PEM") from error
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None)
        why = _REASONS.get(reason or "", f"cannot be used ({(reason or type(error).__name__).lower()})")
        raise CertificateError(f"tls_key {key}: {why}") from error
    return Loaded(context, expires_at)


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise CertificateError(f"{name} {path}: {getattr(error, 'strerror', None) or error}") from error


class Certificate:
    """The pair in these files. ``error`` says why the files' newest state is not in use, "" if it is."""

    def __init__(self, certificate: Path, key: Path, look_every_s: float = LOOK_EVERY_S) -> None:
        self._paths, self._look_every_s = (certificate, key), look_every_s
        self._seen = self._tried = self._stamp()
        self._loaded = load(certificate, key)
        self._told = trio.Event()
        self.error = ""

    @property
    def expires_at(self) -> float:
        """When the certificate in use expires, in unix time."""
        return self._loaded.expires_at

    def secure(self, stream: trio.SocketStream) -> trio.SSLStream[trio.SocketStream]:
        """TLS over an accepted connection; the handshake is yet to come."""
        return trio.SSLStream(stream, self._loaded.context, server_side=True)

    def reload(self) -> None:
        """Load the files at once, changed or not."""
        self._told.set()

    async def watch(self) -> None:
        """Look at the files for ever."""
        while True:
            with trio.move_on_after(self._look_every_s):
                await self._told.wait()
            told, self._told = self._told.is_set(), trio.Event()
            stamp = await trio.to_thread.run_sync(self._stamp)
            still, self._seen = stamp == self._seen, stamp
            # A pair that failed is tried at each look: a right that was given, or a descriptor that is free again,
            # shows in no stamp.
            if told or (still and (stamp != self._tried or self.error)):
                self._tried = stamp
                await self._replace()

    async def _replace(self) -> None:
        try:
            self._loaded = await trio.to_thread.run_sync(load, *self._paths)
        except CertificateError as error:
            if self.error != str(error):
                _log.error("the new certificate cannot be used, the one before stays: %s", error)
            self.error = str(error)
        else:
            self.error = ""
            _log.info("the certificate was loaded again")

    def _stamp(self) -> Stamp:
        found = []
        for path in self._paths:
            try:
                state = path.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((state.st_ino, state.st_mtime_ns, state.st_size))
        return tuple(found)
