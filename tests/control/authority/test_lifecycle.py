"""The life cycle of a token signing key: every state meets every reason to move on."""

import pytest

from control.authority.lifecycle import ACTIVATE_AFTER_S, RETIRE_AFTER_S, KeyTimes, State, Step, next_step

BORN, RETIRED = 1000, 5000


def key(state: State, kid: str = "k") -> KeyTimes:
    """A key in that state."""
    return KeyTimes(kid, state, BORN, RETIRED if state in ("retiring", "revoked") else None)


@pytest.mark.parametrize("acknowledged", [True, False])
@pytest.mark.parametrize("now", [BORN, BORN + ACTIVATE_AFTER_S, RETIRED + RETIRE_AFTER_S])
@pytest.mark.parametrize("state", ["prepared", "active", "retiring", "revoked"])
def test_every_state_at_every_time(state: State, now: int, acknowledged: bool) -> None:
    """Only a prepared key becomes active, only a retiring one goes, each when its reason is there."""
    due = {
        "prepared": Step("activate", "k") if acknowledged or now >= BORN + ACTIVATE_AFTER_S else None,
        "active": None,
        "retiring": Step("remove", "k") if now >= RETIRED + RETIRE_AFTER_S else None,
        "revoked": None,
    }
    assert next_step([key(state)], now, acknowledged) == due[state]


def test_a_second_before_it_is_due_nothing_happens() -> None:
    """Both waits are kept to the second."""
    assert next_step([key("prepared")], BORN + ACTIVATE_AFTER_S - 1, False) is None
    assert next_step([key("retiring")], RETIRED + RETIRE_AFTER_S - 1, False) is None


def test_a_new_key_signs_before_an_old_one_goes() -> None:
    """When both are due, activation comes first."""
    keys = [key("retiring", "old"), key("active", "now"), key("prepared", "new")]
    assert next_step(keys, RETIRED + RETIRE_AFTER_S, False) == Step("activate", "new")


DAY = 86_400


@pytest.mark.parametrize(
    ("states", "signs_since", "now", "after", "due"),
    [
        (["active"], 0, 30 * DAY, 30 * DAY, Step("prepare", "0")),
        (["active"], 0, 30 * DAY - 1, 30 * DAY, None),
        (["active"], 0, 300 * DAY, 0, None),
        (["active"], None, 300 * DAY, 30 * DAY, None),
        (["active"], 10, 5, 30 * DAY, None),  # the clock went back
        (["revoked", "retiring"], 0, 300, 100, None),
        (["prepared", "active"], 0, BORN + 1, 100, None),
        (["active", "prepared"], 0, BORN + 3600, 100, Step("activate", "1")),
    ],
)
def test_the_schedule(states: list[State], signs_since: int | None, now: int, after: int, due: Step | None) -> None:
    """A key that has signed for long enough is followed by another, once; without a schedule never."""
    keys = [
        KeyTimes(str(n), state, BORN, None, signs_since if state == "active" else None)
        for n, state in enumerate(states)
    ]
    assert next_step(keys, now, False, after) == due


def test_no_keys_no_step() -> None:
    """Nothing is due of nothing."""
    assert next_step([], 0, True) is None
