"""Attacks on what the engine says again: a request that was let through once must open nothing that the judge would not
open today.

Every row of ``test_token_cache`` is played where the answer would come from a ruling; and whatever a caller may write
beside what a ruling knows of is held against what the tasks, which ask every time, make of it.
"""

from dataclasses import replace

import pytest
import trio

from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import (
    FieldMatch,
    Forward,
    RateLimit,
    Requirement,
    Revocation,
    Route,
    Snapshot,
    Source,
)
from sidecar.http1.express import SWITCH
from sidecar.proxy.express.rulings import Ruling

from ..authn.minting import NOW, claims, mint, needs
from ..proxy.stage import OK, Head, Peer, Service, Stage, express_stage
from .attack import PASSED
from .test_token_cache import GOOD, STORIES, malleated
from .token_attack import ES, EXPIRED, INVALID, asking, status_and_word, with_token, world

pytestmark = pytest.mark.skipif(not SWITCH.open, reason="the lane is shut, and nothing is ruled")

WARM = 3
TENANT = Forward(claims=(("X-Tenant", ("tenant",)),))
BEARER = b"Authorization: Bearer " + GOOD.encode()


def policy(*routes: Route, forward: Forward | None = None) -> Snapshot:
    """Of one issuer."""
    return replace(world(ES, routes=routes or (Route("/mine/**"),)), forward=forward or Forward())


def is_ruled(stage: Stage, raw: bytes) -> bool:
    """Would the engine let it through on the word of an earlier one?"""
    rulings = stage.proxy.engine.rulings()
    asked = None if rulings is None else rulings.asked.read(raw[: raw.index(b"\r\n\r\n") + 4])
    return rulings is not None and asked is not None and isinstance(rulings.find(asked, stage.now), Ruling)


async def warmed(stage: Stage, raw: bytes) -> None:
    """So often that it is known by heart."""
    for _ in range(WARM):
        assert await status_and_word(stage, raw) == PASSED, stage.records
    assert is_ruled(stage, raw)


@pytest.mark.parametrize("name", [name for name in STORIES if "API key" not in name])
async def test_what_was_ruled_does_not_hold_for_ever(name: str) -> None:
    """Let in by a ruling; then refused, and again, and the service hears of neither."""
    story = STORIES[name]
    async with express_stage(snapshot=story.world) as stage:
        await warmed(stage, story.warm)
        heard = len([record for record in stage.records if record.upstream_ms is not None])
        stage.gate.use(replace(story.change(story.world), version=4))
        stage.now += story.later
        for _ in range(WARM):
            assert await status_and_word(stage, story.sent) == story.answer, stage.records
        assert heard == len([record for record in stage.records if record.upstream_ms is not None])
        assert not stage.bugs


async def test_where_keys_count_nothing_is_said_again() -> None:
    """An API key has no time at which it begins or ends as a token has."""
    async with express_stage(snapshot=policy(Route("/mine/**", credentials=(Source(), Source("api_key"))))) as stage:
        for _ in range(WARM):
            assert await status_and_word(stage, with_token(GOOD)) == PASSED
        assert not is_ruled(stage, with_token(GOOD))


async def test_the_time_is_looked_at_each_time() -> None:
    """To the second, with the leeway, forwards and back."""
    token = with_token(mint(claims(exp=NOW + 100, iat=NOW, nbf=NOW)))
    async with express_stage(snapshot=replace(policy(), issuers=(replace(ES, leeway_s=5),))) as stage:
        await warmed(stage, token)
        for at, answer in (
            *((NOW + 104.999, PASSED), (NOW + 105, EXPIRED), (NOW + 50, PASSED), (NOW - 5, PASSED)),
            *((NOW - 5.001, INVALID), (NOW + 104.9, PASSED), (NOW + 10**9, EXPIRED)),
        ):
            stage.now = at
            for _ in range(2):
                assert await status_and_word(stage, token) == answer, at


