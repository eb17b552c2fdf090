"""What the service gets to see, and what it never does."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import trio

from sidecar.contract.snapshot import Forward, Snapshot
from sidecar.contract.strict import ContractError
from sidecar.proxy.forwarding import MAX_HOPS
from sidecar.proxy.gate import Gate
from sidecar.proxy.identity import UnsafeClaim, header_text

from ..authn.minting import ISS
from .stage import OK, Head, Peer, Stage, bearer, request, snapshot

See = Callable[..., Any]


@pytest.fixture
def see(nursery: trio.Nursery) -> See:
    """Send one request through, return the head that the service saw and the one that came back."""

    async def seen(raw: bytes, policy: Snapshot | None = None, answer: bytes = OK) -> tuple[Head, Head]:
        stage = Stage(nursery, snapshot=policy or snapshot())
        heads: list[Head] = []

        async def service(peer: Peer) -> None:
            heads.append(await peer.head())
            await peer.send(answer)

        stage.service = service
        client = stage.client()
        await client.send(raw)
        back = await client.head()
        await client.close()
        assert not stage.bugs
        return heads[0], back

    return seen


async def test_a_principal_is_written_into_headers(see: See) -> None:
    """Subject, issuer, client, sorted scopes and the very claims; the token itself is gone."""
    sent, _ = await see(request("/mine/x", bearer(client_id="web", scope="b a", tenant="acme")))
    names = ("x-auth-subject", "x-auth-issuer", "x-auth-client", "x-auth-scope")
    assert [sent.one(name) for name in names] == ["7", ISS, "web", "a b"]
    text = sent.one("x-auth-claims")
    claims = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert (claims["tenant"], claims["sub"], "=" in text) == ("acme", "7", False)
    assert sent.all("authorization") == []


async def test_no_principal_no_identity(see: See) -> None:
    """Public and without a token: nothing that a service could take for an identity, in any spelling."""
    forged = [b"X-Auth-Subject: boss\r\n", b"x_auth_subject: boss\r\n", b"X-Auth_Claims: e30\r\n", b"X-AUTH-NEW: x\r\n"]
    sent, _ = await see(request("/public/a", *forged))
    assert [name for name, _ in sent.fields if name.replace("_", "-").startswith("x-auth-")] == []


async def test_forged_identity_is_replaced(see: See) -> None:
    """With a token, the only identity is the token's."""
    sent, _ = await see(request("/mine/x", b"X-Auth-Subject: boss\r\nX_Auth_Subject: boss\r\n", bearer()))
    assert sent.one("x-auth-subject") == "7"
    assert "boss" not in sent.raw.decode()


async def test_a_token_is_kept_where_the_policy_says_so(see: See) -> None:
    """token: keep."""
    sent, _ = await see(request("/mine/x", bearer()), snapshot(forward=Forward(token="keep")))
    assert sent.one("authorization").startswith("Bearer ey")


async def test_another_scheme_passes_on_a_public_route(see: See) -> None:
    """Basic credentials are the service's own affair there."""
    sent, _ = await see(request("/public/a", b"Authorization: Basic dTpw\r\n"))
    assert sent.one("authorization") == "Basic dTpw"


async def test_claims_as_headers(see: See) -> None:
    """Text as it is, the rest as JSON, absent and null not at all; what came in under the name is gone."""
    wanted = {"X-Tenant": "tenant", "X-N": "n", "X-B": "b", "X-L": "l", "X-None": "none", "X-Absent": "absent"}
    policy = snapshot(forward=Forward(tuple((name, (claim,)) for name, claim in wanted.items())))
    forged = b"x_tenant: evil\r\nX-Absent: evil\r\n"
    token = bearer(tenant="acme", n=7, b=True, l=["a", "é"], none=None)
    sent, _ = await see(request("/mine/x", forged, token), policy)
    found = {name: sent.all(name.lower()) for name in wanted}
    assert found == {
        "X-Tenant": ["acme"],
        "X-N": ["7"],
        "X-B": ["true"],
        "X-L": ['["a","\\u00e9"]'],
        "X-None": [],
        "X-Absent": [],
    }
    assert "evil" not in sent.raw.decode()


async def test_a_claim_with_control_characters_is_refused(nursery: trio.Nursery) -> None:
    """A line break in a claim is an attack on the service's parser: 401, and nothing is forwarded."""
    stage = Stage(nursery, snapshot=snapshot(forward=Forward((("X-Tenant", ("tenant",)),))))
    raw = request("/mine/x", bearer(tenant="a\r\nX-Auth-Subject: boss"))
    assert await stage.problem(raw) == (401, "invalid_token")
    assert stage.upstream_connections == 0


async def test_hop_by_hop_fields_end_here(see: See) -> None:
    """Those of the RFC, and those that Connection names, in both directions."""
    fields = b"Connection: X-Mine, keep-alive\r\nX-Mine: a\r\nKeep-Alive: 5\r\nTE: gzip\r\nUpgrade: websocket\r\n"
    proxy = b"Proxy-Authorization: x\r\nProxy-Connection: x\r\nTrailer: x\r\nX-Kept: a\r\n"
    answer = (
        b"HTTP/1.1 200 OK\r\nConnection: X-Gone\r\nX-Gone: a\r\nKeep-Alive: 5\r\nX-Kept: b\r\nContent-Length: 0\r\n\r\n"
    )
    sent, back = await see(request("/public/a", fields, proxy), answer=answer)
    gone = {"connection", "x-mine", "keep-alive", "te", "upgrade", "proxy-authorization", "proxy-connection", "trailer"}
    assert gone & {name for name, _ in sent.fields} == set()
    assert (sent.one("x-kept"), back.one("x-kept"), back.all("x-gone"), back.all("keep-alive")) == ("a", "b", [], [])


