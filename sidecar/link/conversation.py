"""The sidecar's role: what may happen to a connection, and what the link does then. The code runs on this table.

The sidecar speaks first: one hello. Control answers with a welcome, or with a refuse, which is its last word. After the
welcome control may at any time push a snapshot or increments, ping, or refuse. What comes in any other order is not of
this protocol, which is trouble like a stream that breaks: a pair that is not in the table ends the connection.

Nothing here ever ends the link, and nothing changes what is enforced but ``ENFORCE``. There is no state in which a
sidecar waits without a bound: dialling, the welcome, a frame, a write and the answer of a peer that is gone (three
heartbeats without a byte) have each their time, and all of them end in ``ENDED``, after which the next address is
tried, or this one again. There is no state of *resyncing* either: whatever was missed, the next hello says what is
enforced, and control sends what leads from there to the newest. So a gap of any kind is mended by what begins every
connection.

A connection that never was live says something of the address: the next one is tried at once. One that was live and
broke says little: control restarted, or the network did; the sidecar comes back after a moment, drawn at random,
because a thousand others lost it in the same instant, and begins with the address that is its own. One that was live
for less than ten seconds counts as if it never was, or a control that dies of each sidecar would be tried for ever.
"""

from enum import Enum

from sidecar.contract.messages import Increments, Ping, Push, Refuse, ToSidecar, Welcome
from sidecar.contract.strict import ContractError


class State(Enum):
    """Where a connection stands."""

    DIALLING = "dialling"
    AWAITING_WELCOME = "awaiting welcome"
    LIVE = "live"
    ENDED = "ended"


class Event(Enum):
    """What happens to it, beside the messages that come."""

    CONNECTED = "a trusted stream"
    CLOSED = "an orderly end"
    TROUBLE = "the stream breaks, or what comes is not of this page"
    SILENCE = "its time is over"
    RENEWAL = "renewal is due"
    HOMECOMING = "it is long enough away from its own address"


class Action(Enum):
    """What the link does then."""

    SAY_HELLO = "says `hello`"
    TAKE_IN = "pins what it holds, or compares"
    ENFORCE = "answers with `ack` or `nack`"
    ECHO = "echoes it"
    HEED = "does as the code says"
    NEXT = "tries the next address"
    RETURN = "comes back after a moment"
    COME_BACK = "comes back at once"
    OLDER = "comes back at once, in the protocol before"
    WAIT = "waits, tries again"


TABLE: dict[tuple[State, Event | type[ToSidecar]], tuple[State, Action]] = {
    (State.DIALLING, Event.CONNECTED): (State.AWAITING_WELCOME, Action.SAY_HELLO),
    (State.DIALLING, Event.TROUBLE): (State.ENDED, Action.NEXT),
    (State.DIALLING, Event.SILENCE): (State.ENDED, Action.NEXT),
    (State.AWAITING_WELCOME, Welcome): (State.LIVE, Action.TAKE_IN),
    (State.AWAITING_WELCOME, Refuse): (State.ENDED, Action.HEED),
    (State.AWAITING_WELCOME, Event.CLOSED): (State.ENDED, Action.NEXT),
    (State.AWAITING_WELCOME, Event.TROUBLE): (State.ENDED, Action.NEXT),
    (State.AWAITING_WELCOME, Event.SILENCE): (State.ENDED, Action.NEXT),
    (State.LIVE, Push): (State.LIVE, Action.ENFORCE),
    (State.LIVE, Increments): (State.LIVE, Action.ENFORCE),
    (State.LIVE, Ping): (State.LIVE, Action.ECHO),
    (State.LIVE, Refuse): (State.ENDED, Action.HEED),
    (State.LIVE, Event.CLOSED): (State.ENDED, Action.RETURN),
    (State.LIVE, Event.TROUBLE): (State.ENDED, Action.RETURN),
    (State.LIVE, Event.SILENCE): (State.ENDED, Action.RETURN),
    (State.LIVE, Event.RENEWAL): (State.ENDED, Action.COME_BACK),
    (State.LIVE, Event.HOMECOMING): (State.ENDED, Action.COME_BACK),
}


def after(state: State, message: ToSidecar) -> tuple[State, Action]:
    """What ``message`` leads to; ContractError ``unexpected`` if it may not come now."""
    try:
        return TABLE[state, type(message)]
    except KeyError:
        raise ContractError("unexpected", f"{type(message).__name__.lower()} while {state.value}") from None
