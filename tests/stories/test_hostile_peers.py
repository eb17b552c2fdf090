"""Garbage on every port: a clear refusal or a closed door, bounded memory, and the others undisturbed."""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .conftest import Stack, raw_exchange

NOISE = random.Random(7).randbytes(200_000)
GARBAGE = {
    "noise": NOISE,
    "zeros": bytes(100_000),
    "tls hello": bytes.fromhex("16030100a5010000a10303") + NOISE[:160],
    "huge frame": b"\xff\xff\xff\xff" + NOISE[:1000],
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + NOISE[:100],
    "endless head": b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 40_000,
    "endless line": b"GET /" + b"a" * 300_000,
    "half a request": b"GET / HTTP/1.1\r\nHost:",
}


def rss_mib(pid: int) -> float:
    """Resident memory of a process, from /proc."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_garbage_on_every_port(mesh_stack: Stack) -> None:
    """The sidecar's two ports, control's HTTP port and the push socket survive it, and go on working meanwhile."""
    stack = mesh_stack
    token = stack.token("orders:read")
    ports = [stack.urls["orders"], stack.admins["orders"], stack.operator["CONTROL_URL"], stack.push]
    before = {name: rss_mib(stack.processes.pid(name)) for name in ("orders", "control")}
    attempts = [(port, data) for port in ports for data in GARBAGE.values() for _ in range(3)]
    with ThreadPoolExecutor(16) as attackers:
        answers = attackers.map(lambda attempt: raw_exchange(*attempt), attempts)
        assert stack.get("orders", "/orders/7", token).status_code == 200
        assert "orders" in stack.control("status")
        for (port, data), answer in zip(attempts, answers, strict=True):
            assert not answer.startswith(b"HTTP/1.1 2"), (port, data[:20], answer[:100])
    assert stack.get("orders", "/orders/7", token).status_code == 200
    assert "orders" in stack.control("status")
    for name, mib in before.items():
        assert rss_mib(stack.processes.pid(name)) < mib + 24
        assert "Traceback" not in stack.processes.log(name)
