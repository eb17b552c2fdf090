"""WebSockets and another upgrade, with the libraries that people use on both sides."""

import json
import os
import socket
import subprocess
from contextlib import ExitStack
from typing import Any

import pytest

from control.testing.processes import Processes

from . import services
from .clients import PROGRAMS
from .conftest import Sidecar, require, require_module

pytestmark = pytest.mark.peers


def connect(url: str, **extra: Any) -> Any:
    """The ``websockets`` library's client, which blocks."""
    require_module("websockets")
    from websockets.sync.client import connect

    return connect(url.replace("http://", "ws://"), proxy=None, max_size=None, open_timeout=20, **extra)


def test_messages_both_ways(before_websockets: Sidecar) -> None:
    """Text, bytes, nothing, fragments and a large one come back as they went; both agree on deflate and a protocol."""
    with connect(
        before_websockets.url + "/chat?a=b", additional_headers=before_websockets.bearer, subprotocols=["chat"]
    ) as peer:
        assert peer.subprotocol == "chat"
        large = os.urandom(3_000_000)
        for message in ("hello", b"\x00\xff", "", "é" * 70_000, large):
            peer.send(message)
            assert peer.recv(20) == message
        peer.send(part for part in ("in ", "three ", "parts"))
        assert peer.recv(20) == "in three parts"
        assert "permessage-deflate" in peer.response.headers["Sec-WebSocket-Extensions"]


def test_the_handshake_carries_the_caller(before_websockets: Sidecar) -> None:
    """The server sees who calls and not the token; identity that the caller made up is gone."""
    headers = {**before_websockets.bearer, "X-Auth-Subject": "mallory"}
    with connect(before_websockets.url + "/chat?a=b", additional_headers=headers) as peer:
        peer.send("seen")
        seen = json.loads(peer.recv(20))
    fields = dict(seen["headers"])
    assert (seen["path"], fields["x-auth-subject"]) == ("/chat?a=b", "peer")
    assert "authorization" not in fields


def test_pings_and_close_codes_pass(before_websockets: Sidecar) -> None:
    """Control frames are the business of the two ends."""
    from websockets.exceptions import ConnectionClosedError

    with connect(before_websockets.url + "/chat", additional_headers=before_websockets.bearer) as peer:
        assert peer.ping().wait(20)
        peer.send("ping")
        assert peer.recv(20) == "ponged"
        peer.send("close")
        with pytest.raises(ConnectionClosedError) as closed:
            peer.recv(20)
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "as told")


def test_a_refused_handshake_is_an_answer(before_websockets: Sidecar) -> None:
    """Without a token there is no tunnel, and the library can say why."""
    require_module("websockets")
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as refused:
        connect(before_websockets.url + "/chat")
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["reason"] == "missing_token"


def test_fifty_at_once_and_none_stays(before_websockets: Sidecar) -> None:
    """Tunnels are independent, and counted down again when they end."""
    with ExitStack() as open_ones:
        url, bearer = before_websockets.url + "/chat", before_websockets.bearer
        dials = [connect(url, additional_headers=bearer) for _ in range(50)]
        peers = [open_ones.enter_context(dial) for dial in dials]
        for number, peer in enumerate(peers):
            peer.send(str(number))
        assert [peer.recv(20) for peer in peers] == [str(number) for number in range(50)]
    for _ in range(2000):  # each look is a request to the sidecar
        if not before_websockets.gauge("sidegate_connections"):
            break
    assert before_websockets.gauge("sidegate_connections") == 0
    assert before_websockets.gauge("sidegate_in_flight") == 0
    assert before_websockets.gauge("sidegate_upstream_connections") == 0


def test_uvicorns_websockets(before_uvicorn: Sidecar) -> None:
    """An ASGI application's own, on the connection that also serves its HTTP."""
    with connect(before_uvicorn.url + "/socket") as peer:
        for message in ("hello", b"\x00\xff", os.urandom(1_000_000)):
            peer.send(message)
            assert peer.recv(20) == message


def test_another_protocol(before_node: Sidecar) -> None:
    """A protocol of our own on Node's http: bytes both ways, and each side's end passed on."""
    host, _, port = before_node.url.removeprefix("http://").rpartition(":")
    fields = f"Host: s\r\nConnection: Upgrade\r\nUpgrade: shout\r\nAuthorization: Bearer {before_node.token}\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as peer:
        peer.sendall(f"GET /shout HTTP/1.1\r\n{fields}\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += peer.recv(4096)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"x-seen: peer" in head.lower()
        peer.sendall(b"hello")
        assert peer.recv(5, socket.MSG_WAITALL) == b"HELLO"
        peer.sendall(b"bye now")
        peer.shutdown(socket.SHUT_WR)
        assert peer.makefile("rb").read() == b"BYE NOWBYE"


def test_nodes_client_upgrades(before_node: Sidecar) -> None:
    """Node's http on both sides."""
    require("node")
    done = subprocess.run(
        ["node", str(PROGRAMS / "upgrade.mjs"), before_node.url, before_node.token],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "101 shout peer HELLO\n"


def test_through_nginx(before_uvicorn: Sidecar, processes: Processes) -> None:
    """nginx as an ingress before the sidecar."""
    require("nginx")
    require_module("websockets")
    from websockets.sync.client import unix_connect

    address = before_uvicorn.url.removeprefix("http://")
    path = services.start_nginx(processes.folder / "ingress", processes, services.FRONT, address=address)
    with unix_connect(path.removeprefix("unix:"), "ws://service/socket", open_timeout=20) as peer:
        peer.send("hello")
        assert peer.recv(20) == "hello"
