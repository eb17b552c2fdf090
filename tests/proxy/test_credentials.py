"""Where a credential stood: found there, told how to show one, and never passed on or written down."""

import json
from dataclasses import replace

import pytest
import trio

from sidecar.contract.snapshot import FieldMatch, Forward, Requirement, Route, Snapshot, Source
from sidecar.observe.accesslog import line

from ..authn.minting import API_KEY, api_key, claims, mint
from .stage import OK, Head, Peer, Stage, bearer, request, snapshot

TOKEN = mint(claims())
COOKIE = Route("/cookie/**", credentials=(Source(place="cookie", name="session"),))
HEADER = Route("/header/**", credentials=(Source(place="header", name="x-token"),))
QUERY = Route("/query/**", credentials=(Source(place="query", name="access_token"),))
KEY = Route("/key/**", credentials=(Source(kind="api_key"), Source("api_key", "header", "x-api-key")))
BOTH = Route("/both/**", credentials=(Source(), Source(kind="api_key")), require=Requirement(scopes=("admin",)))
OPTIONAL = Route("/optional/**", access="optional", require=Requirement(scopes=("orders:read",)))


def policy(token: str = "strip") -> Snapshot:
    """All of these routes."""
    made = snapshot(
        COOKIE, HEADER, QUERY, KEY, BOTH, OPTIONAL, forward=Forward(token="keep" if token == "keep" else "strip")
    )
    return replace(made, api_keys=(api_key(),))


