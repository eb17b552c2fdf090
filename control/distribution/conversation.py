"""Control's role: what may happen to a connection, and what a session does then. The messages of the table are what
the code runs on; a test holds the session to the rest. Nonces and pings are here as well. Pure: no stream, no clock.

A sidecar speaks first and once: the hello. From then on what it says answers something that control said: an ack or a
nack answers one push, a ping echoes one ping. So a peer can say no more than it was asked, and no rate needs counting:
the first frame that answers nothing ends the connection. Only a refresh and a report come unasked: ``refreshes`` counts
the ones, ``reports`` the others.

A nonce belongs to this connection. Pushes may overtake their answers, because the newest snapshot is sent without
waiting. An answer to any push but the last is *stale*: it is checked, counted as answered, and settles nothing.

What a session remembers has a bound, however long it lasts and whatever the peer does: one slot for what is to be sent
next (the newest wins), 64 pushes without an answer, two numbers for pings, the reports of 16 versions, and one frame
that is not whole yet. Whoever does not read fills the slot and nothing else; whoever reads and does not answer is cut
off as *stuck*; whoever does neither is gone after three heartbeats, or when one write has taken its time.
"""

from enum import Enum

from sidecar.contract.messages import (
    REPORT_SINCE,
    Ack,
    Hello,
    Nack,
    Ping,
    Refresh,
    Report,
    ToControl,
    decode_to_control,
    frame,
    with_nonce,
)
from sidecar.contract.strict import ContractError


class State(Enum):
    """Where a connection stands."""

    AWAITING_HELLO = "awaiting hello"
    LIVE = "live"
    ENDED = "ended"


class Event(Enum):
    """What happens to it, beside the messages that come."""

    NEWS = "there is a newer version for its service"
    QUIET = "nothing was sent for a heartbeat"
    CLOSED = "an orderly end"
    TROUBLE = "the stream breaks, or a write takes too long"
    SILENCE = "no whole frame in its time"
    NONSENSE = "what comes is not of this page"
    NOT_WANTED = "revoked, replaced, or its certificate has expired"


class Action(Enum):
    """What control does then."""

    JUDGE = "answers with `welcome` and what leads to the newest version; or with `refuse`, and closes"
    SETTLE = "knows what is in force there, and sends all of the chain if increments did not fit"
    LOOK = "may look for new keys"
    COUNT = "adds it up"
    NOTE = "knows that it is there"
    PUSH = "sends `increments`, or a `snapshot`"
    PING = "sends `ping`"
    REFUSE = "sends `refuse`, and closes"
    CLOSE = "closes"


TABLE: dict[tuple[State, Event | type[ToControl]], tuple[State, Action]] = {
    (State.AWAITING_HELLO, Hello): (State.LIVE, Action.JUDGE),
    (State.AWAITING_HELLO, Event.CLOSED): (State.ENDED, Action.CLOSE),
    (State.AWAITING_HELLO, Event.TROUBLE): (State.ENDED, Action.CLOSE),
    (State.AWAITING_HELLO, Event.SILENCE): (State.ENDED, Action.CLOSE),
    (State.AWAITING_HELLO, Event.NONSENSE): (State.ENDED, Action.REFUSE),
    (State.LIVE, Ack): (State.LIVE, Action.SETTLE),
    (State.LIVE, Nack): (State.LIVE, Action.SETTLE),
    (State.LIVE, Refresh): (State.LIVE, Action.LOOK),
    (State.LIVE, Report): (State.LIVE, Action.COUNT),
    (State.LIVE, Ping): (State.LIVE, Action.NOTE),
    (State.LIVE, Event.NEWS): (State.LIVE, Action.PUSH),
    (State.LIVE, Event.QUIET): (State.LIVE, Action.PING),
    (State.LIVE, Event.CLOSED): (State.ENDED, Action.CLOSE),
    (State.LIVE, Event.TROUBLE): (State.ENDED, Action.CLOSE),
    (State.LIVE, Event.SILENCE): (State.ENDED, Action.CLOSE),
    (State.LIVE, Event.NONSENSE): (State.ENDED, Action.REFUSE),
    (State.LIVE, Event.NOT_WANTED): (State.ENDED, Action.REFUSE),
}

MAX_UNANSWERED = 64
"""Pushes without an answer, after which a sidecar counts as stuck."""


class Conversation:
    """One connection's memory of what was asked."""

    def __init__(self) -> None:
        self.state = State.AWAITING_HELLO
        self.protocol = 0
        self._nonce = 0
        self._unanswered: dict[int, int] = {}  # nonce -> version
        self._newest = 0  # version that the sidecar can have
        self._pinged = 0
        self._echoed = 0

    def receive(self, body: bytes) -> ToControl | None:
        """The message, or None if it is a stale answer or an echo; ContractError if it may not come now."""
        message = decode_to_control(body)
        try:
            self.state, _ = TABLE[self.state, type(message)]
        except KeyError:
            kind = type(message).__name__.lower()
            raise ContractError("unexpected", f"{kind} while {self.state.value}") from None
        match message:
            case Hello():
                self.protocol = message.protocol
                self._newest = 0 if message.in_use is None else message.in_use.version
                return message
            case Nack() if message.in_use > self._newest:
                raise ContractError("unsolicited", f"version {message.in_use} in use, which was not sent")
            case Report() if message.version > self._newest:
                raise ContractError("unsolicited", f"a report of version {message.version}, which was not sent")
            case Report() if self.protocol < REPORT_SINCE:
                raise ContractError("unexpected", f"a report in protocol {self.protocol}")
            case Ack() | Nack():
                return message if self._answers_last(message) else None
            case Ping():
                self._echo(message)
                return None
            case _:
                return message

    def push(self, version: int, packed: bytes) -> bytes:
        """The frame that asks for ``version``: what ``without_nonce`` packed, with the next nonce. ContractError
        ``stuck`` if too many went unanswered."""
        if len(self._unanswered) >= MAX_UNANSWERED:
            raise ContractError("stuck", f"{MAX_UNANSWERED} pushes went unanswered")
        self._nonce += 1
        self._unanswered[self._nonce] = version
        self._newest = max(self._newest, version)
        return with_nonce(packed, self._nonce)

    def ping(self) -> bytes:
        """The next ping's frame."""
        self._pinged += 1
        return frame(Ping(self._pinged))

    def _answers_last(self, answer: Ack | Nack) -> bool:
        version = self._unanswered.pop(answer.nonce, None)
        if version is None:
            raise ContractError("unsolicited", "an answer to a push that was not sent, or a second one")
        if version != answer.version:
            raise ContractError("unsolicited", f"nonce {answer.nonce} was not version {answer.version}")
        return answer.nonce == self._nonce

    def _echo(self, ping: Ping) -> None:
        if not self._echoed < ping.number <= self._pinged:
            raise ContractError("unsolicited", "a ping that echoes none of ours")
        self._echoed = ping.number
