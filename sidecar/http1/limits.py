"""Every wait and every bound of the data plane, each with a name and a default that is fit for production.

Both are frozen values: a process reads them once, hands them down, and nothing changes them behind its back.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each wait may take, in seconds."""

    tls_handshake_s: float = 10
    """For a client to finish its TLS handshake, where the port speaks TLS: closed."""
    head_read_s: float = 10
    """From a request's first byte to the end of its head: 408."""
    keep_alive_idle_s: float = 75
    """From a connection's start, or one response, to the next request's first byte: closed in silence."""
    body_idle_s: float = 30
    """Between two pieces of a request body: 408."""
    connect_s: float = 5
    """To reach the service, TLS included: 504."""
    continue_s: float = 1
    """For the service to ask for a body that its client holds back (``Expect: 100-continue``): asked for by us."""
    response_head_s: float = 60
    """From the end of a request to the head of its response: 504. A route's ``timeout`` takes its place, and then
    counts from the beginning of the exchange."""
    response_idle_s: float = 60
    """Between two pieces of a response body: the downstream connection is cut."""
    tunnel_idle_s: float = 3600
    """For the next byte either way in an upgraded connection, or for the next event of an event stream: closed."""
    write_idle_s: float = 30
    """For a peer to take a piece (64 KiB at most) that is written to it: its connection is closed."""
    drain_s: float = 30
    """From the beginning of a drain to the end of the exchanges under way."""
    linger_s: float = 2
    """To read on and discard after a response that came before the end of its request, so that the client sees it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each thing there may be."""

    head_bytes: int = 64 * 1024
    """A whole head, of a request (431) or of a response (502)."""
    request_line_bytes: int = 8 * 1024
    """A request line: 414."""
    header_count: int = 100
    """Header fields in a head: 431, or 502."""
    body_bytes: int | None = None
    """A request body: 413. None: any size, since bodies are never held."""
    body_rate: int = 240
    """Bytes a second of a request body, on average, once ``body_idle_s`` is used up: 408. One drop before each end of
    that wait would hold an exchange, and a connection to the service, for ever."""
    connections: int = 10_000
    """Downstream connections open at once: 503."""
    in_flight: int = 1_000
    """Exchanges under way at once: 503, immediately."""
    tunnels: int = 1_000
    """Upgrades asked for or open at once: 503, immediately. They count neither in the bound above nor in the one
    below, so that open tunnels starve no request."""
    upstream_connections: int = 1_000
    """Connections to the service: 503, immediately."""
    idle_upstream: int = 64
    """Of these, idle ones that are kept for reuse."""
    discard_bytes: int = 64 * 1024
    """Of a refused request's body, read and thrown away so that its connection can live on."""
    linger_bytes: int = 1024 * 1024
    """Of an unfinished request, read and thrown away before its connection is closed."""
