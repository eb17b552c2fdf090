"""Header changes of a policy, to requests and to responses."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio

from sidecar.contract.snapshot import Forward, HeaderChanges, Route, Snapshot
from sidecar.contract.strict import ContractError
from sidecar.proxy.gate import Gate

from .stage import OK, Head, Peer, Stage, bearer, request, snapshot

Through = Callable[..., Awaitable[tuple[Head, Head]]]


@pytest.fixture
def through(nursery: trio.Nursery) -> Through:
    """Send one request: the head that the service got, and the one that came back."""

    async def send(policy: Snapshot, raw: bytes, said: bytes = OK) -> tuple[Head, Head]:
        stage, heads = Stage(nursery, snapshot=policy), list[Head]()

        async def service(peer: Peer) -> None:
            heads.append(await peer.head())
            await peer.send(said)

        stage.service = service
        client = stage.client()
        await client.send(raw)
        back = await client.head()
        await client.close()
        assert not stage.bugs
        return heads[0], back

    return send


def policy(service: HeaderChanges, route: HeaderChanges, **more: HeaderChanges) -> Snapshot:
    """One public route and one with tokens; the same changes both ways."""
    public = Route("/public/**", access="public", request_headers=route, response_headers=route)
    guarded = replace(public, path="/mine/**", access="token")
    return snapshot(public, guarded, forward=Forward(request_headers=service, response_headers=service, **more))  # type: ignore[arg-type]  # only what Forward has


SERVICE = HeaderChanges(remove=("x-debug",), set=(("x-env", "prod"), ("x-who", "service")), add=(("x-list", "1"),))
ROUTE = HeaderChanges(set=(("x-who", "route"),), add=(("x-list", "2"),))


async def test_a_request_is_changed_by_the_service_and_then_by_the_route(through: Through) -> None:
    """Removed, set in the place of all, added beside what is there."""
    lines = b"X-Debug: 1\r\nX-Env: dev\r\nX-Env: test\r\nX-List: 0\r\n"
    sent, _ = await through(policy(SERVICE, ROUTE), request("/public/a", lines))
    assert sent.all("x-debug") == []
    assert (sent.all("x-env"), sent.all("x-who"), sent.all("x-list")) == (["prod"], ["route"], ["0", "1", "2"])


async def test_a_response_is_changed_likewise(through: Through) -> None:
    """The service's own fields give way, and others stay."""
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Debug: 1\r\nX-Env: dev\r\nX-List: 0\r\nServer: me\r\n\r\nok"
    _, back = await through(policy(SERVICE, ROUTE), request(), said)
    assert back.all("x-debug") == []
    assert (back.all("x-env"), back.all("x-who"), back.all("x-list")) == (["prod"], ["route"], ["0", "1", "2"])
    assert back.one("server") == "me"


async def test_several_cookies_stay_several(through: Through) -> None:
    """Set-Cookie is never joined; adding one keeps the others, setting one replaces all."""
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nok"
    adding, setting = HeaderChanges(add=(("set-cookie", "c=3"),)), HeaderChanges(set=(("set-cookie", "c=3"),))
    nothing = HeaderChanges()
    _, back = await through(policy(nothing, replace(nothing, add=adding.add)), request(), said)
    assert back.all("set-cookie") == ["a=1", "b=2", "c=3"]
    _, back = await through(policy(nothing, setting), request(), said)
    assert back.all("set-cookie") == ["c=3"]


@pytest.mark.parametrize("spelling", ["X-Env", "x_env", "X.Env", "X-env", "x~env"])
async def test_a_caller_cannot_speak_beside_the_policy(through: Through, spelling: str) -> None:
    """Whatever a careless server reads as the name that the policy sets or removes is gone."""
    lines = f"{spelling}: forged\r\n".encode()
    sent, _ = await through(policy(SERVICE, ROUTE), request("/public/a", lines))
    assert "forged" not in sent.raw.decode()


