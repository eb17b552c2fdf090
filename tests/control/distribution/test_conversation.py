"""The state table of control's role, walked; nonces and pings."""

import pytest

from control.distribution.conversation import MAX_UNANSWERED, TABLE, Conversation, State
from sidecar.contract.envelope import Sealed
from sidecar.contract.framing import FrameBuffer
from sidecar.contract.messages import (
    Ack,
    Hello,
    InUse,
    Nack,
    Ping,
    Push,
    Refresh,
    ToControl,
    ToSidecar,
    decode_to_sidecar,
    frame,
    without_nonce,
)
from sidecar.contract.strict import ContractError

PACKED = without_nonce(Push(0, 7, Sealed(b"p", b"s", "k")))
HELLO = Hello("orders", "i", "a", ())
EXAMPLES: tuple[ToControl, ...] = (HELLO, Ack(1, 1, b"d"), Nack(1, 1, 0, "no"), Refresh("auth0"), Ping(1))


def body(message: ToControl | ToSidecar) -> bytes:
    """A message without its length."""
    return frame(message)[4:]


def live() -> Conversation:
    """A conversation after the hello, in which one snapshot and one ping are out."""
    talk = Conversation()
    talk.receive(body(HELLO))
    talk.push(1, PACKED)
    talk.ping()
    return talk


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_every_pair_of_state_and_message_is_in_the_table_or_ends_the_connection(
    state: State, message: ToControl
) -> None:
    """Nothing is accepted that the table does not name."""
    talk = Conversation() if state is State.AWAITING_HELLO else live()
    talk.state = state
    if (state, type(message)) in TABLE:
        talk.receive(body(message))
        assert talk.state is TABLE[state, type(message)][0]
    else:
        with pytest.raises(ContractError) as caught:
            talk.receive(body(message))
        assert caught.value.code == "unexpected"


def test_only_the_answer_to_the_last_push_counts() -> None:
    """A stale answer is a sign of life and settles nothing."""
    talk = live()
    talk.push(2, PACKED)
    assert talk.receive(body(Ack(1, 1, b"d"))) is None
    assert talk.receive(body(Ack(2, 2, b"d"))) == Ack(2, 2, b"d")


def test_nonces_count_up_within_a_connection() -> None:
    """So that an answer can be told from the answer to an earlier push of the same version."""
    talk = Conversation()
    nonces = []
    for _ in range(3):
        (pushed,) = FrameBuffer(1000).feed(talk.push(7, PACKED))
        message = decode_to_sidecar(pushed)
        assert isinstance(message, Push)
        nonces.append(message.nonce)
    assert nonces == [1, 2, 3]


@pytest.mark.parametrize(
    "answer",
    [Ack(2, 1, b"d"), Ack(1, 2, b"d"), Nack(3, 1, 0, "no"), Nack(1, 1, 9, "in use: never sent"), Ping(2), Ping(0)],
    ids=["nonce not sent", "another version", "nack of nothing", "a version not sent", "ping not sent", "ping 0"],
)
def test_what_answers_nothing_ends_the_connection(answer: ToControl) -> None:
    """A sidecar can never say more than it was asked."""
    with pytest.raises(ContractError) as caught:
        live().receive(body(answer))
    assert caught.value.code == "unsolicited"


@pytest.mark.parametrize("answer", [Ack(1, 1, b"d"), Nack(1, 1, 0, "no"), Ping(1)], ids=lambda m: type(m).__name__)
def test_an_answer_given_twice_ends_the_connection(answer: ToControl) -> None:
    """Each question is answered once."""
    talk = live()
    talk.receive(body(answer))
    with pytest.raises(ContractError):
        talk.receive(body(answer))


def test_a_nack_may_name_the_version_of_the_hello() -> None:
    """It goes on with what it came with."""
    talk = Conversation()
    talk.receive(body(Hello("orders", "i", "a", (), in_use=InUse(41, b"d"))))
    talk.push(40, PACKED)
    assert talk.receive(body(Nack(1, 40, 41, "older"))) == Nack(1, 40, 41, "older")


def test_a_sidecar_that_answers_no_push_is_stuck() -> None:
    """What is remembered of one connection has a bound."""
    talk = Conversation()
    for version in range(1, MAX_UNANSWERED + 1):
        talk.push(version, PACKED)
    with pytest.raises(ContractError) as caught:
        talk.push(99, PACKED)
    assert caught.value.code == "stuck"
