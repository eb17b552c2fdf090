"""Large bodies stream through; the sidecar's memory does not notice."""

import hashlib
from collections.abc import Iterator

from .conftest import Stack
from .test_hostile_peers import rss_mib

MIB = 2**20
GIB = 1024 * MIB


def blocks(total: int) -> Iterator[bytes]:
    """``total`` bytes in pieces of 1 MiB."""
    block = bytes(range(256)) * 4096
    for _ in range(total // MIB):
        yield block


def test_a_gibibyte_up_in_under_60_mib(mesh_stack: Stack) -> None:
    """A chunked 1 GiB upload arrives whole while the sidecar stays small."""
    stack = mesh_stack
    token = stack.token()
    peaks: list[float] = []

    def watched() -> Iterator[bytes]:
        for number, block in enumerate(blocks(GIB)):
            if number % 64 == 0:
                peaks.append(rss_mib(stack.processes.pid("orders")))
            yield block

    sent = hashlib.sha256()
    for block in blocks(GIB):
        sent.update(block)
    answer = stack.http.post(
        stack.urls["orders"] + "/upload", content=watched(), headers={"Authorization": f"Bearer {token}"}, timeout=120
    )
    assert answer.status_code == 200
    assert (answer.json()["size"], answer.json()["sha256"]) == (GIB, sent.hexdigest())
    assert max(peaks) < 60, peaks


def test_a_large_download_arrives_whole(mesh_stack: Stack) -> None:
    """100 MiB down, byte for byte, in bounded memory."""
    stack = mesh_stack
    answer = stack.get("orders", f"/bytes/{100 * MIB}", stack.token())
    assert answer.content == b"x" * (100 * MIB)
    assert rss_mib(stack.processes.pid("orders")) < 60
