"""A connection that was accepted and not answered yet: where it comes from, and what can be told without reading."""

import select

import trio

_GONE = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


def address_of(raw: trio.SocketStream) -> str:
    """For people: ``host:port``, ``unix``, or ``gone``."""
    try:
        name = raw.socket.getpeername()
    except OSError:
        return "gone"
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "unix"


def has_spoken(raw: trio.SocketStream) -> bool:
    """Is there something to read, an end or an error included?"""
    return bool(_events(raw, select.POLLIN))


def has_hung_up(raw: trio.SocketStream) -> bool:
    """Has the peer ended or broken the connection? What it sent before may still be there. A handshake costs a
    millisecond of processor, and of a fleet that had to wait many have lost patience."""
    return bool(_events(raw, _GONE) & _GONE)


def _events(raw: trio.SocketStream, wanted: int) -> int:
    poll = select.poll()
    poll.register(raw.socket, wanted)
    return sum(events for _, events in poll.poll(0))