async def passed(nursery: trio.Nursery, raw: bytes, under: Snapshot | None = None) -> tuple[Head, Stage]:
    """One request that is let through: what the service got."""
    stage, heads = Stage(nursery, snapshot=under or policy()), list[Head]()

    async def service(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(OK)

    stage.service = service
    client = stage.client()
    await client.send(raw)
    head = await client.head()
    await client.close()
    assert (head.status, stage.bugs) == (200, [])
    return heads[0], stage


CREDENTIALS = {
    "bearer": ("/optional/a", f"Authorization: Bearer {TOKEN}\r\n".encode()),
    "cookie": ("/cookie/a", f"Cookie: a=1; session={TOKEN}; b=2\r\n".encode()),
    "header": ("/header/a", f"X-Token: {TOKEN}\r\n".encode()),
    "query": (f"/query/a?x=1&access_token={TOKEN}&y=%20", b""),
    "escaped query": (f"/query/a?x=1&access%5Ftoken={TOKEN}&y=%20", b""),
    "API key": ("/key/a", f"Authorization: ApiKey {API_KEY}\r\n".encode()),
    "API key in a header": ("/key/a", f"X-API-Key: {API_KEY}\r\n".encode()),
}


@pytest.mark.parametrize("name", CREDENTIALS)
async def test_a_credential_is_taken_out_wherever_it_stood(nursery: trio.Nursery, name: str) -> None:
    """The service learns who calls and cannot call others in his name; what stood beside it passes."""
    target, lines = CREDENTIALS[name]
    sent, stage = await passed(nursery, request(target, lines))
    secret = API_KEY if "key" in target else TOKEN
    assert secret not in sent.raw.decode()
    assert sent.one("x-auth-subject") == ("robot" if "key" in target else "7")
    if "query" in name:
        assert sent.first == "GET /query/a?x=1&y=%20 HTTP/1.1"
    if name == "cookie":
        assert sent.one("cookie") == "a=1; b=2"
    assert secret not in line(stage.records[0])


@pytest.mark.parametrize("name", CREDENTIALS)
async def test_a_credential_is_passed_on_where_the_policy_says_so(nursery: trio.Nursery, name: str) -> None:
    """token: keep, and the log still has none of it."""
    target, lines = CREDENTIALS[name]
    sent, stage = await passed(nursery, request(target, lines), policy("keep"))
    secret = API_KEY if "key" in target else TOKEN
    assert secret in sent.raw.decode()
    assert secret not in line(stage.records[0])


async def test_a_cookie_that_was_alone_leaves_no_empty_header(nursery: trio.Nursery) -> None:
    """Some servers stumble over one."""
    sent, _ = await passed(nursery, request("/cookie/a", f"Cookie: session={TOKEN}\r\n".encode()))
    assert sent.all("cookie") == []


COOKIES = {
    "twice": (f"session={TOKEN}; session={TOKEN}", 400),
    "a forged one first": (f"session=x; session={TOKEN}", 400),
    "an empty one beside it": (f"session=; session={TOKEN}", 400),
    "without a value": (f"session; session={TOKEN}", 400),
    "quoted": (f'session="{TOKEN}"', 401),
    "hidden in quotes": ('a="x; session=evil"', 401),
    "another case": (f"Session={TOKEN}", 401),
    "a prefix": (f"__Host-session={TOKEN}", 401),
    "a suffix": (f"session2={TOKEN}", 401),
    "a comma": (f"a=1, session={TOKEN}", 401),
    "spaces inside": (f"session={TOKEN} x", 401),
    "percent": (f"s%65ssion={TOKEN}", 401),
    "no cookie": ("", 401),
}


@pytest.mark.parametrize("name", COOKIES)
async def test_a_cookie_that_others_read_differently_is_refused(nursery: trio.Nursery, name: str) -> None:
    """Two readings, two credentials, or none."""
    text, status = COOKIES[name]
    stage = Stage(nursery, snapshot=policy())
    assert (await stage.problem(request("/cookie/a", f"Cookie: {text}\r\n".encode())))[0] == status


async def test_two_cookie_headers_are_two_credentials(nursery: trio.Nursery) -> None:
    """HTTP/1.1 has one Cookie (RFC 6265 section 5.4); which of two counts is anybody's guess."""
    stage, crumb = Stage(nursery, snapshot=policy()), f"Cookie: session={TOKEN}\r\n".encode()
    assert await stage.problem(request("/cookie/a", crumb, crumb)) == (400, "several_credentials")


@pytest.mark.parametrize("name", [name for name in CREDENTIALS if name != "bearer"])
async def test_a_second_credential_never_rides_along(nursery: trio.Nursery, name: str) -> None:
    """Authorization counts on every route."""
    target, lines = CREDENTIALS[name]
    other = bearer() if b"Authorization" not in lines else f"X-API-Key: {API_KEY}\r\n".encode()
    stage = Stage(nursery, snapshot=policy())
    assert await stage.problem(request(target, lines, other)) == (400, "several_credentials")


async def test_a_credential_that_connection_names_is_none(nursery: trio.Nursery) -> None:
    """What ends at this hop is not judged; else a caller could be let in by what the service never sees."""
    stage = Stage(nursery, snapshot=policy())
    lines = f"X-Token: {TOKEN}\r\nConnection: X-Token\r\n".encode()
    assert await stage.problem(request("/header/a", lines)) == (401, "missing_token")


CHALLENGES = {
    "/header/a": ["Bearer"],
    "/key/a": ["ApiKey"],
    "/both/a": ["Bearer", "ApiKey"],
}


@pytest.mark.parametrize("path", CHALLENGES)
async def test_a_refusal_says_how_a_credential_is_shown(nursery: trio.Nursery, path: str) -> None:
    """One challenge for each kind that the route takes (RFC 9110 section 11.6.1)."""
    stage = Stage(nursery, snapshot=policy())
    head, _ = await stage.ask(request(path, b"Connection: close\r\n"))
    assert (head.status, head.all("www-authenticate")) == (401, CHALLENGES[path])


async def test_a_challenge_names_the_scope_for_both_kinds(nursery: trio.Nursery) -> None:
    """As RFC 6750 has it for tokens."""
    stage = Stage(nursery, snapshot=policy())
    key = f"Authorization: ApiKey {API_KEY}\r\nConnection: close\r\n".encode()
    head, _ = await stage.ask(request("/both/a", key))
    said = 'error="insufficient_scope", scope="admin"'
    assert (head.status, head.all("www-authenticate")) == (403, [f"Bearer {said}", f"ApiKey {said}"])


async def test_a_query_credential_is_in_no_log(nursery: trio.Nursery) -> None:
    """Neither when it counts nor when it is refused; the log has the path."""
    stage = Stage(nursery, snapshot=policy())
    for secret in (TOKEN, "not.a.token", TOKEN + "%00", TOKEN + "&access_token=x"):
        await stage.ask(request(f"/query/a?access_token={secret}", b"Connection: close\r\n"))
    await stage.ask(request(f"/nowhere?access_token={TOKEN}", b"Connection: close\r\n"))
    for record in stage.records:
        text = line(record)
        assert TOKEN not in text
        assert "access_token=" not in text
        assert json.loads(text)["path"] in ("/query/a", "/nowhere")


async def test_optional_asks_only_who_shows_a_credential(nursery: trio.Nursery) -> None:
    """Nobody passes as nobody; somebody is judged."""
    sent, _ = await passed(nursery, request("/optional/a", b"X-Auth-Subject: boss\r\n"))
    assert sent.all("x-auth-subject") == []
    sent, _ = await passed(nursery, request("/optional/a", bearer()))
    assert sent.one("x-auth-subject") == "7"
    stage = Stage(nursery, snapshot=policy())
    assert await stage.problem(request("/optional/a", bearer(scope="x"))) == (403, "insufficient_scope")
    assert await stage.problem(request("/optional/a", b"Authorization: Bearer x\r\n")) == (401, "invalid_token")


@pytest.mark.parametrize("name", ["x-auth-token", "x-forwarded-access-token"])
async def test_a_header_for_credentials_may_have_a_name_of_ours(nursery: trio.Nursery, name: str) -> None:
    """It is looked at there, and the service never sees it: neither with the credential nor on other routes."""
    there = Route("/there/**", credentials=(Source(place="header", name=name),))
    under = snapshot(there, Route("/**", access="public"), forward=Forward(token="keep"))
    lines = f"{name}: {TOKEN}\r\n".encode()
    sent, _ = await passed(nursery, request("/there/a", lines), under)
    assert (sent.one("x-auth-subject"), sent.all(name)) == ("7", [])
    sent, _ = await passed(nursery, request("/other", lines), under)
    assert (sent.all("x-auth-subject"), sent.all(name)) == ([], [])


async def test_no_rule_believes_in_an_identity_that_a_caller_wrote(nursery: trio.Nursery) -> None:
    """What is removed before the service is not judged either."""
    boss = Route("/**", access="public", headers=(FieldMatch("x-auth-subject", "equals", ("boss",)),))
    stage = Stage(nursery, snapshot=snapshot(boss))
    assert await stage.problem(request("/a", b"X-Auth-Subject: boss\r\n")) == (404, "no_route")
