"""Whether a target answers, and whether it refuses what it should: a proxy that checks nothing is fast."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator

from .keys import Keys

READY_WITHIN_S = 30.0
BETWEEN_TRIES_S = 0.002
MIB = bytes(1 << 20)


def connection(port: int, tls: bool) -> http.client.HTTPConnection:
    """To a target on loopback; its certificate is not verified."""
    if not tls:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)


def status(port: int, token: str | None, *, tls: bool = False, path: str = "/x", body: bytes | None = None) -> int:
    """The status of one request; 0: no answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    peer = connection(port, tls)
    try:
        peer.request("POST" if body else "GET", path, body, headers)
        answer = peer.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        peer.close()


def first_200(port: int, token: str, *, tls: bool = False) -> None:
    """Returns when the target has answered with 200; SystemExit when it never does."""
    deadline = time.monotonic() + READY_WITHIN_S
    while (last := status(port, token, tls=tls)) != 200:
        if time.monotonic() > deadline:
            raise SystemExit(f"port {port} never answered 200, but {last or 'not at all'}")
        time.sleep(BETWEEN_TRIES_S)


def wait_for_port(port: int, name: str) -> None:
    """Until somebody listens there, or SystemExit."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(BETWEEN_TRIES_S)
    raise SystemExit(f"{name} never listened on port {port}; its log may say why")


def bad_tokens(keys: Keys, algorithm: str) -> Iterator[tuple[str, str | None]]:
    """What must be refused, by name."""
    yield "no token", None
    yield "another key", keys.token(algorithm, false=True)
    yield "expired", keys.token(algorithm, exp=1)
    yield "another issuer", keys.token(algorithm, iss="https://other.example")
    yield "another audience", keys.token(algorithm, aud="invoices-api")


def refuses(name: str, port: int, keys: Keys, algorithm: str, *, tls: bool) -> None:
    """SystemExit if the target lets through what it should not."""
    for what, token in bad_tokens(keys, algorithm):
        if (got := status(port, token, tls=tls)) not in (401, 403):
            raise SystemExit(f"{name} answered {got} to a request with {what}")
    if got := status(port, keys.token(algorithm), tls=tls, path="/upload", body=MIB) - 200:
        raise SystemExit(f"{name} answered {got + 200} to a body of 1 MiB")
