"""Where the service is, and how a new connection to it is made.

A name is resolved again for every new connection, and no connection is reused for longer than ``max_age_s``, so
that a service that moves is found at its new address.
"""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import trio

Connect = Callable[[], Awaitable[trio.abc.Stream]]

MAX_AGE_S = 60.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """``connect`` opens a stream, or raises OSError or trio.BrokenResourceError. ``authority`` is the Host for a
    request that has none. ``plain``: is that stream a plain socket?"""

    connect: Connect
    authority: bytes = b"localhost"
    max_age_s: float = MAX_AGE_S
    plain: bool = True


def upstream(url: str, tls: ssl.SSLContext | None = None) -> Upstream:
    """The service at ``http://host:port``, ``https://host:port`` (verified against the system's CAs, or with
    ``tls``) or ``unix:/path``. ValueError for anything else."""
    if url.startswith("unix:/"):
        path = url.removeprefix("unix:")
        return Upstream(partial(trio.open_unix_socket, path))
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/") or parts.query:
        raise ValueError(f"not http://host:port, https://host:port or unix:/path: {url!r}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    authority = parts.netloc.rpartition("@")[2].encode("ascii")
    if parts.scheme == "http":
        return Upstream(partial(trio.open_tcp_stream, host, port), authority)
    context = tls or ssl.create_default_context()
    return Upstream(partial(_open_tls, host, port, context), authority, plain=False)


async def _open_tls(host: str, port: int, context: ssl.SSLContext) -> trio.abc.Stream:
    tcp = await trio.open_tcp_stream(host, port)
    # Not https_compatible: a stream that ends without TLS's closing message was cut (RFC 9112 section 9.8).
    stream = trio.SSLStream(tcp, context, server_hostname=host)
    try:
        await stream.do_handshake()
    except BaseException:  # whatever ended the handshake, a cancellation too: the socket must not leak
        await trio.aclose_forcefully(stream)
        raise
    return stream
