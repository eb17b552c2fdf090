"""Ten thousand sidecars' ends of the push socket in one process, as cheap as they can be: ``bench/push.py`` starts it.

Each has an identity, a TLS connection and a place on the chain of its own, answers every push and ping, and comes back
after the real link's backoff when its connection is lost. None compiles what it is sent: beside each other on one
processor that would be measured, and in a mesh each sidecar has its own.

Told a line, it answers with a line of JSON:

    connect         nothing; all of them dial
    answers V       when each has acknowledged version V: those times (``time.monotonic``)
    current V       when each is connected and runs V or newer: the times since which each does
    count           how many connections there were, and how many ended before a welcome
"""

import hashlib
import heapq
import itertools
import json
import os
import pickle
import random
import select
import socket
import ssl
import sys
import tempfile
import time
from pathlib import Path

from sidecar.contract.envelope import Sealed
from sidecar.contract.framing import FrameBuffer
from sidecar.contract.messages import (
    CONTROL_NAME,
    MAX_FRAME_TO_SIDECAR,
    Ack,
    Hello,
    Increments,
    InUse,
    Ping,
    Push,
    Welcome,
    decode_to_sidecar,
    frame,
)
from sidecar.contract.snapshot import CAPABILITIES
from sidecar.link.backoff import GOOD_SESSION_S, Backoff

PATIENCE_S = {"connecting": 5.0, "handshake": 10.0, "hello": 15.0}
"""How long the real link waits in each."""
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT


class Sidecar:
    """One of them. ``peer`` is None between connections."""

    def __init__(self, number: int, context: ssl.SSLContext) -> None:
        self.number, self.context = number, context
        self.place: InUse | None = None
        self.backoff = Backoff(random.Random(number))  # noqa: S311  # jitter
        self.peer: socket.socket | None = None
        self.stage, self.since, self.connection = "away", 0.0, 0
        self.frames = FrameBuffer(MAX_FRAME_TO_SIDECAR)
        self.acked_at: dict[int, float] = {}
        self.current_at = 0.0

    def since_when(self, word: str, version: int) -> float | None:
        """Since when it has done what is asked, if it has."""
        if word == "answers":
            return self.acked_at.get(version)
        runs = self.stage == "welcomed" and self.place is not None and self.place.version >= version
        return self.current_at if runs else None

    def enter(self, stage: str) -> None:
        """The next stage, from now."""
        self.stage, self.since = stage, time.monotonic()


