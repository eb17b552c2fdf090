"""Sidecars that joined rightly and then say what they like: nobody else may be the worse for it, and none of them may
be sent what is another service's."""

from collections.abc import Callable
from random import Random

import trio

from sidecar.contract.framing import FrameBuffer
from sidecar.contract.join import JoinToken
from sidecar.contract.messages import (
    MAX_FRAME_TO_SIDECAR,
    Ack,
    Hello,
    Increments,
    InUse,
    Join,
    Nack,
    Ping,
    Push,
    Refresh,
    Report,
    ToControl,
    Welcome,
    decode_to_sidecar,
    frame,
)
from sidecar.contract.snapshot import decode
from sidecar.contract.strict import ContractError
from sidecar.link.identity import new_private_key, signing_request

from .network import End, Network
from .trace import Trace
from .truth import SERVICES, Broken

TROUBLE = (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError, ContractError)


class Liar:
    """One of them, for ever."""

    def __init__(
        self,
        name: str,
        service: str,
        token: Callable[[str], JoinToken],
        addresses: tuple[str, ...],
        network: Network,
        trace: Trace,
        rng: Random,
    ) -> None:
        self.name, self.service = name, service
        self._token, self._addresses = token, addresses
        self._network, self._trace, self._rng = network, trace, rng
        self._certificate: bytes | None = None
        self._csr: bytes | None = None
        self.broken: list[Broken] = []

    async def run(self) -> None:
        """Connect, lie, come back."""
        while True:
            with trio.move_on_after(self._rng.uniform(1, 60)):
                try:
                    end = await self._network.dial(self.name, self._rng.choice(self._addresses), self._certificate)
                    try:
                        await self._lie(end)
                    finally:
                        await end.aclose()
                except TROUBLE as error:
                    self._trace.tell(self.name, "ended", type(error).__name__)
            await trio.sleep(self._rng.uniform(0.1, 10))

    async def _lie(self, end: End) -> None:
        what = self._rng.choice(("acks", "nacks", "claims", "is deaf", "is silent", "is another", "talks", "spits"))
        self._trace.tell(self.name, what)
        if what == "is silent":
            await trio.sleep_forever()
        if what == "spits":
            await end.send_all(self._rng.randbytes(self._rng.randint(1, 200)))
            await trio.sleep(5)
            return
        claimed = self._rng.choice(SERVICES) if what == "is another" else self.service
        await end.send_all(frame(self._hello(claimed, what)))
        if what == "is deaf":
            await trio.sleep_forever()
        await self._converse(end, claimed, what)

    def _hello(self, service: str, what: str) -> Hello:
        join, csr = None, None
        if self._certificate is None:
            token = self._token(self.service)
            join = Join(token.token_id, token.secret)
            csr = self._csr = self._csr or signing_request(new_private_key(), self.service)
        place = InUse(self._rng.randint(1, 200), bytes(32)) if what == "claims" else None
        return Hello(service, self.name, "sidegate/liar", ("routes",), join, csr, place)

    async def _converse(self, end: End, claimed: str, what: str) -> None:
        buffer = FrameBuffer(MAX_FRAME_TO_SIDECAR)
        while data := await end.receive_some(65536):
            for body in buffer.feed(data):
                match decode_to_sidecar(body):
                    case Welcome() as welcome:
                        self._certificate = welcome.certificate or self._certificate
                    case Push() as push:
                        self._look_at(push, claimed)
                        await self._answer(end, push, what)
                    case Increments() as push:
                        await self._answer(end, push, what)
                    case Ping() as ping:
                        await end.send_all(frame(ping if self._rng.random() < 0.9 else Ping(ping.number + 1)))
                    case _:
                        return
            if what == "talks":
                await end.send_all(frame(self._anything()))

    def _look_at(self, push: Push, claimed: str) -> None:
        found = decode(push.sealed.payload).service
        if found != self.service:
            self.broken.append(Broken(f"{self.name} of {self.service}, as {claimed}, was sent a snapshot of {found}"))

    async def _answer(self, end: End, push: Push | Increments, what: str) -> None:
        version = push.version + self._rng.choice((0, 0, 0, 1, -1))
        if what == "nacks":
            await end.send_all(frame(Nack(push.nonce, version, self._rng.choice((0, version)), "no: I will not")))
        elif what != "claims":
            await end.send_all(frame(Ack(push.nonce, max(1, version), self._rng.randbytes(32))))

    def _anything(self) -> ToControl:
        number = self._rng.randint(1, 300)
        said: list[ToControl] = [
            Ack(number, number, b""),
            Nack(number, number, number, "x"),
            Refresh("own"),
            Report(number, 9, 9, 0, 1),
            Ping(number),
            self._hello(self.service, "talks"),
        ]
        return self._rng.choice(said)
