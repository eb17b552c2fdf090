"""The frames of the push socket and the join token: round trips, and nothing that is not exactly one of them."""

from dataclasses import replace
from typing import Any

import pytest

from sidecar.contract.envelope import Sealed
from sidecar.contract.join import MAX_CHARS, JoinToken, format_join_token, parse_join_token
from sidecar.contract.messages import (
    LENGTH_BYTES,
    MAX_REASON,
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
    decode_to_control,
    decode_to_sidecar,
    frame,
    with_nonce,
    without_nonce,
)
from sidecar.contract.strict import ContractError, pack, unpack

SEALED = Sealed(b"payload", b"s" * 64, "abcd")
TO_CONTROL: list[ToControl] = [
    Hello("orders", "host-1", "sidegate/0.1.0", ("routes", "scopes")),
    Hello("orders", "host-1", "sidegate/0.1.0", (), Join("j1", b"s" * 32), b"csr", InUse(3, b"d" * 32), "abcd"),
    Ack(0, 1, b"d" * 32),
    Refresh("auth0"),
    Report(43, 1000, 12, 3, 10),
    Nack(5, 2, 1, "bad_signature: no"),
    Ping(0),
]
TO_SIDECAR: list[ToSidecar] = [
    Welcome("sc-1", b"k" * 32, 10),
    Welcome("sc-1", b"k" * 32, 10, b"certificate"),
    Refuse("revoked", "this sidecar was removed"),
    Push(1, 7, SEALED),
    Push(1, 9, SEALED, (SEALED, SEALED)),
    Increments(2, 9, (SEALED, SEALED)),
    Ping(2**53),
]
EVERY = [(m, decode_to_control) for m in TO_CONTROL] + [(m, decode_to_sidecar) for m in TO_SIDECAR]
IDS = [type(message).__name__ for message, _ in EVERY]


def _body(message: Any) -> bytes:
    framed = frame(message)
    assert int.from_bytes(framed[:LENGTH_BYTES], "big") == len(framed) - LENGTH_BYTES
    return framed[LENGTH_BYTES:]


def _map(message: Any) -> dict[str, Any]:
    value = unpack(_body(message))
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(("message", "decode"), EVERY, ids=IDS)
def test_comes_back_as_it_went(message: Any, decode: Any) -> None:
    """Every message of both vocabularies."""
    assert decode(_body(message)) == message


@pytest.mark.parametrize(("message", "decode"), EVERY, ids=IDS)
def test_is_exact(message: Any, decode: Any) -> None:
    """An unknown key, a missing one, one of another type and trailing bytes end the connection."""
    fields = _map(message)
    with pytest.raises(ContractError, match="unknown key"):
        decode(pack({**fields, "surprise": 1}))
    with pytest.raises(ContractError):
        decode(_body(message) + b"\xc0")
    for key in fields:
        with pytest.raises(ContractError):
            decode(pack({name: value for name, value in fields.items() if name != key}))
        with pytest.raises(ContractError):
            decode(pack({**fields, key: 1.5}))


@pytest.mark.parametrize("message", [m for m in TO_CONTROL if not isinstance(m, Ping)], ids=lambda m: type(m).__name__)
def test_a_sidecar_does_not_hear_what_control_should(message: ToControl) -> None:
    """Each direction has its own vocabulary."""
    with pytest.raises(ContractError) as caught:
        decode_to_sidecar(_body(message))
    assert caught.value.code == "unknown_type"


@pytest.mark.parametrize("message", [m for m in TO_SIDECAR if not isinstance(m, Ping)], ids=lambda m: type(m).__name__)
def test_control_does_not_hear_what_a_sidecar_should(message: ToSidecar) -> None:
    """And so has the other."""
    with pytest.raises(ContractError) as caught:
        decode_to_control(_body(message))
    assert caught.value.code == "unknown_type"


@pytest.mark.parametrize(
    "message", [m for m in TO_SIDECAR if isinstance(m, Push | Increments)], ids=lambda m: m.version
)
def test_a_push_is_packed_once_for_all_connections(message: Push | Increments) -> None:
    """Each connection adds its own nonce, small or large."""
    packed = without_nonce(message)
    for nonce in (1, 127, 128, 2**53):
        framed = with_nonce(packed, nonce)
        assert int.from_bytes(framed[:LENGTH_BYTES], "big") == len(framed) - LENGTH_BYTES
        assert decode_to_sidecar(framed[LENGTH_BYTES:]) == replace(message, nonce=nonce)


def test_increments_of_nothing_are_refused() -> None:
    """They would lead nowhere."""
    with pytest.raises(ContractError):
        decode_to_sidecar(_body(Increments(1, 9, ())))


@pytest.mark.parametrize("value", [None, [], "hello", 1, {}, {"type": ""}, {"type": 1}, {"type": "x" * 9999}])
def test_what_is_no_message_is_refused(value: object) -> None:
    """And its error does not repeat it at length."""
    for decode in (decode_to_control, decode_to_sidecar):
        with pytest.raises(ContractError) as caught:
            decode(pack(value))
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (Ack(1, 1, b"d"), {"version": 0}),
        (Ack(1, 1, b"d"), {"nonce": -1}),
        (Ack(1, 1, b"d"), {"nonce": True}),
        (Ping(1), {"number": 2**53 + 1}),
        (TO_CONTROL[0], {"protocol": 0}),
        (TO_CONTROL[0], {"service": ""}),
        (TO_CONTROL[0], {"join": []}),
        (TO_CONTROL[0], {"join": {"token_id": "j", "secret": "text"}}),
        (TO_CONTROL[0], {"in_use": {"version": 1}}),
        (TO_CONTROL[0], {"key_id": ""}),
        (TO_CONTROL[0], {"csr": "text"}),
    ],
)
def test_values_out_of_bounds(message: ToControl, changes: dict[str, Any]) -> None:
    """A frame of the right shape with an impossible value is none."""
    with pytest.raises(ContractError):
        decode_to_control(pack({**_map(message), **changes}))


def test_a_long_reason_is_cut() -> None:
    """On the way out and on the way in."""
    assert decode_to_control(_body(Nack(1, 2, 1, "x" * 9999))) == Nack(1, 2, 1, "x" * MAX_REASON)
    assert decode_to_control(pack({**_map(Nack(1, 2, 1, "x")), "reason": "y" * 9999})) == Nack(
        1, 2, 1, "y" * MAX_REASON
    )


def test_secrets_do_not_show() -> None:
    """A hello or a join token in a log gives nothing away."""
    shown = repr(Hello("orders", "i", "a", (), Join("j1", b"top-secret"))) + repr(
        JoinToken("j", "s", b"top-secret", b"ca")
    )
    assert "top-secret" not in shown


TOKEN = JoinToken("j1", "orders", bytes(range(32)), b"\x30\x82certificate")
TEXT = format_join_token(TOKEN)


def test_a_join_token_comes_back() -> None:
    """Also with the newline that a file ends with."""
    assert parse_join_token(TEXT) == TOKEN
    assert parse_join_token(f" {TEXT}\n") == TOKEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sgj1_",
        TEXT[5:],
        TEXT[:-3],
        TEXT + "x",
        TEXT[:20] + "*" + TEXT[21:],
        TEXT + "A" * MAX_CHARS,
        "sgj2_" + TEXT[5:],
        TEXT + "é",
    ],
)
def test_a_damaged_join_token_is_refused_and_not_quoted(text: str) -> None:
    """The error is for a terminal and a log."""
    with pytest.raises(ContractError) as caught:
        parse_join_token(text)
    assert caught.value.code == "bad_join_token"
    assert TEXT[10:30] not in str(caught.value)