async def test_a_shut_gate_shuts_the_engine_too() -> None:
    """For a token, and where nobody has to say who he is."""
    anybody = asking(target="/open/a")
    async with express_stage(snapshot=policy(Route("/open/**", access="public"), Route("/mine/**"))) as stage:
        await warmed(stage, with_token(GOOD))
        await warmed(stage, anybody)
        stage.gate.closed_for = Reason.STALE_SNAPSHOT
        for raw in (with_token(GOOD), anybody):
            assert await status_and_word(stage, raw) == (503, "stale_snapshot")
        stage.gate.closed_for = None
        assert await status_and_word(stage, with_token(GOOD)) == PASSED


async def test_a_revocation_reaches_an_open_connection() -> None:
    """The next request on it, and those that are pipelined behind; also under the signature's other spelling."""
    async with express_stage(snapshot=policy()) as stage:
        await warmed(stage, with_token(GOOD))
        client = stage.client()
        for _ in range(WARM):
            await client.send(with_token(GOOD))
            assert (await client.response())[0].status == 200
        snapshot = stage.gate.snapshot
        assert snapshot is not None
        stage.gate.use(replace(snapshot, version=4, revocations=(Revocation("partner", "jti", "t1", NOW + 60),)))
        for raw, count in ((with_token(GOOD), 1), (with_token(malleated(GOOD)), 1), (with_token(GOOD) * 3, 3)):
            await client.send(raw)
            assert [(await client.response())[0].status for _ in range(count)] == [401] * count
        await client.close()


@pytest.mark.parametrize(
    ("route", "good", "other"),
    [
        (Route("/mine/{id}", require=Requirement(when="claims.sub == path.id")), "/mine/7", "/mine/8"),
        (Route("/mine/*", query=(FieldMatch("f", "equals", ("a",)),)), "/mine/a?f=a", "/mine/a?f=b"),
        (Route("/mine/*", query=(FieldMatch("f", "equals", ("a",)),)), "/mine/a?f=a", "/mine/a?f=a&f=b"),
        (Route("/mine/a"), "/mine/a", "/mine/b"),
        (Route("/mine/a"), "/mine/a", "/mine/%61/b"),
        (Route("/mine/a"), "/mine/a", "/mine;a/a"),
        (Route("/mine/a"), "/mine/a", "/mine/a%2f"),
    ],
)
async def test_another_target_is_another_request(route: Route, good: str, other: str) -> None:
    """However like the one that was let through."""
    async with express_stage(snapshot=policy(route, Route("/**", require=needs("admin")))) as stage:
        for _ in range(WARM):
            assert await status_and_word(stage, with_token(GOOD, good)) == PASSED
            assert (await status_and_word(stage, with_token(GOOD, other)))[0] in (400, 403)
        assert not stage.bugs


@pytest.mark.parametrize(
    "require",
    [needs("orders:read"), Requirement(when="claims.sub == '7'"), Requirement(when="principal.subject == '7'")],
)
async def test_another_caller_is_another_request(require: Requirement) -> None:
    """On a path that the first one opened; and the service is told of each who it is."""
    bob = with_token(mint(claims(sub="8", scope="other", jti="b")))
    async with express_stage(snapshot=policy(Route("/mine/**", require=require), Route("/all/**"))) as stage:
        heard: list[Head] = []
        stage.service = _hears(heard)
        await warmed(stage, with_token(GOOD))
        for _ in range(WARM):
            assert (await status_and_word(stage, bob))[0] == 403
            assert await status_and_word(stage, with_token(GOOD)) == PASSED
        heard.clear()
        for number in range(2 * WARM):
            who = bob.replace(b"/mine/a", b"/all/a") if number % 2 else with_token(GOOD, "/all/a")
            assert await status_and_word(stage, who) == PASSED
        assert [head.one("x-auth-subject") for head in heard] == ["7", "8"] * WARM
        assert not stage.bugs


async def test_a_host_is_part_of_what_was_asked_where_it_matters() -> None:
    """In every spelling as the judge reads it."""
    routes = Route("/mine/**", hosts=("a.test",)), Route("/mine/**", require=needs("admin"))

    def to(host: bytes) -> bytes:
        return b"GET /mine/a HTTP/1.1\r\nHost: " + host + b"\r\n" + BEARER + b"\r\n\r\n"

    async with express_stage(snapshot=policy(*routes)) as stage:
        await warmed(stage, to(b"a.test"))
        for _ in range(WARM):
            for host in (b"A.test", b"a.test.", b"a.test:80"):
                assert await status_and_word(stage, to(host)) == PASSED
            for host in (b"b.test", b"x.a.test", b"a.test@b.test", b"", b"a.test, b.test", b"a.test/b"):
                assert (await status_and_word(stage, to(host)))[0] in (400, 403)


