"""Which message may follow which, seen from the sidecar.

The sidecar speaks first: one hello. Control answers with a welcome, or with a refuse, which is its last word.
After the welcome control may at any time push a snapshot or increments, ping, or refuse. A welcome that comes twice,
or a snapshot before the welcome, is not of this protocol and ends the connection: the pair is not in the table.
"""

from enum import Enum, auto

from sidecar.contract.messages import Increments, Ping, Push, Refuse, ToSidecar, Welcome
from sidecar.contract.strict import ContractError


class State(Enum):
    """Where the conversation stands."""

    AWAITING_WELCOME = auto()
    LIVE = auto()
    ENDED = auto()


TRANSITIONS: dict[tuple[State, type[ToSidecar]], State] = {
    (State.AWAITING_WELCOME, Welcome): State.LIVE,
    (State.AWAITING_WELCOME, Refuse): State.ENDED,
    (State.LIVE, Push): State.LIVE,
    (State.LIVE, Increments): State.LIVE,
    (State.LIVE, Ping): State.LIVE,
    (State.LIVE, Refuse): State.ENDED,
}


def after(state: State, message: ToSidecar) -> State:
    """The state that ``message`` leads to; ContractError ``unexpected`` if it may not come now."""
    try:
        return TRANSITIONS[state, type(message)]
    except KeyError:
        kind = type(message).__name__.lower()
        raise ContractError("unexpected", f"{kind} while {state.name.lower().replace('_', ' ')}") from None
