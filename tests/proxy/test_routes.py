"""What a route asks for itself: bounds, waits, limits, hosts, rewriting, and rules that are only recorded."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from sidecar.contract.snapshot import Deny, FieldMatch, RateLimit, Requirement, Route, Snapshot
from sidecar.http1.limits import Limits
from sidecar.observe.accesslog import line
from sidecar.observe.metrics import MAX_RULES, Metrics
from sidecar.observe.record import Record
from sidecar.observe.status import Status
from sidecar.proxy.origin import Forwarding

from ..authn.minting import claims as good_claims
from ..authn.minting import header, issuer, mint
from .stage import NOW, OK, Head, Peer, Stage, bearer, request, snapshot

PROXIES = ip_network("10.0.0.0/8")
SMALL = Route("/small/**", access="public", body_bytes=4)
UPLOAD = b"Transfer-Encoding: chunked\r\n"


def post(target: str, *lines: bytes, body: bytes = b"") -> bytes:
    """A POST."""
    return request(target, *lines, method="POST", body=body)


async def answer_body(peer: Peer) -> None:
    """A service that reads a chunked or sized body of up to four bytes and says ok."""
    while True:
        head = await peer.head()
        if head.all("transfer-encoding"):
            await peer.until(b"0\r\n\r\n")
        elif head.all("content-length"):
            await peer.exactly(int(head.one("content-length")))
        await peer.send(OK)


@pytest.fixture
async def small(nursery: trio.Nursery) -> AsyncIterator[Stage]:
    """A route that takes four bytes, and another that takes what the process takes."""
    stage = Stage(nursery, limits=Limits(body_bytes=8), snapshot=snapshot(SMALL, Route("/**", access="public")))
    stage.service = answer_body
    yield stage
    assert not stage.bugs


BODIES = [
    ("/small/a", b"Content-Length: 4\r\n", b"abcd", 200),
    ("/small/a", b"Content-Length: 5\r\n", b"abcde", 413),
    ("/small/a", UPLOAD, b"4\r\nabcd\r\n0\r\n\r\n", 200),
    ("/small/a", UPLOAD, b"4\r\nabcd\r\n1\r\ne\r\n0\r\n\r\n", 413),
    ("/small/a", UPLOAD, b"5\r\nabcde\r\n0\r\n\r\n", 413),
    ("/large", b"Content-Length: 8\r\n", b"abcdefgh", 200),
    ("/large", b"Content-Length: 9\r\n", b"abcdefghi", 413),
    ("/large", UPLOAD, b"9\r\nabcdefghi\r\n0\r\n\r\n", 413),
]


@pytest.mark.parametrize(("target", "framing", "body", "status"), BODIES)
async def test_a_route_bounds_its_bodies(small: Stage, target: str, framing: bytes, body: bytes, status: int) -> None:
    """Announced or counted; the process's own bound holds on every route."""
    client = small.client()
    await client.send(post(target, framing, body=body))
    assert (await client.response())[0].status == status
    await client.close()


async def test_one_routes_bound_is_not_the_next_ones(small: Stage) -> None:
    """On one connection each request has its own."""
    client = small.client()
    for target, size in (("/small/a", 4), ("/large", 8), ("/small/a", 2), ("/large", 8)):
        await client.send(post(target, b"Content-Length: %d\r\n" % size, body=b"x" * size))
        assert (await client.response())[0].status == 200
    await client.close()


async def test_a_body_that_is_held_back_is_never_asked_for(small: Stage) -> None:
    """413 at once, no 100."""
    head, _ = await small.ask(post("/small/a", b"Content-Length: 5\r\nExpect: 100-continue\r\n"))
    assert (head.status, small.upstream_connections) == (413, 0)