async def test_limits_count_what_is_said_again() -> None:
    """Of the caller, whatever his token is called; and they fill up as the time passes."""
    async with express_stage(snapshot=policy(Route("/mine/**", rate_limits=(RateLimit(6, 3_600_000, 6),)))) as stage:
        asked = [(await status_and_word(stage, with_token(GOOD)))[0] for _ in range(10)]
        assert asked == [200] * 6 + [429] * 4
        assert (await status_and_word(stage, with_token(mint(claims(jti="other")))))[0] == 429
        stage.now += 1200
        token = with_token(mint(claims(exp=NOW + 3600)))
        assert [(await status_and_word(stage, token))[0] for _ in range(4)] == [200, 200, 429, 429]


async def test_who_is_counted_by_address_is_asked_each_time() -> None:
    """So that nobody counts for another."""
    route = Route("/open/**", access="public", rate_limits=(RateLimit(3, 3_600_000, 3, "ip"),))
    async with express_stage(snapshot=policy(route)) as stage:
        answers = [(await status_and_word(stage, asking(target="/open/a")))[0] for _ in range(5)]
        assert answers == [200] * 3 + [429] * 2


async def test_a_claim_that_no_header_can_hold_is_refused_each_time() -> None:
    """It is allowed, and cannot be told to the service: 401, and no connection ends by a bug."""
    bad = with_token(mint(claims(tenant="a\nX-Auth-Subject: root")))
    async with express_stage(snapshot=policy(forward=TENANT)) as stage:
        await warmed(stage, with_token(GOOD))
        for _ in range(WARM):
            assert await status_and_word(stage, bad) == INVALID
        assert not stage.bugs


