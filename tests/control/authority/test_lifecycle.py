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


def test_no_keys_no_step() -> None:
    """Nothing is due of nothing."""
    assert next_step([], 0, True) is None
