"""Real processes on loopback: the mesh as a user runs it, without containers."""

import json
import secrets
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from control.testing.processes import BIN, Processes, command

POLICY = """\
trust_domain: shop.test
issuers:
  own: {builtin: true}
services:
  orders:
    routes:
      - {path: /public/**, access: public}
      - {path: /admin/**, require: {scopes: [admin]}}
      - {path: "/orders/{id}", methods: [GET], require: {scopes: [orders:read]}}
      - {path: /**}
"""

ECHO = Path(__file__).with_name("echo_service.py")


class Stack:
    """Control, any number of sidecars, each before the echo service; and an operator's hands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes = Processes(folder)
        self.operator = {"CONTROL_TOKEN": secrets.token_urlsafe(32)}
        self.push = ""
        self.urls: dict[str, str] = {}
        self.admins: dict[str, str] = {}
        self.commands: dict[str, list[str]] = {}
        self.http = httpx.Client(timeout=10, trust_env=False)

    def start_control(self) -> None:
        """The first time on free ports, then again on the same ones."""
        http = self.operator.get("CONTROL_URL", "http://127.0.0.1:0").removeprefix("http://")
        push = self.push or "127.0.0.1:0"
        ready = self.processes.start(
            "control",
            [str(BIN / "control"), "serve", "--http", http, "--push", push, "--data", str(self.folder / "data")],
            r"control ready: http (\S+)\s+push (\S+)",
            self.operator,
        )
        self.operator["CONTROL_URL"], self.push = ready[1], ready[2]

    def control(self, *arguments: str, expect: int | None = 0) -> str:
        """What one ``control`` command printed (both streams)."""
        done = command(str(BIN / "control"), *arguments, env=self.operator, expect=expect)
        return done.stdout + done.stderr

    def control_json(self, *arguments: str) -> Any:
        """What one ``control -o json`` command printed."""
        return json.loads(command(str(BIN / "control"), "-o", "json", *arguments, env=self.operator).stdout)

    def policy(self, text: str = POLICY, name: str = "policy.yaml") -> Path:
        """A policy file with this text."""
        path = self.folder / name
        path.write_text(text)
        return path

    def start_echo(self) -> str:
        """The echo service; its URL."""
        return self.processes.start("echo", [sys.executable, "-u", str(ECHO)], r"listening on (\S+)")[1]

    def add_sidecar(self, name: str, service: str, upstream: str, *extra: str, uses: int = 1) -> None:
        """A sidecar called ``name`` beside ``service``, joined with a token of its own."""
        token = self.folder / f"{name}.join"
        token.touch(mode=0o600)
        token.write_text(self.control("join-token", service, "--uses", str(uses)))
        self.commands[name] = [
            *(str(BIN / "sidecar"), "run", "--service", service, "--upstream", upstream, "--control", self.push),
            *("--join-token-file", str(token), "--state-dir", str(self.folder / f"{name}-state"), *extra),
        ]
        self.start_sidecar(name)

    def start_sidecar(self, name: str) -> None:
        """Starts it, or starts it again where it was."""
        listen = self.urls.get(name, "http://127.0.0.1:0").removeprefix("http://")
        admin = self.admins.get(name, "http://127.0.0.1:0").removeprefix("http://")
        ready = self.processes.start(
            name,
            [*self.commands[name], "--listen", listen, "--admin", admin],
            r"sidecar up: .*listen (\S+)\s+admin (\S+)",
        )
        self.urls[name], self.admins[name] = ready[1], ready[2]

    def token(self, *scopes: str) -> str:
        """A token of the built-in issuer for an application that is made for it."""
        name = f"app-{secrets.token_hex(4)}"
        self.control("app", "add", name, *(part for scope in scopes for part in ("--scope", scope)))
        return self.control("token", "issue", "--app", name).strip()

    def get(self, name: str, path: str, token: str | None = None) -> httpx.Response:
        """One request through the sidecar ``name``."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.http.get(self.urls[name] + path, headers=headers)

    def ready(self, name: str) -> dict[str, Any]:
        """What ``/ready`` of a sidecar says."""
        said: dict[str, Any] = self.http.get(self.admins[name] + "/ready").json()
        return said


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Control is running with no policy yet."""
    made = Stack(tmp_path)
    with made.processes:
        made.start_control()
        yield made
    made.http.close()


@pytest.fixture
def mesh_stack(stack: Stack) -> Stack:
    """Control with the policy above, the echo service, and one sidecar, ``orders``, that has joined."""
    stack.add_sidecar("orders", "orders", stack.start_echo())
    stack.control("push", str(stack.policy()), "--wait")
    return stack


def raw_exchange(url: str, data: bytes, limit: int = 65536) -> bytes:
    """Sends bytes to a port as they are and returns what comes back until the peer closes (or 3 s pass)."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=3) as peer:
        try:
            peer.sendall(data)
            while len(received) < limit and (more := peer.recv(65536)):
                received += more
        except (ConnectionError, TimeoutError):
            pass
    return received