LINES = {
    "an identity": (b"X-Auth-Subject: root",),
    "an identity, underscored": (b"X_Auth_Subject: root",),
    "a header that the policy gives": (b"X-Tenant: evil",),
    "the same, underscored": (b"X_Tenant: evil",),
    "the same, with a dot": (b"X.Tenant: evil",),
    "another method": (b"X-HTTP-Method-Override: DELETE",),
    "another method, underscored": (b"X_HTTP_Method: DELETE",),
    "another target": (b"X-Original-URL: /admin/x",),
    "another target, too": (b"X-Rewrite-URL: /admin/x",),
    "a hop": (b"X-Forwarded-For: 1.2.3.4",),
    "a hop, underscored": (b"X_Forwarded_For: 1.2.3.4",),
    "a hop of RFC 7239": (b"Forwarded: for=1.2.3.4",),
    "an address": (b"X-Real-IP: 1.2.3.4",),
    "Connection names the token": (b"Connection: authorization",),
    "Connection names an identity": (b"Connection: x-auth-subject",),
    "Connection names a field": (b"Connection: keep-alive, X-A", b"X-A: 1"),
    "the token twice": (BEARER,),
    "Basic beside it": (b"Authorization: Basic eDp5",),
    "another token in another case": (b"authorization: bearer x",),
    "two hosts": (b"Host: evil.test",),
    "chunked": (b"Transfer-Encoding: chunked",),
    "chunked, underscored": (b"Transfer_Encoding: chunked",),
    "two lengths": (b"Content-Length: 0", b"Content-Length: 1"),
    "a signed length": (b"Content-Length: +0",),
    "a length with zeros": (b"Content-Length: 00",),
    "a line feed": (b"X: a\nX-Auth-Subject: root",),
    "a line feed behind the token": (BEARER + b"\nX-Auth-Subject: root",),
    "a NUL": (b"X: a\0b",),
    "a carriage return": (b"X: a\rb",),
    "a folded line": (b"X: a", b" b"),
    "a space before the colon": (b"X : a",),
    "a tab in a name": (b"X\t: a",),
    "no name": (b": a",),
    "no colon": (b"abc",),
    "a byte beyond ASCII": (b"X: \xff",),
    "an upgrade": (b"Upgrade: h2c", b"Connection: upgrade"),
    "a ring": (b"Via: " + b", ".join([b"1.1 sidegate"] * 20),),
    "a proxy's token": (b"Proxy-Authorization: Bearer " + GOOD.encode(),),
    "a proxy's connection": (b"Proxy-Connection: keep-alive",),
    "a trace": (b"traceparent: 00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"tracestate: x=y"),
    "no trace, and its state": (b"traceparent: zz", b"tracestate: x=y"),
    "a trace in capitals": (b"traceparent: 00-" + b"A" * 32 + b"-" + b"b" * 16 + b"-01",),
    "two traces": (b"traceparent: 00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01",) * 2,
    "two request ids": (b"X-Request-Id: a", b"X-Request-Id: b"),
    "a request id without a colon": (b"X-Request-IdX",),
    "a trace without a colon": (b"TraceparentX",),
    "a token without a colon": (b"AuthorizationX",),
    "an odd request id": (b"X-Request-Id: a b",),
    "a cookie": (b"Cookie: a=b",),
}
FIRST = {
    "absolute": b"GET http://evil.test/mine/a HTTP/1.1",
    "absolute, ours": b"GET http://orders/mine/a HTTP/1.1",
    "HTTP/1.0": b"GET /mine/a HTTP/1.0",
    "dot segments": b"GET /x/../mine/a HTTP/1.1",
    "empty segments": b"GET //mine/a HTTP/1.1",
    "an escaped letter": b"GET /m%69ne/a HTTP/1.1",
    "a query": b"GET /mine/a?x=1 HTTP/1.1",
    "in small letters": b"get /mine/a HTTP/1.1",
    "two spaces": b"GET  /mine/a HTTP/1.1",
    "a tab": b"GET\t/mine/a HTTP/1.1",
    "a fragment": b"GET /mine/a#x HTTP/1.1",
    "HTTP/2": b"GET /mine/a HTTP/2.0",
    "HTTP/0.9": b"GET /mine/a",
    "a line feed": b"GET /mine/a HTTP/1.1\nHost: x",
    "HEAD": b"HEAD /mine/a HTTP/1.1",
    "POST": b"POST /mine/a HTTP/1.1",
    "above the root": b"GET /../mine/a HTTP/1.1",
    "a NUL": b"GET /mine/\0 HTTP/1.1",
}
WRITTEN = {name: asking(BEARER, *lines) for name, lines in LINES.items()}
WRITTEN |= {
    f"first line: {name}": b"\r\n".join((first, b"Host: orders", BEARER, b"", b"")) for name, first in FIRST.items()
}


@pytest.mark.parametrize("name", WRITTEN)
async def test_what_a_ruling_does_not_know_of(nursery: trio.Nursery, name: str) -> None:
    """Beside a token and a path that are known by heart: answered, and passed on, as the tasks would."""
    heard: list[Head] = []
    tasks = Stage(nursery, snapshot=policy(forward=TENANT))
    tasks.service = _hears(heard)
    told = [await _asked(tasks, WRITTEN[name], heard)]
    async with express_stage(snapshot=policy(forward=TENANT)) as stage:
        stage.service = _hears(heard)
        await warmed(stage, with_token(GOOD))
        told += [await _asked(stage, WRITTEN[name], heard) for _ in range(WARM)]
        assert not stage.bugs
    assert told[1:] == told[:1] * WARM


def _hears(heard: list[Head]) -> Service:
    async def service(peer: Peer) -> None:
        while True:
            heard.append(head := await peer.head())
            await peer.send(OK[:-2] if head.first.startswith("HEAD") else OK)

    return service


async def _asked(stage: Stage, raw: bytes, heard: list[Head]) -> tuple[str, list[tuple[str, list[tuple[str, str]]]]]:
    """The status line, "" if there was none; and what the service heard, but for what is another one each time."""
    heard.clear()
    client = stage.client()
    await client.send(raw)
    try:
        answer = (await client.head()).first
    except (AssertionError, trio.BrokenResourceError):
        answer = ""
    await client.close()
    fresh = ("x-request-id", "traceparent")
    return answer, [(head.first, sorted(field for field in head.fields if field[0] not in fresh)) for head in heard]
