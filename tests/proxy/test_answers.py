"""What a route answers itself, and where it sends callers on."""

from dataclasses import replace
from typing import Any

import pytest
import trio

from sidecar.contract.snapshot import Forward, HeaderChanges, Redirect, Requirement, Respond, Route, Snapshot, Source
from sidecar.contract.strict import ContractError
from sidecar.proxy.gate import Gate

from ..authn.minting import claims, mint
from .stage import Stage, bearer, request, snapshot

HERE = Route("/hello", access="public", respond=Respond(body="hé\n"))
NOTHING = Route("/none", access="public", respond=Respond(204, "never", "text/plain"))
RESET = Route("/reset", access="public", respond=Respond(205, "never"))
ODD = Route("/odd", access="public", respond=Respond(299, "x"))
GUARDED = Route("/guarded", respond=Respond(), require=Requirement(scopes=("admin",)))


def policy(*routes: Route) -> Snapshot:
    """These routes alone."""
    return snapshot(*routes)


def moved(to: str, **more: Any) -> Route:
    """Everything under /old goes there."""
    return Route("/old/**", access="public", redirect=replace(Redirect(to), **more))


async def test_a_fixed_answer_needs_no_service(nursery: trio.Nursery) -> None:
    """Status, type and body of the policy; the connection lives on, HEAD has no body, and the log has a line."""
    stage = Stage(nursery, snapshot=policy(HERE, NOTHING, RESET, ODD))
    client = stage.client()
    await client.send(request("/hello"))
    head, body = await client.response()
    assert (head.status, head.one("content-type"), body) == (200, "text/plain; charset=utf-8", "hé\n".encode())
    await client.send(request("/hello", method="HEAD"))
    assert (await client.head()).status == 200
    await client.send(request("/none"))
    head = await client.head()
    assert (head.status, head.all("content-length"), head.all("content-type")) == (204, [], [])
    await client.send(request("/reset"))
    head, body = await client.response()
    assert (head.status, body) == (205, b"")
    await client.send(request("/odd"))
    assert (await client.response())[0].first == "HTTP/1.1 299 "
    await client.close()
    assert stage.upstream_connections == 0
    first = stage.records[0]
    assert (first.status, first.reason, first.complete) == (200, "allowed", True)


async def test_the_body_of_a_request_answered_here_is_read_past(nursery: trio.Nursery) -> None:
    """As with a refusal: small ones and the connection lives on, large ones and it closes, none is asked for."""
    stage = Stage(nursery, snapshot=policy(HERE))
    client = stage.client()
    for _ in range(2):
        await client.send(request("/hello", b"Content-Length: 3\r\n", method="POST", body=b"abc"))
        assert (await client.response())[0].all("connection") == []
    await client.close()
    head, _ = await stage.ask(request("/hello", b"Content-Length: 9999999\r\n", method="POST"))
    assert head.one("connection") == "close"
    head, _ = await stage.ask(request("/hello", b"Content-Length: 3\r\nExpect: 100-continue\r\n", method="POST"))
    assert (head.status, head.one("connection")) == (200, "close")
    assert not stage.bugs


async def test_an_answer_is_guarded_like_any_route(nursery: trio.Nursery) -> None:
    """It is no way around authentication."""
    stage = Stage(nursery, snapshot=policy(GUARDED))
    assert await stage.problem(request("/guarded")) == (401, "missing_token")
    assert await stage.problem(request("/guarded", bearer())) == (403, "insufficient_scope")
    head, _ = await stage.ask(request("/guarded", bearer(scope="admin"), b"Connection: close\r\n"))
    assert head.status == 200


