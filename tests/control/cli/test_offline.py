"""What the command says before, or without, talking to anyone."""

import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from control.cli import client
from control.cli.failure import Failure

from .conftest import OPERATOR, Run


def test_check_needs_no_control(offline: Run, policy: Path) -> None:
    """A sound policy is exit 0, without a network and without a credential."""
    said = offline("check", str(policy))
    assert said.code == 0
    assert "ok" in said.out


def test_check_names_the_line(offline: Run, policy: Path) -> None:
    """A mistake is exit 1 with file and line, on stderr."""
    policy.write_text(policy.read_text().replace("access: public", "acess: public"))
    said = offline("check", str(policy))
    assert (said.code, said.out) == (1, "")
    assert f"{policy}:8:" in said.err
    machine = offline("check", str(policy), "-o", "json")
    assert (machine.code, machine.json["ok"], machine.json["problems"][0]["line"]) == (1, False, 8)


def test_check_runs_the_tests(offline: Run, policy: Path) -> None:
    """A policy that contradicts its own tests is exit 1."""
    test = "tests:\n  - {service: orders, request: {path: /orders/7}, expect: allow}\n"
    policy.write_text(policy.read_text() + test)
    said = offline("check", str(policy))
    assert said.code == 1
    assert "missing_token" in said.out


def test_replay_needs_a_log_of_decisions(offline: Run, policy: Path, tmp_path: Path) -> None:
    """Without one it says how to come by one; half a line is named; what is not there is told."""
    log = tmp_path / "log"
    log.write_text('{"kind":"access"}\n')
    said = offline("replay", str(policy), "--decisions", str(log))
    assert (said.code, said.out) == (1, "")
    assert "SIDECAR_DECISIONS=on" in said.err
    log.write_text('{"kind":"access"}\n{"kind":"decision","service":7}\n')
    assert f"{log}:2: " in offline("replay", str(policy), "--decisions", str(log)).err
    assert "No such file" in offline("replay", str(policy), "--decisions", str(tmp_path / "none")).err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["pusj"], 2, "Did you mean 'push'"),
        (["push"], 2, "Missing argument"),
        (["rollback", "abc"], 2, "VERSION"),
        (["rollback", "0"], 2, "VERSION"),
        (["check", "/nowhere/policy.yaml"], 1, "no file"),
        (["push", "/nowhere/policy.yaml"], 1, "no file"),
        (["join-token"], 2, "control join-token SERVICE"),
        (["join-token", "orders", "--list"], 2, "Say one of"),
        (["join-token", "orders", "--expires", "soon"], 2, "not a duration"),
        (["app", "show", "a/b"], 2, "by its id"),
        (["app", "update", "x"], 2, "Nothing to change"),
        (["revoke"], 2, "Say one of"),
        (["revoke", "--jti", "a", "--app", "b"], 2, "Say one of"),
        (["revoke", "--jti", "a", "--issued-before", "1"], 2, "for good"),
        (["revoke", "--issued-before", "yesterday"], 2, "not a time"),
        (["explain", "orders", "GET", "/", "--header", "x"], 2, "'Name: value'"),
        (["explain", "orders", "GET", "/", "--header", "X: 1", "--header", "X: 2"], 2, "--header X twice"),
        (["explain", "orders", "GET", "/", "--token", "a", "--token-file", "b"], 2, "exclude each other"),
        (["explain", "orders", "GET", "/", "--token-file", "/nowhere"], 2, "No such file"),
        (["serve", "--http", "7000"], 2, "--http: '7000' is not HOST:PORT"),
        (["serve", "--token", OPERATOR], 2, "process list"),
        (["serve", "--database", "postgresql://x/y"], 2, "set public_url too"),
        (["history", "-o", "xml"], 2, "xml"),
    ],
)
def test_a_mistake_is_a_sentence(
    offline: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, says: str
) -> None:
    """What is wrong is said on stderr, and what was asked is known not to have happened."""
    monkeypatch.setenv("CONTROL_TOKEN", OPERATOR)
    monkeypatch.setenv("CONTROL_URL", "http://127.0.0.1:1")
    said = offline(*arguments)
    assert (said.code, said.out) == (code, "")
    assert says in said.err
    assert OPERATOR not in said.err


def test_without_a_credential_it_says_what_to_set(offline: Run) -> None:
    """The variable is named."""
    said = offline("status")
    assert said.code == 2
    assert "CONTROL_TOKEN" in said.err


def test_a_port_that_speaks_something_else(offline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who took the push socket for the API is told so, and not the name of a class."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        abrupt = struct.pack("ii", 1, 0)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abrupt)  # closes with a reset, as TLS that met no TLS
        monkeypatch.setenv("CONTROL_TOKEN", OPERATOR)
        monkeypatch.setenv("CONTROL_URL", f"http://127.0.0.1:{server.getsockname()[1]}")

        def refuse() -> None:
            with server.accept()[0] as connection:
                connection.recv(65536)

        closing = threading.Thread(target=refuse)
        closing.start()
        said = offline("status")
        closing.join()
    assert said.code == 3
    assert "push socket" in said.err or "closed the connection" in said.err


def test_a_control_that_is_not_there(offline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 3, with where it was looked for."""
    monkeypatch.setenv("CONTROL_TOKEN", OPERATOR)
    monkeypatch.setenv("CONTROL_URL", "http://127.0.0.1:1")
    said = offline("status")
    assert said.code == 3
    assert "http://127.0.0.1:1" in said.err
    assert "CONTROL_URL" in said.err


@pytest.mark.parametrize("url", ["control", "ftp://x", "http://", "http://x:0", "http://x:99999", "http://[::1"])
def test_a_url_that_is_none(url: str) -> None:
    """Exit 2, before anything is sent."""
    with pytest.raises(Failure, match="CONTROL_URL") as caught:
        client.Client({"CONTROL_URL": url, "CONTROL_TOKEN": OPERATOR})
    assert caught.value.exit_code == 2


def test_the_credential_from_a_file(tmp_path: Path) -> None:
    """CONTROL_TOKEN_FILE is read whole, and one that cannot be read is named."""
    file = tmp_path / "token"
    file.write_text(OPERATOR + "\n")
    with client.Client({"CONTROL_TOKEN_FILE": str(file)}) as made:
        assert made.url == client.DEFAULT_URL
    with pytest.raises(Failure, match="/nowhere"):
        client.Client({"CONTROL_TOKEN_FILE": "/nowhere"})


def test_help_and_check_import_little() -> None:
    """``control --help`` loads no HTTP client, no web framework and no database."""
    heavy = "{'httpx', 'fastapi', 'sqlalchemy', 'trio', 'hypercorn', 'yaml', 'cryptography'}"
    code = f"import sys, control.cli; control.cli.main(['--help']); sys.exit(sorted({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ})
    assert (done.returncode, done.stderr) == (0, "")


def test_compile_says_whose_tokens_the_file_does_not_know(offline: Run, policy: Path, tmp_path: Path) -> None:
    """The built-in issuer's keys are control's; a sidecar that runs from the file refuses its tokens."""
    said = offline("compile", str(policy), "orders", "--out", str(tmp_path / "orders.snapshot"))
    assert (said.code, "the keys of 'own' are control's" in said.err) == (0, True)
