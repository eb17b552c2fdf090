"""One control that really runs, and its verbs called as a shell would call them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from control.cli import main
from control.testing.processes import BIN, Processes

OPERATOR = "operator-credential-of-the-tests-0001"
READY = r"control ready: http (\S+)\s+push (\S+)"
POLICY = """
trust_domain: shop.test
issuers:
  own: {builtin: true}
services:
  orders:
    routes:
      - {path: /public/**, access: public}
      - {path: /orders/*, require: {scopes: [orders:read]}}
"""


def serve(data: Path, *more: str) -> list[str]:
    """The command line of a control on free ports."""
    return [
        *(str(BIN / "control"), "serve", "--http", "127.0.0.1:0", "--push", "127.0.0.1:0"),
        *("--data", str(data), *more),
    ]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a fresh control listens, one for a file of tests."""
    folder = tmp_path_factory.mktemp("control")
    with Processes(folder) as processes:
        ready = processes.start("control", serve(folder / "data"), READY, {"CONTROL_TOKEN": OPERATOR})
        yield ready[1]


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed for programs."""
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def offline(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``control ARGUMENTS`` where no control is and no credential is set."""
    for name in ("CONTROL_URL", "CONTROL_TOKEN", "CONTROL_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Said:
        code = main(list(arguments))
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Said(code, printed.out, printed.err)

    return run


@pytest.fixture
def control(offline: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``control ARGUMENTS`` as the operator of ``url``."""
    monkeypatch.setenv("CONTROL_URL", url)
    monkeypatch.setenv("CONTROL_TOKEN", OPERATOR)
    return offline


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy file."""
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    return file