async def test_framing_in_another_spelling_ends_here(see: See) -> None:
    """A server that reads _ as - must not find a second length."""
    sent, _ = await see(request("/public/a", b"Content_Length: 5\r\nTransfer_Encoding: chunked\r\n"))
    assert {"content_length", "transfer_encoding"} & {name for name, _ in sent.fields} == set()


async def test_a_loop_ends(nursery: trio.Nursery) -> None:
    """A sidecar whose service is itself goes round a few times and says so, whatever the service's policy is."""
    stage = Stage(nursery, snapshot=snapshot())

    async def itself(peer: Peer) -> None:
        await stage.proxy.handle(peer.stream, "127.0.0.1")

    stage.service = itself
    assert await stage.problem(request()) == (508, "loop_detected")
    assert stage.upstream_connections == MAX_HOPS
    assert not stage.bugs


async def test_a_chain_is_no_loop(see: See) -> None:
    """Other proxies count for nothing, however they are spelt, nor does what only looks like the name."""
    via = b"Via: " + b", ".join([b"1.1 edge", b"1.1 sidegate.test", b"sidegate", b"", b"1.1 x (1.1 sidegate)"] * 20)
    sent, _ = await see(request("/public/a", via + b"\r\n", b"Via: 1.1 sidegate\r\n" * (MAX_HOPS - 1)))
    assert sent.one("via").endswith(", 1.1 sidegate")


async def test_where_it_came_from(see: See) -> None:
    """X-Forwarded-*, Via and ids are set; a harmless request id and a valid trace context are kept."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    kept = b"X-Request-Id: abc-1\r\ntraceparent: " + trace.encode() + b"\r\n"
    came = b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Host: evil\r\nVia: 1.0 edge\r\n"
    sent, _ = await see(request("/public/a", kept, came))
    assert (sent.one("x-request-id"), sent.one("traceparent")) == ("abc-1", trace)
    assert (sent.one("x-forwarded-for"), sent.one("via")) == ("10.0.0.9", "1.0 edge, 1.1 sidegate")
    assert (sent.one("x-forwarded-proto"), sent.one("x-forwarded-host"), sent.one("host")) == (
        "http",
        "orders",
        "orders",
    )


@pytest.mark.parametrize("odd", ["", "a b", "a" * 129, "a;", "a\tb"])
async def test_odd_ids_are_replaced(see: See, odd: str) -> None:
    """A request id that could hurt a log, and a trace context that is none."""
    sent, _ = await see(request("/public/a", f"X-Request-Id: {odd}\r\ntraceparent: 00-{'0' * 32}-1-01\r\n".encode()))
    assert len(sent.one("x-request-id")) == 32
    assert len(sent.one("traceparent")) == 55


TEXTS = {
    "plain text": b"plain text",
    "é": b"%C3%A9",
    "%C3%A9": b"%25C3%25A9",
    " a ": b"%20a%20",
    "\N{SNOWMAN}": b"%E2%98%83",
}


@pytest.mark.parametrize("text", TEXTS)
def test_no_two_names_look_alike(text: str) -> None:
    """The encoding can be undone: a percent sign, other alphabets and outer spaces are told apart."""
    assert header_text(text, "subject") == TEXTS[text]


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b", "a\x7fb", "a\x85b", "\ud800"])
def test_unsafe_names_are_refused(text: str) -> None:
    """Control characters of both ranges, and half a surrogate pair."""
    with pytest.raises(UnsafeClaim):
        header_text(text, "subject")


@pytest.mark.parametrize(
    "name", ["Host", "Content-Length", "X-Auth-Subject", "x_auth_x", "Via", "A b", "Ä", "Connection"]
)
def test_a_policy_cannot_set_what_is_set_here(name: str) -> None:
    """Such a snapshot is refused whole, and the gate keeps what it has."""
    gate = Gate()
    gate.use(snapshot())
    before = gate.evaluator
    with pytest.raises(ContractError):
        gate.use(snapshot(forward=Forward(((name, ("sub",)),))))
    assert gate.evaluator is before


@pytest.mark.parametrize("name", ["X-Original-URL", "X-Rewrite-URL", "x_original_url", "X-Original-URI"])
async def test_no_header_names_another_path(see: See, name: str) -> None:
    """Some frameworks route by these instead of the path; the service never sees one."""
    sent, _ = await see(request("/public/a", f"{name}: /admin\r\n".encode()))
    assert "/admin" not in sent.raw.decode()


@pytest.mark.parametrize(
    "name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override"]
)
async def test_no_header_names_another_method(nursery: trio.Nursery, name: str) -> None:
    """What differs from the method that is decided on is 400, and nothing reaches the service."""
    stage = Stage(nursery)
    client = stage.client()
    await client.send(request("/public/a", f"{name}: DELETE\r\n".encode()))
    assert (await client.head()).status == 400
    assert stage.upstream_connections == 0


async def test_an_override_that_says_the_same_passes(see: See) -> None:
    """A client that always sends one is not turned away."""
    sent, _ = await see(request("/public/a", b"X-HTTP-Method-Override: get\r\n"))
    assert sent.one("x-http-method-override") == "get"


async def test_a_trace_state_stays_with_its_trace(see: See) -> None:
    """Where the traceparent is not taken over, what vendors said of it is not either."""
    good = b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    sent, _ = await see(request("/public/a", good, b"tracestate: a=1\r\n"))
    assert sent.all("tracestate") == ["a=1"]
    sent, _ = await see(request("/public/a", good.replace(b"00-", b"ff-", 1), b"tracestate: a=1\r\n"))
    assert sent.all("tracestate") == []
