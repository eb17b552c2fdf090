"""What is measured, as data. A ``Setup`` is what targets are started with; scenarios of one setup share them."""

from dataclasses import dataclass
from typing import Literal

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Setup:
    """How a target stands. ``policy`` is ours alone: peers have one route. ``shared``: so many processors, on which
    everything runs, load and service too; 0: the proxy has one for itself."""

    algorithm: Literal["RS256", "ES256"] = "RS256"
    policy: Literal["plain", "routes-1000", "everything"] = "plain"
    tls: bool = False
    service: Literal["nginx", "streaming"] = "nginx"
    workers: int = 1
    shared: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """``tokens``: how many, in rotation; ``false``: signed by a stranger. ``alone``: peers have no counterpart."""

    name: str
    says: str
    setup: Setup = Setup()
    tool: Literal["wrk", "paced", "frames", "events", "start"] = "wrk"
    tokens: int = 1
    false: bool = False
    heads: Literal["small", "realistic"] = "small"
    path: str = "/x"
    body_bytes: int = 0
    connections: int = 64
    alone: bool = False


_ES256, _STREAMING, _TLS = Setup("ES256"), Setup(service="streaming"), Setup(tls=True)
_SHARED = "load, service and proxy all on {}: what doubles is everything"
SCENARIOS = (
    Scenario("hot", "one RS256 token, a request without a body, 64 connections"),
    Scenario("distinct", "1,000 tokens in rotation", tokens=1000),
    Scenario("distinct-10000", "10,000 tokens in rotation", tokens=10_000),
    Scenario("badsig", "1,000 tokens signed by another key: only 401", tokens=1000, false=True),
    Scenario("realistic", "12 headers, a fresh traceparent each, 200 paths, 50 tokens", tokens=50, heads="realistic"),
    Scenario("resp64k", "responses of 64 KiB", path="/64k"),
    Scenario("upload1m", "requests of 1 MiB, 8 connections", path="/upload", body_bytes=MIB, connections=8),
    Scenario("chunked", "responses of four chunks", path="/chunked"),
    Scenario("paced", "500 requests/s over 10 connections", tool="paced", connections=10),
    Scenario("hot-es256", "hot with ES256", _ES256),
    Scenario("distinct-es256", "distinct with ES256", _ES256, tokens=1000),
    Scenario("tls", "hot over TLS 1.3, kept connections", _TLS),
    Scenario("frames", "WebSocket frames of 64 bytes there and back, 64 tunnels", _STREAMING, "frames", path="/echo"),
    Scenario("events", "64 event streams of 50 events/s each", _STREAMING, "events", path="/events"),
    Scenario("routes-1000", "hot, the route is one of 1,000", Setup(policy="routes-1000"), path="/r500/7", alone=True),
    Scenario(
        "everything",
        "realistic, with scopes, a CEL condition and a rate limit",
        Setup(policy="everything"),
        tokens=50,
        heads="realistic",
        alone=True,
    ),
    Scenario("workers-1", "hot; " + _SHARED.format("one processor"), Setup(shared=1), alone=True),
    Scenario("workers-2", "hot; " + _SHARED.format("two processors"), Setup(workers=2, shared=2), alone=True),
    Scenario("start", "from the command to the first 200", tool="start"),
)
