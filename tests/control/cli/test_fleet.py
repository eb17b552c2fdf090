"""Verbs that wait for sidecars: with a real one, and with every outcome that a rollout can have."""

import re
from pathlib import Path
from typing import Any

import pytest

from control.cli.failure import Failure
from control.cli.rollout import receipt
from control.testing.processes import BIN, Processes, command

from .conftest import OPERATOR, READY, serve

CONTROL = str(BIN / "control")


def test_a_sidecar_acknowledges(tmp_path: Path, policy: Path) -> None:
    """It joins, is waited for, shows in the status, and is away when it is gone."""
    with Processes(tmp_path) as processes:
        env = {"CONTROL_TOKEN": OPERATOR}
        ready = processes.start("control", serve(tmp_path / "data"), READY, env)
        env["CONTROL_URL"] = ready[1]
        token = tmp_path / "join"
        command(CONTROL, "join-token", "orders", "--out", str(token), env=env)
        arguments = [
            *(str(BIN / "sidecar"), "run", "--service", "orders", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"),
            *("--control", ready[2], "--join-token-file", str(token), "--state-dir", str(tmp_path / "state")),
        ]
        processes.start("sidecar", arguments, "sidecar up")
        _status(env, "1 of 1 sidecars connected")
        pushed = command(CONTROL, "push", str(policy), "--wait", env=env).stdout
        assert re.search(r"orders/\S+  acked\nin force on 1 of 1 after \d+ ms", pushed)
        assert "acked" in _status(env, "version 1, 1 of 1")
        rotated = command(CONTROL, "keys", "rotate", "--wait", env=env).stdout
        assert "signs now" in rotated
        assert "in force on 1 of 1" in command(CONTROL, "revoke", "--subject", "ann", "--wait", env=env).stdout
        processes.terminate("sidecar")
        assert "away" in _status(env, "0 of 1 sidecars connected")


def _status(env: dict[str, str], until: str) -> str:
    """``control status`` once it says ``until``: joining and leaving are other processes' affairs."""
    for _ in range(30):
        said = command(CONTROL, "status", env=env).stdout
        if until in said:
            return said
    raise AssertionError(said)


@pytest.fixture
def rollout() -> dict[str, Any]:
    """In force on one, refused by one, unanswered by one; one is away."""
    one = {"sidecar": "s", "service": "orders"}
    return {
        "version": 7,
        "acked": [{**one, "instance": "a"}],
        "nacked": [{**one, "instance": "b", "reason": "lacks\x1b[2J it"}],
        "pending": [{**one, "instance": "c"}],
        "away": [{**one, "instance": "d"}],
        "complete": False,
        "elapsed_ms": 8.2,
    }


def test_a_refusal_is_exit_1_with_its_reason(rollout: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Who refused it and why, and who is missing; nothing that a terminal would obey."""
    with pytest.raises(Failure, match=r"version 7 is in force on 1 of 3 after 8 ms") as caught:
        receipt(rollout, each=True)
    assert caught.value.exit_code == 1
    assert caught.value.lines == ("orders/b  refused it: lacks?[2J it", "orders/c  has not answered")
    assert capsys.readouterr().out == "orders/a  acked\n"


def test_a_whole_rollout_is_a_receipt(rollout: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """How many, and how long it took; those away are named and no failure."""
    receipt({**rollout, "nacked": [], "pending": []}, each=False)
    printed = capsys.readouterr()
    assert printed.out == "in force on 1 of 1 after 8 ms\n"
    assert printed.err.startswith("1 away")
