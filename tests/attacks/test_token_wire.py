"""Hostile tokens on the wire: each is refused for what it is, and the service never hears of it."""

import pytest
import trio

from ..proxy.stage import Stage
from . import token_algorithms, token_claims, token_crossings, token_encodings, token_headers, token_signatures
from .token_attack import TokenAttacks, carry_out, world

TABLES = (token_algorithms, token_signatures, token_headers, token_encodings, token_claims, token_crossings)
ATTACKS: TokenAttacks = {
    f"{table.__name__.rpartition('.')[2].removeprefix('token_')}: {name}": attack
    for table in TABLES
    for name, attack in table.ATTACKS.items()
}


def test_the_tables_are_long() -> None:
    """A table that lost its attacks would pass."""
    assert len(ATTACKS) >= 1000


@pytest.mark.parametrize("name", ATTACKS, ids=ascii)
async def test_a_hostile_token(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """Refused, unheard by the service, quoted nowhere; and the honest caller behind it passes."""
    attack = ATTACKS[name]
    await carry_out(attack, Stage(nursery, snapshot=world(*attack.issuers)))
