"""One worker: a data plane whose admin endpoint is a channel to the parent.

It is started by the parent alone. Its settings come over the channel, so that a worker that takes a dead one's place
runs what the others run, whatever became of files and variables since. When the parent is gone it drains.
"""

import base64
import pickle
import socket
import sys
from functools import partial
from typing import Any

import trio

from sidecar import garbage
from sidecar.app import Place, run_sidecar, told
from sidecar.door import bound
from sidecar.life import Life
from sidecar.observe.journal import write_journal
from sidecar.observe.pages import Pages
from sidecar.settings import Settings

from .channel import Channel
from .lines import WholeLines


def main() -> int:
    """``argv[1]`` is the channel's descriptor. The exit code is as that of ``sidecar run``."""
    write_journal()
    return told(partial(trio.run, _run, socket.socket(fileno=int(sys.argv[1]))))


def package(settings: Settings, number: int, addresses: list[tuple[int, Any]]) -> dict[str, Any]:
    """The first message to a worker."""
    pickled = base64.b64encode(pickle.dumps(settings)).decode()
    return {"settings": pickled, "number": number, "addresses": addresses}


async def _run(end: socket.socket) -> int:
    channel, life = Channel(end), Life()
    first = await channel.receive()
    if first is None:
        return 1
    settings: Settings = pickle.loads(base64.b64decode(first["settings"]))  # noqa: S301  # from our own parent
    sockets = [bound(family, where, shared=True) for family, where in first["addresses"]]
    place = Place(sockets, partial(_answer, channel, life), WholeLines(sys.stdout.fileno()), first["number"])
    garbage.settle()
    async with trio.open_nursery() as nursery:
        await nursery.start(life.listen)

        def started() -> None:
            nursery.start_soon(channel.send, {"started": True})

        whole = await run_sidecar(settings, life, place, started)
        nursery.cancel_scope.cancel()
    await channel.aclose()
    return 0 if whole else 1


async def _answer(channel: Channel, life: Life, pages: Pages) -> None:
    """Do what the parent says, tell what it asks."""
    while (said := await channel.receive()) is not None:
        match said:
            case {"do": "drain"}:
                pages.drain()
            case {"do": "cut"}:
                life.end()
            case {"do": "reload"}:
                life.reload()
            case {"ask": "ready", "id": number}:
                await channel.send({"id": number, "answer": await pages.ready()})
            case {"ask": "metrics", "id": number}:
                await channel.send({"id": number, "answer": (await pages.metrics()).decode()})
            case {"ask": "snapshot", "id": number}:
                await channel.send({"id": number, "answer": await pages.snapshot()})
            case _:
                raise AssertionError("the parent said what no worker knows")
    pages.drain()


if __name__ == "__main__":
    sys.exit(main())