async def test_a_service_that_stops_is_given_up_after_the_routes_wait(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """idle: between two pieces of the response."""
    route = Route("/**", access="public", idle_timeout_ms=3000)
    stage = Stage(nursery, snapshot=snapshot(route))

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
        await trio.sleep(2)
        await peer.send(b"x")
        await trio.sleep_forever()

    stage.service = service
    began = trio.current_time()
    client = stage.client()
    await client.send(request("/a"))
    assert (await client.rest()).endswith(b"\r\n\r\nxx")
    assert 5 <= trio.current_time() - began < 6
    await trio.testing.wait_all_tasks_blocked()
    assert (stage.records[0].reason, stage.records[0].complete) == ("upstream_timeout", False)


async def test_a_whole_exchange_may_be_bounded(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """total: 504 before the response, cut within it; and what ends in time is untouched."""
    stage = Stage(nursery, snapshot=snapshot(Route("/**", access="public", total_timeout_ms=5000)))
    pieces = 0

    async def service(peer: Peer) -> None:
        head = await peer.head()
        if "silent" in head.first:
            await trio.sleep_forever()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
        for _ in range(pieces):
            await peer.send(b"x")
            await trio.sleep(1)

    stage.service = service
    assert await stage.problem(request("/silent")) == (504, "upstream_timeout")
    pieces, began = 99, trio.current_time()
    client = stage.client()
    await client.send(request("/drips"))
    assert (await client.rest()).count(b"x") < 10
    assert 4 < trio.current_time() - began < 6
    await trio.testing.wait_all_tasks_blocked()
    assert (stage.records[1].status, stage.records[1].complete) == (200, False)
    stage.service = answer_body
    client = stage.client()
    await client.send(request("/quick"))
    assert (await client.response())[0].status == 200
    await client.close()
    assert not stage.bugs


async def test_a_total_ends_event_streams_and_tunnels(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Both are exchanges."""
    stage = Stage(nursery, snapshot=snapshot(Route("/**", access="public", total_timeout_ms=5000)))

    async def service(peer: Peer) -> None:
        head = await peer.head()
        if head.all("upgrade"):
            await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        else:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        await trio.sleep_forever()

    stage.service = service
    for lines in (b"Accept: text/event-stream\r\n", b"Connection: Upgrade\r\nUpgrade: echo\r\n"):
        began, client = trio.current_time(), stage.client()
        await client.send(request("/a", lines))
        await client.head()
        await client.rest()
        assert trio.current_time() - began == pytest.approx(5)
    await trio.testing.wait_all_tasks_blocked()
    assert (stage.proxy.load.tunnels, stage.proxy.load.event_streams, stage.bugs) == (0, 0, [])


LIMITED = Route("/**", access="public", rate_limits=(RateLimit(1, 10_000, 2, "route"),))


def samples(stage: Stage, name: str) -> dict[str, float]:
    """A metric by its first label."""
    families = text_string_to_metric_families(stage.metrics.exposition().decode())
    found = (sample for family in families for sample in family.samples if sample.name == name)
    return {next(iter(sample.labels.values()), ""): sample.value for sample in found}


async def test_too_many_requests_are_429_and_told_when(nursery: trio.Nursery) -> None:
    """A bucket of two: the third waits ten seconds, and is counted."""
    stage = Stage(nursery, snapshot=snapshot(LIMITED))
    for _ in range(2):
        head, _ = await stage.ask(request("/a", b"Connection: close\r\n"))
        assert head.status == 200
    head, body = await stage.ask(request("/a", b"Connection: close\r\n"))
    assert (head.status, head.one("retry-after"), json.loads(body)["reason"]) == (429, "10", "rate_limited")
    assert samples(stage, "sidegate_rate_limited_total") == {"/**": 1}
    stage.now += 10
    head, _ = await stage.ask(request("/a", b"Connection: close\r\n"))
    assert head.status == 200


async def test_what_stays_open_does_not_use_up_a_limit(nursery: trio.Nursery) -> None:
    """Asking again whether a stream may go on is no request."""
    stage = Stage(nursery, snapshot=snapshot(LIMITED))

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        await trio.sleep_forever()

    stage.service = service
    clients = [stage.client(), stage.client()]
    for client in clients:
        await client.send(request("/a"))
        await client.head()
    for _ in range(3):
        stage.gate.use(snapshot(LIMITED))
        await trio.testing.wait_all_tasks_blocked()
    assert stage.proxy.load.event_streams == 2
    for client in clients:
        await client.close()
    await trio.testing.wait_all_tasks_blocked()


SHADOWED = Route("/s/**", access="public", shadow=Requirement(scopes=("admin",)))


async def test_a_shadow_rule_is_recorded_and_not_enforced(nursery: trio.Nursery) -> None:
    """The request passes; log and metric say what would have been."""
    policy = replace(
        snapshot(SHADOWED), deny=(Deny("night: owls", shadow=True), Deny("nobody", path="/never", shadow=True))
    )
    stage = Stage(nursery, snapshot=policy)
    for _ in range(2):
        head, _ = await stage.ask(request("/s/a", bearer(), b"Connection: close\r\n"))
        assert head.status == 200
    record = stage.records[0]
    assert sorted(record.shadow) == ["deny night: owls: denied", "route 1: insufficient_scope"]
    assert sorted(json.loads(line(record))["shadow"]) == sorted(record.shadow)
    assert samples(stage, "sidegate_shadow_refusals_total") == {"deny night: owls": 2, "route 1": 2}


def test_shadow_rules_cannot_fill_the_metrics() -> None:
    """Policies come and go; what is over the bound is counted as other."""
    metrics = Metrics(Status("orders"), lambda: NOW)
    for number in range(MAX_RULES + 50):
        metrics.finished(Record(NOW, "d", "p", shadow=(f"deny {number}: denied",)))
    text = metrics.exposition().decode()
    assert text.count("sidegate_shadow_refusals_total{") == MAX_RULES + 1
    assert 'sidegate_shadow_refusals_total{rule="other"} 50.0' in text


async def test_an_unknown_key_asks_for_a_refresh_and_is_401_meanwhile(nursery: trio.Nursery) -> None:
    """Once for each request; who asks control how often is the link's affair."""
    policy = replace(snapshot(Route("/**")), issuers=(issuer(refreshable=True),))
    stage = Stage(nursery, snapshot=policy)
    token = mint(good_claims(), head=header(kid="new"))
    assert await stage.problem(request("/a", f"Authorization: Bearer {token}\r\n".encode())) == (401, "invalid_token")
    assert stage.refreshed == ["partner"]
    assert (await stage.problem(request("/a", bearer(exp=NOW - 99))))[0] == 401
    assert stage.refreshed == ["partner"]


async def seen(stage: Stage, raw: bytes, peer: str = "10.0.0.9") -> tuple[int, Head | None]:
    """The status, and the head that the service got, if it got one."""
    heads: list[Head] = []

    async def service(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(OK)

    stage.service = service
    client = stage.client(peer)
    await client.send(raw)
    head = await client.head()
    await client.close()
    assert not stage.bugs
    return head.status, heads[0] if heads else None


async def test_a_route_may_be_for_a_host(nursery: trio.Nursery) -> None:
    """The Host as it came, whatever its case and port; what a client says of another is not looked at."""
    policy = snapshot(Route("/**", access="public", hosts=("orders.shop.test",)))
    for host, status in (("orders.shop.test", 200), ("ORDERS.shop.test:8000", 200), ("evil.test", 404)):
        raw = f"GET / HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: orders.shop.test\r\n\r\n".encode()
        assert (await seen(Stage(nursery, snapshot=policy), raw))[0] == status


async def test_a_prefix_is_rewritten(nursery: trio.Nursery) -> None:
    """What was matched before ``**`` gives way, the rest and the query stay; a tunnel is asked for there as well."""
    stage = Stage(nursery, snapshot=snapshot(Route("/api/**", access="public", rewrite="/v2")))
    _, sent = await seen(stage, request("/api/orders//7?x=%2F"))
    assert sent is not None
    assert sent.first == "GET /v2/orders/7?x=%2F HTTP/1.1"


MATCHED: list[tuple[bytes, int]] = [
    (b"X-Version: 2\r\n", 200),
    (b"X-Version: 2\r\nConnection: X-Version\r\n", 404),
    (b"X-Version: 2\r\nX-Version: 1\r\n", 400),
    (b"", 404),
]


@pytest.mark.parametrize(("lines", "status"), MATCHED)
async def test_what_is_judged_is_what_goes_on(nursery: trio.Nursery, lines: bytes, status: int) -> None:
    """A field that ends at this hop does not choose a route for a service that never sees it."""
    route = Route("/**", access="public", headers=(FieldMatch("x-version", "equals", ("2",)),))
    assert (await seen(Stage(nursery, snapshot=snapshot(route)), request("/a", lines)))[0] == status


async def test_an_upgrade_may_have_a_route_of_its_own(nursery: trio.Nursery) -> None:
    """Upgrade ends at this hop and is asked for anew: it can be matched."""
    route = Route("/**", access="public", headers=(FieldMatch("upgrade", "equals", ("websocket",)),))
    stage = Stage(nursery, snapshot=snapshot(route))
    assert (await seen(stage, request("/a", b"Connection: Upgrade\r\nUpgrade: websocket\r\n")))[0] == 200
    assert (await seen(stage, request("/a")))[0] == 404


def blocked() -> Snapshot:
    """Nobody from one network."""
    return replace(snapshot(Route("/**", access="public")), deny=(Deny("away", addresses=("203.0.113.0/24",)),))


ADDRESSES: list[tuple[str, bytes, int]] = [
    ("203.0.113.7", b"", 403),
    ("198.51.100.7", b"", 200),
    ("198.51.100.7", b"X-Forwarded-For: 203.0.113.7\r\n", 200),
    ("203.0.113.7", b"X-Forwarded-For: 198.51.100.7\r\n", 403),
    ("10.0.0.1", b"X-Forwarded-For: 203.0.113.7\r\n", 403),
    ("10.0.0.1", b"X-Forwarded-For: 203.0.113.7, 198.51.100.7\r\n", 200),
    ("10.0.0.1", b"X-Forwarded-For: 198.51.100.7, 203.0.113.7\r\n", 403),
]


@pytest.mark.parametrize(("peer", "lines", "status"), ADDRESSES)
async def test_an_address_is_the_one_that_is_vouched_for(
    nursery: trio.Nursery, peer: str, lines: bytes, status: int
) -> None:
    """A caller cannot lie himself in, nor another one out."""
    stage = Stage(nursery, snapshot=blocked(), forwarding=Forwarding((PROXIES,)))
    assert (await seen(stage, request("/a", lines), peer))[0] == status


SCHEMES: list[tuple[str, str, bytes, int]] = [
    ("198.51.100.7", "x-forwarded", b"X-Forwarded-Proto: https\r\n", 403),
    ("10.0.0.1", "x-forwarded", b"X-Forwarded-Proto: https\r\n", 200),
    ("10.0.0.1", "x-forwarded", b"X-Forwarded-Proto: http\r\n", 403),
    ("10.0.0.1", "rfc7239", b"Forwarded: for=198.51.100.7;proto=https\r\n", 200),
    ("10.0.0.1", "rfc7239", b"Forwarded: for=1.1.1.1;proto=https, for=198.51.100.7;proto=http\r\n", 403),
    ("10.0.0.1", "rfc7239", b"Forwarded: for=198.51.100.7;proto=https, for=10.0.0.2;proto=http\r\n", 200),
    ("10.0.0.1", "rfc7239", b"X-Forwarded-Proto: https\r\n", 403),
]


@pytest.mark.parametrize(("peer", "style", "lines", "status"), SCHEMES)
async def test_the_scheme_is_the_one_that_is_vouched_for(
    nursery: trio.Nursery, peer: str, style: Any, lines: bytes, status: int
) -> None:
    """How the client reached the first proxy that is believed."""
    rule = Deny("plain", when="request.scheme == 'http'")
    policy = replace(snapshot(Route("/**", access="public")), deny=(rule,))
    stage = Stage(nursery, snapshot=policy, forwarding=Forwarding((PROXIES,), style))
    assert (await seen(stage, request("/a", lines), peer))[0] == status
