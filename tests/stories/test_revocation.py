"""An operator revokes, and is told where it is in force; whoever was away or stuck gets it later, and only it."""

import base64
import json
import signal
import socket
from pathlib import Path

from .conftest import Stack


def version(stack: Stack, name: str) -> int:
    """What a sidecar enforces."""
    found = stack.ready(name)["version"]
    assert isinstance(found, int)
    return found


def test_a_revocation_is_told_where_it_is_in_force_and_who_is_missing(mesh_stack: Stack) -> None:
    """Receipt and exit code; a sidecar that hangs is named, and has it as soon as it goes on."""
    stack = mesh_stack
    stack.add_sidecar("orders-2", "orders", stack.commands["orders"][5])
    app = stack.control_json("app", "add", "web", "--scope", "orders:read")
    token, other = stack.control("token", "issue", "--app", "web").strip(), stack.token("orders:read")
    names = ("orders", "orders-2")
    for name in names:  # it is in both caches now
        assert [stack.get(name, "/orders/7", one).status_code for one in (token, token, other)] == [200, 200, 200]
    said = stack.control("revoke", "--subject", app["client_id"], "--wait")
    assert "in force on 2 of 2 after" in said
    assert [stack.get(name, "/orders/7", token).status_code for name in names] == [401, 401]
    assert [stack.get(name, "/orders/7", other).status_code for name in names] == [200, 200]
    stack.processes.signal("orders-2", signal.SIGSTOP)
    said = stack.control("revoke", "--all-of-issuer", "--wait", "--timeout", "1s", expect=1)
    assert "in force on 1 of 2" in said
    assert "has not answered" in said
    assert stack.get("orders", "/orders/7", other).status_code == 401
    stack.processes.signal("orders-2", signal.SIGCONT)
    while stack.get("orders-2", "/orders/7", other).status_code != 401:
        pass  # it is on its way


def test_the_panic_button(mesh_stack: Stack) -> None:
    """Our keys have leaked: one verb, one version, a receipt; every token there was is refused, a new one counts."""
    stack = mesh_stack
    token = stack.token("orders:read")
    assert stack.get("orders", "/orders/7", token).status_code == 200
    before, kids = version(stack, "orders"), {key["kid"] for key in stack.control_json("keys", "list")["keys"]}
    assert "needs --now" in stack.control("keys", "rotate", "--revoke-old", expect=2)
    said = stack.control("keys", "rotate", "--now", "--revoke-old", "--wait")
    assert "a new key signs, and every key before it is revoked\nin force on 1 of 1 after" in said
    assert version(stack, "orders") == before + 1
    assert stack.get("orders", "/orders/7", token).status_code == 401
    assert stack.get("orders", "/orders/7", stack.token("orders:read")).status_code == 200
    keys = stack.control_json("keys", "list")["keys"]
    assert [key["state"] for key in keys if key["kid"] in kids] == ["revoked"]
    assert [key["state"] for key in keys if key["kid"] not in kids] == ["active"]


def test_who_was_away_gets_the_revocation_and_no_new_snapshot(mesh_stack: Stack) -> None:
    """The snapshot on its disk stays the file that it was; the revocation stands beside it, and outlives a crash that
    tore it."""
    stack = mesh_stack
    token, other = stack.token("orders:read"), stack.token("orders:read")
    folder = Path(stack.folder / "orders-state")
    kept = (folder / "last-good").stat()
    stack.processes.kill("orders")
    stack.control("revoke", "--jti", jti(token))
    stack.control("revoke", "--jti", jti(stack.token("orders:read")))
    stack.start_sidecar("orders")
    while stack.get("orders", "/orders/7", token).status_code != 401:
        pass  # it comes back by itself
    reached = version(stack, "orders")
    again = (folder / "last-good").stat()
    assert (again.st_ino, again.st_size) == (kept.st_ino, kept.st_size)
    stack.processes.kill("orders")
    stack.processes.kill("control")
    file = folder / "increments"
    file.write_bytes(file.read_bytes()[:-5])
    stack.start_sidecar("orders")
    assert version(stack, "orders") == reached - 1
    assert stack.get("orders", "/orders/7", token).status_code == 401
    stack.start_control()
    while version(stack, "orders") != reached:
        pass  # control sends the one that was torn
    assert stack.get("orders", "/orders/7", other).status_code == 200
    shown = stack.control_json("explain", "orders", "GET", "/orders/7", "--token", token)
    assert shown["allowed"] is False


def test_an_open_upgrade_ends_when_its_token_is_revoked(mesh_stack: Stack) -> None:
    """Also one that has been silent all along."""
    stack = mesh_stack
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    stack.add_sidecar("upgrading", "orders", f"http://127.0.0.1:{port}")
    token = stack.token("orders:read")
    host, _, sidecar_port = stack.urls["upgrading"].removeprefix("http://").rpartition(":")
    with listener, socket.create_connection((host, int(sidecar_port)), timeout=20) as caller:
        caller.sendall(
            b"GET /orders/7 HTTP/1.1\r\nHost: orders\r\nConnection: Upgrade\r\nUpgrade: echo\r\n"
            b"Authorization: Bearer " + token.encode() + b"\r\n\r\n"
        )
        service, _ = listener.accept()
        with service:
            assert service.recv(65536).startswith(b"GET /orders/7")
            service.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            assert caller.recv(65536).startswith(b"HTTP/1.1 101")
            service.sendall(b"hello")
            assert caller.recv(5) == b"hello"
            assert "in force on 2 of 2" in stack.control("revoke", "--jti", jti(token), "--wait")
            assert ended(caller)


def ended(peer: socket.socket) -> bool:
    """Did the other end close, orderly or not?"""
    try:
        return peer.recv(65536) == b""
    except ConnectionResetError:
        return True


def jti(token: str) -> str:
    """The token's id."""
    found: str = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["jti"]
    return found