class Fleet:
    """All of them, in one loop over epoll."""

    def __init__(self, address: tuple[str, int], sidecars: list[Sidecar], service: str) -> None:
        self._address, self._service, self._sidecars = address, service, sidecars
        self._poll = select.epoll()
        self._here: dict[int, Sidecar] = {}
        self._due: list[tuple[float, int, str, int]] = []
        self._decoded: dict[bytes, Push | Increments] = {}
        self._asked: tuple[str, int] | None = None
        self._sure = 0  # of so many, in their order, it is known that they have done what was asked
        self._dialled = self._lost = 0

    def run(self) -> None:
        """Until standard input ends."""
        self._poll.register(0, _READ)
        while True:
            wait = min(0.05, max(0.0, self._due[0][0] - time.monotonic())) if self._due else 0.05
            for descriptor, _ in self._poll.poll(wait):
                if descriptor == 0:
                    line = os.read(0, 4096).decode()
                    if not line:
                        return
                    for command in line.splitlines():
                        self._obey(command)
                elif (sidecar := self._here.get(descriptor)) is not None:
                    try:
                        self._step(sidecar)
                    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                        pass
                    except OSError:
                        self._lose(sidecar)
            self._whatever_is_due()
            self._tell_if_so()

    def _obey(self, command: str) -> None:
        word, _, number = command.partition(" ")
        if word == "connect":
            for sidecar in self._sidecars:
                self._later(sidecar, sidecar.backoff.failed(), "away")
        elif word == "count":
            print(json.dumps({"dialled": self._dialled, "lost": self._lost}), flush=True)
        else:
            self._asked, self._sure = (word, int(number)), 0

    def _tell_if_so(self) -> None:
        if self._asked is None:
            return
        word, version = self._asked
        times = list[float]()
        for one in itertools.islice(self._sidecars, self._sure, None):
            if one.since_when(word, version) is None:
                return
            self._sure += 1
        for one in self._sidecars:
            at = one.since_when(word, version)
            if at is None:  # lost again meanwhile
                self._sure = 0
                return
            times.append(at)
        self._asked = None
        print(json.dumps(times), flush=True)

    def _later(self, sidecar: Sidecar, seconds: float, stage: str) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, sidecar.number, stage, sidecar.connection))

    def _whatever_is_due(self) -> None:
        """Those who are away dial; those who still wait for the same thing have waited too long."""
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, number, stage, connection = heapq.heappop(self._due)
            sidecar = self._sidecars[number]
            if sidecar.stage != stage or sidecar.connection != connection:
                continue
            if stage == "away":
                self._dial(sidecar)
            else:
                self._lose(sidecar)

    def _dial(self, sidecar: Sidecar) -> None:
        self._dialled += 1
        raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.connect_ex(self._address)
        sidecar.peer, sidecar.frames = raw, FrameBuffer(MAX_FRAME_TO_SIDECAR)
        sidecar.connection += 1
        self._here[raw.fileno()] = sidecar
        self._poll.register(raw.fileno(), _WRITE)
        self._enter(sidecar, "connecting")

    def _enter(self, sidecar: Sidecar, stage: str) -> None:
        sidecar.enter(stage)
        self._later(sidecar, PATIENCE_S[stage], stage)

    def _lose(self, sidecar: Sidecar) -> None:
        peer, sidecar.peer = sidecar.peer, None
        if peer is None:
            return
        self._poll.unregister(peer.fileno())
        del self._here[peer.fileno()]
        peer.close()
        if sidecar.stage != "welcomed":
            self._lost += 1
        elif time.monotonic() - sidecar.since >= GOOD_SESSION_S:
            sidecar.backoff.reset()
        sidecar.enter("away")
        self._later(sidecar, sidecar.backoff.failed(), "away")

    def _step(self, sidecar: Sidecar) -> None:
        """What can be done now without waiting; OSError when the connection is over."""
        peer = sidecar.peer
        if sidecar.stage == "connecting" and peer is not None:
            if error := peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, "connect")
            descriptor = peer.fileno()
            peer = sidecar.peer = sidecar.context.wrap_socket(
                peer, server_hostname=CONTROL_NAME, do_handshake_on_connect=False
            )
            self._poll.modify(descriptor, _READ)
            self._enter(sidecar, "handshake")
        if not isinstance(peer, ssl.SSLSocket):
            return
        if sidecar.stage == "handshake":
            peer.do_handshake()
            hello = Hello(self._service, f"bench-{sidecar.number}", "bench", tuple(CAPABILITIES), in_use=sidecar.place)
            peer.send(frame(hello))
            self._enter(sidecar, "hello")
        while data := peer.recv(65536):
            for body in sidecar.frames.feed(data):
                self._heard(sidecar, peer, body)
        raise ConnectionResetError

    def _heard(self, sidecar: Sidecar, peer: ssl.SSLSocket, body: bytes) -> None:
        message = self._decoded.get(body)
        if message is None:
            read = decode_to_sidecar(body)
            match read:
                case Ping():
                    peer.send(frame(read))
                    return
                case Welcome():
                    sidecar.enter("welcomed")
                    sidecar.current_at = sidecar.since
                    return
                case Push() | Increments():
                    if len(self._decoded) > 64:
                        self._decoded.clear()
                    message = self._decoded[body] = read
                case _:
                    raise ConnectionAbortedError
        sidecar.place = place_after(sidecar.place, message)
        peer.send(frame(Ack(message.nonce, message.version, sidecar.place.digest)))
        sidecar.current_at = sidecar.acked_at[message.version] = time.monotonic()


def place_after(place: InUse | None, message: Push | Increments) -> InUse:
    """Where a sidecar is once it has taken the message: see ``sidecar.contract.increment.Chain``."""
    if isinstance(message, Push):
        place = InUse(message.version - len(message.increments), message.sealed.digest)
    if place is None:
        raise ConnectionAbortedError
    for sealed in message.increments:
        place = InUse(place.version + 1, _linked(place.digest, sealed))
    return place


def _linked(digest: bytes, sealed: Sealed) -> bytes:
    return hashlib.sha256(digest + sealed.digest).digest()


def main(arguments: list[str]) -> None:
    """``fleet.py PORT IDENTITIES``: a pickle of the service, the CA and a PEM of key and certificate for each."""
    service, ca, identities = pickle.loads(Path(arguments[1]).read_bytes())  # noqa: S301  # written by bench/push.py
    sidecars = list[Sidecar]()
    with tempfile.NamedTemporaryFile() as pem:
        for number, identity in enumerate(identities):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.load_verify_locations(cadata=ca)
            Path(pem.name).write_bytes(identity)
            context.load_cert_chain(pem.name)
            sidecars.append(Sidecar(number, context))
    print(json.dumps("ready"), flush=True)
    Fleet(("127.0.0.1", int(arguments[0])), sidecars, service).run()


if __name__ == "__main__":
    main(sys.argv[1:])