LOCATIONS = [
    (moved("/new"), "/old/a/b", "/new"),
    (moved("/new"), "/old/a?x=1&y=%2F", "/new?x=1&y=%2F"),
    (moved("/new?v=2"), "/old/a?x=1", "/new?v=2&x=1"),
    (moved("/new?v=2#top"), "/old/a?x=1", "/new?v=2&x=1#top"),
    (moved("/new", keep_path=True), "/old/a/b?x=1", "/new/a/b?x=1"),
    (moved("/new/", keep_path=True), "/old/a/", "/new/a/"),
    (moved("/new", keep_path=True), "/old", "/new"),
    (moved("https://new.shop.test", keep_path=True), "/old/a", "https://new.shop.test/a"),
    (moved("https://new.shop.test:8443/base", status="301"), "/old/a", "https://new.shop.test:8443/base"),
    # No open redirect: the rest of a path never becomes an authority.
    (moved("/", keep_path=True), "/old//evil.test/x", "/evil.test/x"),
    (moved("/", keep_path=True), "/old/////evil.test", "/evil.test"),
    (moved("/", keep_path=True), "//old//evil.test", "/evil.test"),
    (moved("https://new.shop.test", keep_path=True), "/old/@evil.test", "https://new.shop.test/@evil.test"),
    (moved("https://new.shop.test", keep_path=True), "/old/.evil.test", "https://new.shop.test/.evil.test"),
    (moved("/new"), "/old/a?next=//evil.test", "/new?next=//evil.test"),
]


@pytest.mark.parametrize(("route", "target", "location"), LOCATIONS)
async def test_a_redirect_goes_where_the_policy_says(
    nursery: trio.Nursery, route: Route, target: str, location: str
) -> None:
    """The query is kept, the path where it is wanted, and nobody can bend it elsewhere."""
    stage = Stage(nursery, snapshot=policy(route))
    client = stage.client()
    await client.send(request(target))
    head, body = await client.response()
    assert route.redirect is not None
    assert (head.status, head.one("location"), body) == (int(route.redirect.status), location, b"")
    await client.send(request(target, method="HEAD"))
    assert (await client.head()).one("location") == location
    await client.close()
    assert not stage.bugs


@pytest.mark.parametrize(
    "target", ["/old/%0d%0aSet-Cookie:x=1", "/old/%5cevil.test", "/old//../evil.test", "/old/\\evil"]
)
async def test_a_redirect_takes_no_path_with_two_readings(nursery: trio.Nursery, target: str) -> None:
    """What could split a head or be read as an authority is 400 before anything is answered."""
    stage = Stage(nursery, snapshot=policy(moved("/", keep_path=True)))
    assert (await stage.problem(request(target)))[0] == 400


async def test_a_redirect_takes_no_credential_along(nursery: trio.Nursery) -> None:
    """It was for here, whatever the service may have; another site would only collect it."""
    token = mint(claims())
    route = Route("/old/**", redirect=Redirect("https://new.test"), credentials=(Source(place="query", name="t"),))
    for forward in (Forward(), Forward(token="keep")):
        stage = Stage(nursery, snapshot=replace(snapshot(route), forward=forward))
        head, _ = await stage.ask(request(f"/old/a?x=1&t={token}&y=2", b"Connection: close\r\n"))
        assert (head.status, head.one("location")) == (308, "https://new.test?x=1&y=2")


async def test_a_policys_response_headers_are_on_its_answers(nursery: trio.Nursery) -> None:
    """The service's changes and the route's, as on what the service says."""
    changes = HeaderChanges(set=(("strict-transport-security", "max-age=1"),))
    route = replace(HERE, response_headers=HeaderChanges(add=(("x-b", "2"),)))
    stage = Stage(nursery, snapshot=snapshot(route, forward=Forward(response_headers=changes)))
    head, _ = await stage.ask(request("/hello", b"Connection: close\r\n"))
    assert (head.one("strict-transport-security"), head.one("x-b")) == ("max-age=1", "2")


BAD = [
    *("//evil.test", "/\\evil.test", "javascript:alert(1)", "https://", "https://a@evil.test", "new", "", "/a b"),
    *("/a\r\nSet-Cookie: x=1", "https://new.test\\@evil", "ftp://x.test/", "/é"),
]


@pytest.mark.parametrize("to", BAD)
def test_a_redirect_that_can_be_misread_is_not_enforced(to: str) -> None:
    """The snapshot is refused whole."""
    with pytest.raises(ContractError):
        Gate().use(policy(Route("/old/**", access="public", redirect=Redirect(to))))


@pytest.mark.parametrize("kind", ["text/plain\r\nX: y", "text/\x7f", " text/plain", "text/é"])
def test_a_content_type_that_is_none_is_not_enforced(kind: str) -> None:
    """The snapshot is refused whole."""
    with pytest.raises(ContractError):
        Gate().use(policy(Route("/x", access="public", respond=Respond(content_type=kind))))
