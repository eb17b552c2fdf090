"""Requests to look at an issuer's keys again, on their way from any sidecar to the rest of control.

A sidecar asks when a token names a key that it lacks, so that whoever can send tokens can make sidecars ask. Over the
whole mesh an issuer is asked for at most once in ``EVERY_S``; what comes meanwhile is answered by the look that was
taken. A sidecar that asks more often than ours ever would is cut off.
"""

import logging
import math

import trio

from sidecar.contract.strict import ContractError

from .core import Core
from .journal import record
from .session import Session
from .threads import Threads

EVERY_S = 10.0
MAX_ISSUERS = 256
MAX_PER_SESSION = 512
"""Twice what a sidecar of ours asks for within ``EVERY_S`` at the most."""
MAX_NAME_CHARS = 200


class Refreshes:
    """``ask`` for a session; ``run`` hands on."""

    def __init__(self, core: Core, threads: Threads) -> None:
        self._core, self._threads = core, threads
        self._not_before: dict[str, float] = {}
        self._send, self._receive = trio.open_memory_channel[tuple[str, str]](MAX_ISSUERS)

    def ask(self, session: Session, issuer: str) -> None:
        """A sidecar's request; ContractError ``flood`` if it is one too many."""
        now = trio.current_time()
        if len(issuer) > MAX_NAME_CHARS or not issuer.isprintable():
            raise ContractError("malformed", "that is no issuer's name")
        if now - session.asking_since >= EVERY_S:
            session.asking_since, session.asked = now, 0
        session.asked += 1
        if session.asked > MAX_PER_SESSION:
            raise ContractError("flood", f"{session.asked} refreshes within {EVERY_S:g} s")
        if now >= self._not_before.get(issuer, -math.inf):
            self._remember(issuer, now + EVERY_S)
            try:
                self._send.send_nowait((issuer, session.service))
            except trio.WouldBlock:
                record(logging.WARNING, "refresh_dropped", issuer=issuer, service=session.service)

    def _remember(self, issuer: str, until: float) -> None:
        """The oldest is forgotten for it: a sidecar that makes up names shall not keep a true one out, and whoever
        fetches has a pace of his own."""
        self._not_before.pop(issuer, None)
        if len(self._not_before) >= MAX_ISSUERS:
            del self._not_before[next(iter(self._not_before))]
        self._not_before[issuer] = until

    async def run(self) -> None:
        """For ever."""
        async for issuer, service in self._receive:
            try:
                await self._threads.run(self._core.refresh_requested, issuer, service)
            except Exception as error:  # an issuer that cannot be reached is nobody else's trouble; it is asked again
                why = f"{type(error).__name__}: {error}"
                record(logging.ERROR, "refresh_failed", issuer=issuer, service=service, why=why)
