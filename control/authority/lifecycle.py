"""When a token signing key moves on. Pure: time and acknowledgements come in, one step comes out.

    (none)
       |       an operator asks for one, or the active key has signed for the period that was set
    PREPARED   published and pushed, signs nothing yet
       |       every live sidecar has acknowledged a snapshot that holds it, or ACTIVATE_AFTER_S have passed
    ACTIVE     signs; there is exactly one
       |       the next one has become active
    RETIRING   signs nothing; its tokens still count
       |       the longest-lived token that it can have signed has expired
    (gone)

    REVOKED    from any state, by hand: its tokens stop counting at once, and it is kept as a record

By hand a key may also be PREPARED and ACTIVE in one, and all others REVOKED with the same version: for the day on which
they have leaked. Steps are taken one at a time, so that whoever takes them can store each before asking for the next.
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
    activated_at: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """``prepare``: this key has signed for long enough, and another is made. ``activate``: this key signs from now on
    and the active one retires. ``remove``: forget this key."""

    action: Literal["prepare", "activate", "remove"]
    kid: str


def next_step(keys: Iterable[KeyTimes], now: float, acknowledged: bool, rotate_after_s: int = 0) -> Step | None:
    """The step that is due, or None. ``acknowledged``: every live sidecar enforces a snapshot that holds all of the
    prepared keys. ``rotate_after_s`` 0: keys are rotated by hand alone."""
    ordered = sorted(keys, key=lambda key: (key.created_at, key.kid))
    for key in ordered:
        if key.state == "prepared" and (acknowledged or now >= key.created_at + ACTIVATE_AFTER_S):
            return Step("activate", key.kid)
    waiting = any(key.state == "prepared" for key in ordered)
    for key in ordered if rotate_after_s and not waiting else ():
        if key.state == "active" and key.activated_at is not None and now >= key.activated_at + rotate_after_s:
            return Step("prepare", key.kid)
    for key in ordered:
        if key.state == "retiring" and key.retired_at is not None and now >= key.retired_at + RETIRE_AFTER_S:
            return Step("remove", key.kid)
    return None
