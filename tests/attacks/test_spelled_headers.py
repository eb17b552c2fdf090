"""Header names that a service reads as one and we might read as two: each spelling is counted, and none goes on."""

from itertools import product

import pytest
import trio

from sidecar.contract.snapshot import FieldMatch, Route, Source

from ..authn.minting import claims, mint
from ..proxy.stage import OK, Head, Peer, Stage, request, snapshot

TOKEN = mint(claims())
OPEN = Route("/open/**", access="public", credentials=(Source(), Source(place="header", name="x-my-token")))
MATCHED = Route("/matched/**", access="public", headers=(FieldMatch("x-my-tenant", "equals", ("a",)),))
PAIRS = list(product("-_.!~^|", repeat=2))


async def answered(nursery: trio.Nursery, raw: bytes) -> tuple[int, list[Head]]:
    """The status, and what the service got."""
    stage, heads = Stage(nursery, snapshot=snapshot(OPEN, MATCHED)), list[Head]()

    async def service(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(OK)

    stage.service = service
    return (await stage.ask(raw))[0].status, heads


@pytest.mark.parametrize("marks", PAIRS)
async def test_a_credential_is_found_in_any_spelling(nursery: trio.Nursery, marks: tuple[str, str]) -> None:
    """On a public route, too, where a token that is not seen would go on unverified; beside another it is a second."""
    name = "X{}My{}Token".format(*marks)
    closing = b"Connection: close\r\n"
    status, (head,) = await answered(nursery, request("/open/a", f"{name}: {TOKEN}\r\n".encode(), closing))
    assert (status, head.one("x-auth-subject")) == (200, "7")
    assert TOKEN not in head.raw.decode()
    assert (await answered(nursery, request("/open/a", f"{name}: x\r\n".encode(), closing))) == (401, [])
    both = f"Authorization: Bearer {TOKEN}\r\n{name}: {TOKEN}\r\n".encode()
    assert (await answered(nursery, request("/open/a", both, closing))) == (400, [])


@pytest.mark.parametrize("marks", PAIRS)
async def test_an_identity_goes_on_in_no_spelling(nursery: trio.Nursery, marks: tuple[str, str]) -> None:
    """Whoever shows no token has none."""
    name = "X{}Auth{}Subject".format(*marks)
    lines = f"{name}: root\r\n".encode(), b"Connection: close\r\n"
    status, (head,) = await answered(nursery, request("/open/a", *lines))
    assert (status, "root" in head.raw.decode()) == (200, False)


@pytest.mark.parametrize("name", ["X_My_Tenant", "X.My.Tenant", "X-My_Tenant", "X-My.Tenant"])
async def test_a_matched_header_in_another_spelling_is_a_second_reading(nursery: trio.Nursery, name: str) -> None:
    """A rule has looked at one of them and the service takes the other."""
    lines = b"X-My-Tenant: a\r\n", f"{name}: b\r\n".encode(), b"Connection: close\r\n"
    assert await answered(nursery, request("/matched/a", *lines)) == (400, [])
