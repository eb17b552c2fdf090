"""The port speaks TLS: what clients see, what the service sees, and a certificate that is replaced under them."""

import contextlib
import http.client
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from control.testing.processes import Processes

from ..sidecar.pairs import write_pair
from .fleet_of_one import Lone


@pytest.fixture(params=["1", "2"], ids=["alone", "workers"])
def lone(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lone]:
    """A sidecar with a certificate for localhost that is good for 30 days."""
    with Processes(tmp_path) as processes:
        lone = Lone(tmp_path, processes)
        certificate, key = write_pair(tmp_path)
        lone.start("--tls-cert", str(certificate), "--tls-key", str(key), "--workers", request.param)
        yield lone


def connect(lone: Lone, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLSocket:
    """A client that trusts the certificate there is now, and speaks this version alone."""
    context = ssl.create_default_context(cafile=str(lone.folder / "cert.pem"))
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context.wrap_socket(socket.create_connection(lone.address, timeout=10), server_hostname="localhost")


def ask(peer: ssl.SSLSocket) -> bytes:
    """One request, and its answer whole."""
    peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += peer.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < size:
        body += peer.recv(65536)
    return head + body


def expires_in_days(lone: Lone) -> int:
    """What /ready says, of the worst off."""
    return round(lone.ready()["certificate_expires_in_s"] / 86400)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_clients_are_served_and_the_service_hears_of_https(lone: Lone, version: ssl.TLSVersion) -> None:
    """TLS 1.2 and 1.3, HTTP/1.1 by ALPN, the same behind it; the announced URL says https."""
    assert lone.url.startswith("https://")
    with connect(lone, version) as peer:
        assert (peer.version(), peer.selected_alpn_protocol()) == (version.name.replace("v1_", "v1."), "http/1.1")
        answer = ask(peer)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'["x-forwarded-proto", "https"]' in answer


def test_the_end_of_a_response_is_said(lone: Lone) -> None:
    """A response that ends with the connection ends with close_notify, or a client takes it for cut short."""
    with connect(lone) as peer:
        peer.sendall(b"GET /bytes/100000 HTTP/1.0\r\nHost: localhost\r\n\r\n")
        peer.suppress_ragged_eofs = False
        answer = b""
        while data := peer.recv(65536):
            answer += data
    assert answer.endswith(b"x" * 100000)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\xff\xff", b"\0" * 100])
def test_what_is_no_handshake_is_closed(lone: Lone, data: bytes) -> None:
    """Plain HTTP, an endless record, junk; and the port goes on."""
    with socket.create_connection(lone.address, timeout=5) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP/" not in peer.recv(65536)
    with connect(lone) as peer:
        assert ask(peer).startswith(b"HTTP/1.1 200")
    assert "sidegate_tls_handshakes_failed" in httpx.get(lone.admin + "/metrics", trust_env=False).text


def test_an_old_client_is_refused(lone: Lone) -> None:
    """TLS 1.1 is not spoken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(lone.address, timeout=5) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw)


@pytest.mark.parametrize("how", ["alone", "hangup"])
def test_a_new_certificate_is_taken_and_no_connection_is_dropped(lone: Lone, how: str) -> None:
    """Open connections go on, new ones see the new certificate; found on a timer, or at once on SIGHUP."""
    with connect(lone) as kept:
        assert ask(kept).startswith(b"HTTP/1.1 200")
        write_pair(lone.folder, days=60)
        if how == "hangup":
            lone.signal(signal.SIGHUP)
        while expires_in_days(lone) != 60:
            time.sleep(0.05)
        assert ask(kept).startswith(b"HTTP/1.1 200")
        with connect(lone) as fresh:
            assert ask(fresh).startswith(b"HTTP/1.1 200")


def test_a_broken_certificate_is_loud_and_changes_nothing(lone: Lone) -> None:
    """The old one serves on; the log and /ready say why; the next good one is taken."""
    before = (lone.folder / "cert.pem").read_bytes()
    (lone.folder / "cert.pem").write_text("not yet")
    while not lone.ready()["certificate_error"]:
        time.sleep(0.05)
    report = lone.ready()
    assert report["ready"] is True
    assert "holds no certificate" in report["certificate_error"]
    assert "the new certificate cannot be used, the one before stays" in lone.log()
    assert "\nsidegate_certificate_failing" in httpx.get(lone.admin + "/metrics", trust_env=False).text
    (lone.folder / "cert.pem").write_bytes(before)
    lone.signal(signal.SIGHUP)
    while any(one["certificate_error"] for one in lone.ready().get("workers", [lone.ready()])):
        time.sleep(0.05)
    with connect(lone) as peer:
        assert ask(peer).startswith(b"HTTP/1.1 200")


def test_curl_and_the_standard_library(lone: Lone) -> None:
    """Clients that somebody else wrote; one of them speaks HTTP/1.0."""
    host, port = "localhost", lone.address[1]
    context = ssl.create_default_context(cafile=str(lone.folder / "cert.pem"))
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=10)
    for _ in range(2):
        connection.request("POST", "/upload", body=b"x" * 100_000)
        assert connection.getresponse().read()
    connection.close()
    for version in ("--http1.0", "--http1.1"):
        command = ["curl", "-sSf", version, "--cacert", str(lone.folder / "cert.pem"), f"https://{host}:{port}/a"]
        assert subprocess.run(command, capture_output=True, check=True).stdout.startswith(b'{"method": "GET"')
