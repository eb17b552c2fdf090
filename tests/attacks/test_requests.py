"""Hostile requests: each gets its answer, and the service gets exactly the bytes that it should, or none at all."""

import sys

import pytest
import trio

from ..proxy.stage import Stage, express_stage, snapshot
from . import request_bodies, request_fields, request_identity, request_lengths, request_lines, request_sequences
from .attack import Attacks, carry_out, messages

TABLES = (request_lines, request_fields, request_lengths, request_bodies, request_identity, request_sequences)
ATTACKS: Attacks = {
    f"{table.__name__.rpartition('.')[2]}: {name}": attack for table in TABLES for name, attack in table.ATTACKS.items()
}
DRIPPING = [name for name, attack in ATTACKS.items() if attack.drips and len(attack.sent) <= 2000]


def test_the_tables_are_long() -> None:
    """A table that lost its attacks would pass."""
    assert len(ATTACKS) >= 150


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_hostile_request(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """In one piece."""
    attack = ATTACKS[name]
    stage = Stage(nursery, snapshot=snapshot())
    assert await carry_out(attack, stage, max(1, len(attack.sent))) == list(attack.upstream)


@pytest.mark.parametrize("name", DRIPPING)
async def test_a_hostile_request_in_drops(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """Byte by byte: the same answers, the same heads and the same whole bodies."""
    attack = ATTACKS[name]
    seen = await carry_out(attack, Stage(nursery, snapshot=snapshot()), 1)
    assert [list(messages(raw)) for raw in seen] == [list(messages(raw)) for raw in attack.upstream]


@pytest.mark.parametrize("piece", [sys.maxsize, 7])
@pytest.mark.parametrize("name", ATTACKS)
async def test_a_hostile_request_to_the_engine(autojump_clock: object, name: str, piece: int) -> None:
    """On sockets, with a connection to the service at hand, in one piece or in several."""
    attack = ATTACKS[name]
    if piece < len(attack.sent) and name not in DRIPPING:
        return
    async with express_stage(snapshot=snapshot()) as stage:
        seen = await carry_out(attack, stage, piece)
    assert [list(messages(raw)) for raw in seen] == [list(messages(raw)) for raw in attack.upstream]