async def test_a_caller_cannot_take_away_what_the_policy_sets(through: Through) -> None:
    """``Connection`` names what the caller's hop ends, not what is set after it."""
    sent, _ = await through(policy(SERVICE, ROUTE), request("/public/a", b"Connection: X-Env\r\nX-Env: dev\r\n"))
    assert sent.all("x-env") == ["prod"]


async def test_the_services_own_credential_can_be_set(through: Through) -> None:
    """What the service wants to see from its proxy, in the place of the caller's token."""
    changes = HeaderChanges(set=(("authorization", "Basic eDp5"),))
    sent, _ = await through(policy(HeaderChanges(), changes), request("/mine/a", bearer()))
    assert sent.all("authorization") == ["Basic eDp5"]


async def test_trailers_are_removed_too(nursery: trio.Nursery) -> None:
    """What a policy keeps from callers does not come behind the body."""
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-debug, x-sum\r\n\r\n"
    said += b"2\r\nok\r\n0\r\nX-Debug: 1\r\nX-Sum: 2\r\n\r\n"
    stage = Stage(nursery, snapshot=policy(SERVICE, ROUTE))

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(said)

    stage.service = service
    client = stage.client()
    await client.send(request("/public/a", b"TE: trailers\r\nConnection: TE, close\r\n"))
    whole = (await client.rest()).lower()
    assert b"x-sum: 2" in whole
    assert b"x-debug" not in whole


FRAMING = ["connection", "transfer-encoding", "content-length", "te", "trailer", "upgrade", "keep-alive"]
OURS = ["host", "x-auth-subject", "x_auth_subject", "x.auth.new", "x-request-id", "x-forwarded-for", "forwarded", "via"]
NO_NAMES = ["", "x y", "x:y", "x\r\ny", "X-Upper", "é"]
NO_VALUES = ["a\r\nX-Auth-Subject: boss", "a\nb", "a\0b", " a", "a ", "é", "\x7f"]


def changes_of(name: str, value: str = "x") -> list[HeaderChanges]:
    """Each of the three changes with this name."""
    return [HeaderChanges(remove=(name,)), HeaderChanges(set=((name, value),)), HeaderChanges(add=((name, value),))]


@pytest.mark.parametrize("name", [*FRAMING, *OURS, *NO_NAMES])
def test_no_policy_changes_what_a_request_stands_on(name: str) -> None:
    """Framing, hops, identity and what is no name: the snapshot is refused whole."""
    for changes in changes_of(name):
        for route, forward in ((changes, Forward()), (HeaderChanges(), Forward(request_headers=changes))):
            with pytest.raises(ContractError):
                Gate().use(snapshot(Route("/**", request_headers=route), forward=forward))


@pytest.mark.parametrize("name", [*FRAMING, *NO_NAMES])
def test_no_policy_changes_what_a_response_stands_on(name: str) -> None:
    """Framing, hops and what is no name."""
    for changes in changes_of(name):
        with pytest.raises(ContractError):
            Gate().use(snapshot(Route("/**", response_headers=changes)))


@pytest.mark.parametrize("value", NO_VALUES)
def test_no_policy_writes_a_value_that_splits(value: str) -> None:
    """A CR or LF in a value would begin a field of its own."""
    for changes in changes_of("x-a", value)[1:]:
        with pytest.raises(ContractError):
            Gate().use(snapshot(Route("/**", response_headers=changes)))
        with pytest.raises(ContractError):
            Gate().use(snapshot(Route("/**", request_headers=changes)))


def test_a_header_from_a_claim_is_not_changed_as_well() -> None:
    """One of the two would be somebody's mistake."""
    with pytest.raises(ContractError):
        Gate().use(
            snapshot(
                Route("/**", request_headers=HeaderChanges(set=(("x-tenant", "acme"),))),
                forward=Forward((("X-Tenant", ("tenant",)),)),
            )
        )
