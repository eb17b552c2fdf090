"""The parts of several workers: what they say together, the channel, whole lines, who follows the first."""

import json
import os
import select
import signal
import socket
from pathlib import Path
from typing import Any

import trio
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

from sidecar.enrolment import Follower
from sidecar.life import Life
from sidecar.link import LinkStatus
from sidecar.settings import load
from sidecar.workers.channel import Channel
from sidecar.workers.lines import WholeLines
from sidecar.workers.parent import HUNG_AFTER, LOOK_EVERY_S, Parent, Worker
from sidecar.workers.together import one_exposition, one_report


def report(**changes: Any) -> dict[str, Any]:
    """A worker that is well."""
    return {"ready": True, "service": "orders", "version": 7, "draining": False, **changes}


def test_all_are_ready_or_none_is() -> None:
    """On top stands the one that is worst off."""
    both = one_report({1: report(), 2: report(version=6)}, "orders", draining=False)
    assert (both["ready"], both["version"], [w["worker"] for w in both["workers"]]) == (True, 6, [1, 2])
    one = one_report({1: report(), 2: report(ready=False, version=None)}, "orders", draining=False)
    assert (one["ready"], one["version"]) == (False, None)
    silent = one_report({1: report(), 2: None}, "orders", draining=False)
    assert (silent["ready"], silent["workers"][1]["last_error"]) == (False, "no answer")
    assert not one_report({}, "orders", draining=False)["ready"]
    assert not one_report({1: report()}, "orders", draining=True)["ready"]


def test_metrics_of_several_are_one_exposition() -> None:
    """Each family once, each sample with its worker, whatever is in its other labels."""
    first = '# HELP a_total A\n# TYPE a_total counter\na_total{r="/{x}} 1"} 2.0\n# HELP b B\n# TYPE b gauge\nb 1.0\n'
    second = '# HELP a_total A\n# TYPE a_total counter\na_total{r="/y"} 3.0\n# HELP b B\n# TYPE b gauge\nb 5.0\n'
    text = one_exposition({1: first, 2: second})
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples == {
        ("a_total", ("r", "/{x}} 1"), ("worker", "1")): 2.0,
        ("a_total", ("r", "/y"), ("worker", "2")): 3.0,
        ("b", ("worker", "1")): 1.0,
        ("b", ("worker", "2")): 5.0,
    }
    assert text.count("# TYPE") == 2
    assert one_exposition({}) == ""


async def test_messages_arrive_whole() -> None:
    """Large ones, several at once, and None at the end; nobody there is no error."""
    ours, theirs = (Channel(end) for end in socket.socketpair())
    messages = [{"n": number, "text": "é\n" * 100_000} for number in range(3)]
    async with trio.open_nursery() as nursery:
        for message in messages:
            nursery.start_soon(ours.send, message)
        received = [await theirs.receive() for _ in messages]
    assert sorted(received, key=lambda message: int(message["n"]) if message else 0) == messages
    await ours.aclose()
    assert await theirs.receive() is None
    await theirs.send({"to": "nobody"})
    await theirs.aclose()


def test_lines_are_written_whole() -> None:
    """In pieces that a pipe takes at once; nothing is lost."""
    read, write = os.pipe()
    text = "".join(json.dumps({"n": number, "pad": "x" * 90}) + "\n" for number in range(300))
    pieces: list[bytes] = []

    class Watched(WholeLines):
        def _put(self, data: bytes) -> None:
            pieces.append(data)
            super()._put(data)

    sink = Watched(write)
    sink.write(text)
    sink.flush()
    assert os.read(read, 1 << 20).decode() == text
    assert all(len(piece) <= select.PIPE_BUF and piece.endswith(b"\n") for piece in pieces)
    long = "y" * (select.PIPE_BUF + 1) + "\n"
    sink.write("a\n" + long + "b\n")
    assert os.read(read, 1 << 20).decode() == "a\n" + long + "b\n"
    os.close(read)
    os.close(write)


class FakeLink:
    """Counts; ``run`` sleeps for ever, as a link does."""

    made = 0

    def __init__(self) -> None:
        FakeLink.made += 1
        self.status = LinkStatus(last_contact=FakeLink.made)
        self.running = False

    async def restore(self) -> bool:
        """There is a snapshot."""
        return True

    def request_refresh(self, issuer: str) -> None:
        """Nobody listens."""

    async def run(self) -> None:
        """For ever."""
        self.running = True
        await trio.sleep_forever()


async def test_a_follower_waits_for_the_identity_and_comes_back_with_a_new_one(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: object
) -> None:
    """No link before the first worker has joined; another one whenever the identity changes."""
    identity = tmp_path / "identity"
    FakeLink.made = 0
    follower = Follower(FakeLink, identity)
    await follower.restore()
    assert follower.status == LinkStatus()
    nursery.start_soon(follower.run)
    await trio.sleep(10)
    assert FakeLink.made == 0
    for number in (1, 2, 3):
        (tmp_path / "new").write_bytes(b"%d" % number)
        (tmp_path / "new").replace(identity)
        await trio.sleep(10)
        assert (FakeLink.made, follower.status.last_contact) == (number, number)


async def test_a_worker_that_answers_nothing_is_killed(autojump_clock: MockClock) -> None:
    """Stopped or hung, it would keep the callers that the kernel deals to it; and what it is told blocks nobody."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = await trio.lowlevel.open_process(["sleep", "1000"])
        worker = Worker(process, Channel(ours))
        worker.started.set()
        addresses: list[tuple[int, Any]] = []
        parent = Parent(load({"service": "orders", "snapshot": "policy"}, {}), addresses, Life())
        await parent._look_after(1, worker)
        assert trio.current_time() >= HUNG_AFTER * LOOK_EVERY_S
        assert await process.wait() == -signal.SIGKILL
        await worker.channel.aclose()


async def test_a_torn_line_is_the_last(autojump_clock: MockClock) -> None:
    """A message that could not be written whole is not followed by another, which would be read as its end."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    with theirs:
        with trio.move_on_after(1):
            await channel.send({"do": "x" * 10_000_000})
        await channel.send({"do": "drain"})
        received = b""
        theirs.setblocking(False)
        while select.select([theirs], [], [], 0)[0]:
            received += theirs.recv(1 << 20)
        assert b"drain" not in received
    await channel.aclose()
