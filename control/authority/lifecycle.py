"""When a token signing key moves on. Pure: time and acknowledgements come in, one step comes out.

    PREPARED   published and pushed, signs nothing yet
       |       every live sidecar has acknowledged a snapshot that holds it, or ACTIVATE_AFTER_S have passed
    ACTIVE     signs; there is exactly one
       |       the next one has become active
    RETIRING   signs nothing; its tokens still count
       |       the longest-lived token that it can have signed has expired
    (gone)

    REVOKED    from any state, by hand: its tokens stop counting at once, and it is kept as a record

Steps are taken one at a time, so that whoever takes them can store each before asking for the next.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["prepared", "active", "retiring", "revoked"]

ACTIVATE_AFTER_S = 60
LONGEST_TOKEN_S = 24 * 3600
MAX_LEEWAY_S = 600
"""The most that a policy may allow (see ``sidecar.contract.snapshot``)."""
RETIRE_AFTER_S = LONGEST_TOKEN_S + MAX_LEEWAY_S


@dataclass(frozen=True, slots=True)
class KeyTimes:
    """What the life cycle needs to know of a key."""

    kid: str
    state: State
    created_at: int
    retired_at: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """``activate``: this key signs from now on and the active one retires. ``remove``: forget this key."""

    action: Literal["activate", "remove"]
    kid: str


def next_step(keys: Iterable[KeyTimes], now: float, acknowledged: bool) -> Step | None:
    """The step that is due, or None. ``acknowledged``: every live sidecar enforces a snapshot that holds all of the
    prepared keys."""
    ordered = sorted(keys, key=lambda key: (key.created_at, key.kid))
    for key in ordered:
        if key.state == "prepared" and (acknowledged or now >= key.created_at + ACTIVATE_AFTER_S):
            return Step("activate", key.kid)
    for key in ordered:
        if key.state == "retiring" and key.retired_at is not None and now >= key.retired_at + RETIRE_AFTER_S:
            return Step("remove", key.kid)
    return None
