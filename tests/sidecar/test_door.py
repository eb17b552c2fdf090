"""Listening sockets: opened with a sentence, closed with nobody lost."""

import socket

import pytest
import trio

from sidecar.door import Door, DoorError, Handler, bound, open_sockets, url
from sidecar.workers.parent import hold


def test_an_address_that_is_taken_is_said() -> None:
    """With the setting's name and what to do."""
    first = open_sockets("listen", "127.0.0.1:0")
    first[0].listen()
    where = url(first[0]).removeprefix("http://")
    with pytest.raises(
        DoorError, match=f"listen {where}: Address already in use; choose another address with --listen"
    ):
        open_sockets("listen", where)
    with pytest.raises(DoorError, match="Address already in use"):
        hold("listen", where)
    first[0].close()
    with pytest.raises(DoorError, match="admin nowhere"):
        open_sockets("admin", "nowhere.invalid:1")


def test_a_port_that_workers_share_is_held_for_nobody_else() -> None:
    """Two of ours share it; a second parent is refused, since it would take half of the requests."""
    (held,) = hold("listen", "127.0.0.1:0")
    where = held.getsockname()
    workers = [bound(held.family, where, shared=True) for _ in range(2)]
    for worker in workers:
        worker.listen()
    with pytest.raises(DoorError, match="Address already in use"):
        hold("listen", url(held).removeprefix("http://"))
    for one in (held, *workers):
        one.close()


def test_urls() -> None:
    """As they can be typed."""
    (one,) = open_sockets("listen", "127.0.0.1:0")
    assert url(one, "https") == f"https://127.0.0.1:{one.getsockname()[1]}"
    one.close()


async def test_whoever_is_in_the_queue_is_served(nursery: trio.Nursery) -> None:
    """Connections that the kernel took before the door closed are accepted; who comes later is refused."""
    sockets = open_sockets("listen", "127.0.0.1:0")
    where = sockets[0].getsockname()
    door = Door(sockets)
    served = 0

    async def handler(stream: trio.SocketStream) -> None:
        nonlocal served
        await stream.send_all(b"hello")
        await stream.aclose()
        served += 1

    clients = [socket.create_connection(where) for _ in range(100)]
    door.close.set()
    async with trio.open_nursery() as handlers:
        await door.serve(handler, handlers)
        assert door.closed.is_set()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where, timeout=1)
    assert served == 100
    for client in clients:
        assert client.recv(5) == b"hello"
        client.close()


async def test_all_have_begun_when_the_door_is_closed(nursery: trio.Nursery) -> None:
    """Or a drain would find nobody left, and cut the last who came. The loop shuffles its tasks, so many times."""
    for _ in range(30):
        sockets = open_sockets("listen", "127.0.0.1:0")
        door, where = Door(sockets), sockets[0].getsockname()
        begun: list[trio.SocketStream] = []
        nursery.start_soon(door.serve, _begin(begun), nursery)
        await trio.testing.wait_all_tasks_blocked()
        clients = [socket.create_connection(where) for _ in range(3)]
        door.close.set()
        await door.closed.wait()
        assert len(begun) == 3
        for one in (*clients, *(stream.socket for stream in begun)):
            one.close()


def _begin(begun: list[trio.SocketStream]) -> Handler:
    async def handler(stream: trio.SocketStream) -> None:
        begun.append(stream)
        await trio.lowlevel.checkpoint()

    return handler


async def test_it_serves_until_it_is_closed(nursery: trio.Nursery) -> None:
    """What was accepted outlives the door."""
    sockets = open_sockets("listen", "127.0.0.1:0")
    door = Door(sockets)

    async def echo(stream: trio.SocketStream) -> None:
        async with stream:
            async for data in stream:
                await stream.send_all(data)

    nursery.start_soon(door.serve, echo, nursery)
    async with await trio.open_tcp_stream(*sockets[0].getsockname()) as client:
        await client.send_all(b"a")
        assert await client.receive_some() == b"a"
        door.close.set()
        await door.closed.wait()
        await client.send_all(b"b")
        assert await client.receive_some() == b"b"


async def test_a_crowd_is_let_in_together(nursery: trio.Nursery) -> None:
    """A process with much to do comes to its door rarely: a hundred who wait there do not wait for a hundred turns."""
    door = Door(sockets := open_sockets("listen", "127.0.0.1:0"))
    crowd = [socket.create_connection(sockets[0].getsockname()) for _ in range(100)]
    inside = turns = 0

    async def handler(stream: trio.SocketStream) -> None:
        nonlocal inside
        inside += 1
        await stream.aclose()

    nursery.start_soon(door.serve, handler, nursery)
    while inside < len(crowd):
        turns += 1
        await trio.lowlevel.checkpoint()
    assert turns < 20
    for one in crowd:
        one.close()
    door.close.set()
    await door.closed.wait()
