"""A service behind TLS: verified by name and by CA, and refused otherwise."""

import datetime
import ssl
from pathlib import Path

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sidecar.proxy.proxy import Proxy
from sidecar.proxy.upstream import upstream

from .stage import OK, Peer, Stage, request


def certificate(directory: Path, name: str) -> Path:
    """A self-signed certificate for ``name`` and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = directory / "service.pem"
    path.write_bytes(key.private_bytes(pem, pkcs8, plain) + made.public_bytes(pem))
    return path


@pytest.mark.parametrize(
    ("name", "trusted", "status"), [("localhost", True, 200), ("localhost", False, 502), ("elsewhere", True, 502)]
)
async def test_a_service_behind_tls(
    stage: Stage, nursery: trio.Nursery, tmp_path: Path, name: str, trusted: bool, status: int
) -> None:
    """200 twice over one connection when name and CA are right; otherwise not a byte of the request is sent."""
    pem = certificate(tmp_path, name)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pem)
    heads: list[str] = []

    async def service(stream: trio.SSLStream[trio.SocketStream]) -> None:
        peer = Peer(stream)
        try:
            while True:
                heads.append((await peer.head()).first)
                await peer.send(OK)
        except (trio.BrokenResourceError, AssertionError):
            await trio.aclose_forcefully(stream)

    listeners = await trio.open_ssl_over_tcp_listeners(0, tls, host="127.0.0.1", https_compatible=True)
    nursery.start_soon(trio.serve_listeners, service, listeners)
    port = listeners[0].transport_listener.socket.getsockname()[1]
    ours = ssl.create_default_context(cafile=str(pem) if trusted else None)
    proxy = Proxy(stage.gate, upstream(f"https://localhost:{port}", ours), clock=lambda: stage.now)
    stage.proxy = proxy
    client = stage.client()
    for _ in range(2):
        await client.send(request(method="POST"))
        assert (await client.response())[0].status == status
    assert len(heads) == (2 if status == 200 else 0)
    assert proxy.pool.open == (1 if status == 200 else 0)
    await client.close()
    await proxy.pool.aclose()
    nursery.cancel_scope.cancel()
