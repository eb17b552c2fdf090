"""docs/protocol.md says what the code does."""

import dataclasses
from enum import Enum
from pathlib import Path

import pytest

from control.distribution import Limits
from control.distribution import conversation as control_role
from control.distribution import refreshes as control_refreshes
from control.distribution import reports as control_reports
from control.distribution.registry import MAX_PER_SIDECAR
from control.distribution.session import MAX_HEARTBEAT_S, PINGS_A_SECOND
from sidecar.contract import messages
from sidecar.contract.envelope import Sealed
from sidecar.contract.increment import MAX_CHAIN, MAX_CHAIN_BYTES
from sidecar.contract.messages import (
    Ack,
    Hello,
    Increments,
    InUse,
    Join,
    Nack,
    Ping,
    Push,
    Refresh,
    Refuse,
    Report,
    ToControl,
    ToSidecar,
    Welcome,
)
from sidecar.contract.snapshot import MAX_SNAPSHOT_BYTES
from sidecar.contract.strict import unpack
from sidecar.link import conversation as sidecar_role
from sidecar.link import refreshes as sidecar_refreshes
from sidecar.link.dial import CONNECT_TIMEOUT_S
from sidecar.link.membership import REJOIN

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
SEALED = Sealed(b"p", b"s", "k")
EXAMPLES: tuple[ToControl | ToSidecar, ...] = (
    Hello("s", "i", "a", (), Join("t", b"s"), b"c", InUse(1, b"d"), "k"),
    Ack(1, 1, b"d"),
    Nack(1, 1, 0, "r"),
    Welcome("s", b"k", 10, b"c"),
    Refuse("c", "m"),
    Push(1, 1, SEALED, (SEALED,)),
    Increments(1, 2, (SEALED,)),
    Refresh("i"),
    Report(1, 1, 0, 0, 1),
    Ping(1),
)


def section(title: str) -> str:
    """The part of the page under a heading, up to the next heading."""
    _, found, rest = PAGE.partition(f"\n{title}\n")
    assert found, title
    return rest.partition("\n#")[0]


def test_no_message_is_missing_from_the_examples() -> None:
    """So that the next test covers the whole vocabulary."""
    assert {type(example) for example in EXAMPLES} == {*ToControl.__args__, *ToSidecar.__args__}


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_every_message_and_every_key_is_on_the_page(message: ToControl | ToSidecar) -> None:
    """Under the message's own heading, as it stands on the wire."""
    plain = unpack(messages.frame(message)[messages.LENGTH_BYTES :])
    assert isinstance(plain, dict)
    text = section(f"### `{plain['type']}`")
    for key, value in plain.items():
        assert f"`{key}`" in text
        if isinstance(value, dict):
            assert all(f"`{inner}`" in text for inner in value)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_every_field_of_the_values_is_on_the_page(message: ToControl | ToSidecar) -> None:
    """The names in the code are the names on the wire; ``sealed`` is three of them."""
    for field in dataclasses.fields(message):
        assert field.name == "sealed" or f"`{field.name}`" in PAGE


def test_both_state_tables_are_on_the_page() -> None:
    """Row by row, in the same words, and no row that the code does not have."""
    for heading, table in (("### A sidecar's", sidecar_role.TABLE), ("### Control's", control_role.TABLE)):
        rows = [
            f"| {before.value} | {told(event)} | {then.value} | {action.value} |"
            for (before, event), (then, action) in table.items()
        ]
        assert [line for line in section(heading).splitlines() if line.startswith("| ")][1:] == rows


def told(event: Enum | type[ToControl | ToSidecar]) -> str:
    """A message by its name on the wire, anything else by its words."""
    if isinstance(event, Enum):
        return str(event.value)
    name = "snapshot" if event is Push else event.__name__.lower()
    return f"`{name}`" + (" (protocol 3)" if event is Report else "")


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    """Number by number."""
    limits, text = Limits(), section("## Limits")
    for expected in (
        f"a frame to control, body | {messages.MAX_FRAME_TO_CONTROL // 1024} KiB",
        f"a frame to a sidecar, body | {messages.MAX_FRAME_TO_SIDECAR // 1024**2} MiB",
        f"increments after a snapshot | {MAX_CHAIN}, or {MAX_CHAIN_BYTES // 1024} KiB",
        f"a request to refresh | one for an issuer in {sidecar_refreshes.EVERY_S:g} s",
        f"of one connection | {control_refreshes.MAX_PER_SESSION} in {control_refreshes.EVERY_S:g} s",
        f"reports of one connection | {control_reports.MAX_PER_SESSION} in {control_reports.EVERY_S:g} s",
        f"a snapshot | {MAX_SNAPSHOT_BYTES // 1024**2} MiB",
        f"connecting (TCP or unix) | {CONNECT_TIMEOUT_S:g} s",
        f"TLS handshake, either end | {limits.handshake_timeout_s:g} s",
        f"hello, whole, after TLS | {limits.hello_timeout_s:g} s",
        f"heartbeat | {limits.pace.heartbeat_s} s; with more than {PINGS_A_SECOND * limits.pace.heartbeat_s:,} sidecars"
        f" the {PINGS_A_SECOND}th part of their number, {MAX_HEARTBEAT_S} s at most",
        f"one write | {limits.pace.write_timeout_s:g} s",
        f"pushes without an answer | {control_role.MAX_UNANSWERED}",
        f"have not sent a byte | {limits.silent}; when full, one that kept silent for {limits.fair_s:g} s",
        f"in line for these, in the order of their first byte; who hangs up before its turn is passed over; then"
        f" newcomers wait in the kernel | {limits.line}",
        f"without a hello yet | {limits.unauthenticated}; when full, one that kept silent for {limits.fair_s:g} s",
        f"connections in all | {limits.connections:,}",
        f"connections of one sidecar | {MAX_PER_SIDECAR}",
        f"worker threads for control's store | {limits.core_threads}",
    ):
        assert f"{expected}" in text


def test_the_refusals_that_mean_joining_again_are_on_the_page() -> None:
    """And no other says so."""
    rows = [row for row in PAGE.splitlines() if row.startswith("| `") and "joins again" in row]
    assert {row.split("`")[1] for row in rows} == REJOIN
