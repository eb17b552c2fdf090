"""A port that nobody has."""

import socket


def free_port() -> int:
    """On loopback; somebody else may take it before it is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
