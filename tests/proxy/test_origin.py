"""Where a request came from: each row of the table in docs/proxying.md, through the whole proxy."""

import re
from ipaddress import ip_network
from pathlib import Path

import pytest
import trio

from sidecar.proxy.origin import Forwarding, forwarded_elements, parse_address

from .stage import OK, Head, Peer, Stage, request, snapshot

PAGE = (Path(__file__).parents[2] / "docs" / "proxying.md").read_text()
SECTION = PAGE.partition("## Where a request came from")[2].partition("\n## ")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line.startswith("|")]
TRUSTED = (ip_network("10.0.0.0/8"),)
HOPS = re.compile(r"x-forwarded-.*|forwarded|x-real-ip|true-client-ip|x-client-ip|x-cluster-client-ip")


def code(cell: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


async def seen_by_the_service(stage: Stage, peer: str, fields: list[str]) -> list[tuple[str, str]]:
    """The hop headers that arrive when ``peer`` sends these."""
    heads: list[Head] = []

    async def service(connection: Peer) -> None:
        heads.append(await connection.head())
        await connection.send(OK)

    stage.service = service
    client = stage.client(peer)
    await client.send(request("/public/a", *(f"{field}\r\n".encode() for field in fields)))
    await client.response()
    await client.close()
    return sorted((name, value) for name, value in heads[0].fields if HOPS.fullmatch(name.replace("_", "-")))


@pytest.mark.parametrize("row", ROWS[2:], ids=lambda row: f"{row[2]} {row[0]} {row[1]}"[:60])
async def test_each_row_is_true(row: list[str], nursery: trio.Nursery) -> None:
    """The service gets exactly the headers of the row, and the log the client."""
    peer, received, style, sent, client = (code(cell) for cell in row)
    stage = Stage(nursery, snapshot=snapshot(), forwarding=Forwarding(TRUSTED, style[0]))
    expected = sorted((name.lower(), value) for name, _, value in (field.partition(": ") for field in sent))
    assert await seen_by_the_service(stage, peer[0], received) == expected
    assert (stage.records[0].peer, stage.records[0].address) == (peer[0], client[0])


def test_every_word_has_its_rows() -> None:
    """The table speaks of each style."""
    assert {row[2].strip("`") for row in ROWS[2:]} == {"x-forwarded", "rfc7239", "both"}
    assert len(ROWS) > 12


async def test_other_spellings_are_not_overlooked(stage: Stage) -> None:
    """A service that reads _ as - gets nothing of the client's."""
    forged = ["X_Forwarded_For: 127.0.0.1", "x-real_ip: 127.0.0.1", "X-FORWARDED-USER: boss"]
    arrived = await seen_by_the_service(stage, "192.0.2.7", forged)
    assert [name for name, _ in arrived] == ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]


async def test_a_tls_port_says_https(nursery: trio.Nursery) -> None:
    """X-Forwarded-Proto is how the caller came in."""
    stage = Stage(nursery, snapshot=snapshot(), forwarding=Forwarding(scheme=b"https"))
    assert ("x-forwarded-proto", "https") in await seen_by_the_service(stage, "192.0.2.7", [])


def test_a_chain_of_trusted_hops_has_an_end() -> None:
    """However long the chain, 64 hops are looked at."""
    chain = b", ".join(b"10.0.%d.%d" % divmod(number, 256) for number in range(1000))
    origin = Forwarding(TRUSTED).origin("10.1.1.1", b"orders", [(b"x-forwarded-for", chain)])
    assert origin.client == "10.0.3.168"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:80", "1.2.3.4"),
        ("[::1]", "::1"),
        ("[::1]:_x", "::1"),
        ("::FFFF:1.2.3.4", "1.2.3.4"),
        ("1.2.3", "None"),
        ("01.2.3.4", "None"),
        ("[1.2.3.4", "None"),
        ("unix", "None"),
        ("", "None"),
        ("1.2.3.4:", "None"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    """With and without a port; anything else is none."""
    assert str(parse_address(text)) == address


@pytest.mark.parametrize(
    ("value", "hops"),
    [
        (b"for=a", ["a"]),
        (b'For="[::1]:80";by=b , proto=http', ["[::1]:80", "unknown"]),
        (b'for="a\\"b,;"', ['a\\"b,;']),
        (b"for=a,", []),
        (b"for", []),
        (b"for=a b", []),
        (b'for="a', []),
        (b"", []),
    ],
)
def test_forwarded_is_read_strictly(value: bytes, hops: list[str]) -> None:
    """A value with a malformed part is believed in no part."""
    assert [hop for hop, _ in forwarded_elements(value)] == hops
