"""The sidecar's link to control: for ever dial, hold a session, back off, begin again.

``restore()`` first, before the sidecar listens: it puts the last-good snapshot in force, so that a restart without
control refuses nobody. Then ``run()``. Whatever control does or does not do, neither ends nor disturbs what is
enforced. Refuses to know how a snapshot is compiled and what a request is.
"""

import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import Any

import trio

from sidecar.contract.messages import OLDEST_PROTOCOL, PROTOCOL, Refuse, Report, Welcome
from sidecar.contract.strict import ContractError

from .backoff import GOOD_SESSION_S, Backoff
from .dial import dial as dial_tls
from .dial import split_address
from .enforced import Compile, Enforced
from .journal import record
from .membership import LinkSettings, Membership
from .refreshes import Refreshes
from .session import Ending, Session, Watch
from .state import StateDir
from .status import LinkStatus
from .threads import InThread, in_thread

Dial = Callable[[str, ssl.SSLContext], Awaitable[trio.abc.Stream]]
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")  # what OpenSSL makes of plain text


class Link:
    """One sidecar's link. ``compile_`` makes a snapshot enforceable (see ``enforced``); ``on_status`` hears changes.
    ``reports`` takes what is to be told of the requests since it was last asked. ``request_refresh(issuer)`` may be
    called at any time from the loop, also without a session."""

    def __init__(
        self,
        settings: LinkSettings,
        state: StateDir,
        compile_: Compile,
        *,
        now: Callable[[], float],
        rng: Random,
        on_status: Callable[[LinkStatus], None] = lambda _: None,
        reports: Callable[[], list[Report]] = list,
        dial: Dial = dial_tls,
        blocking: InThread = in_thread,
    ) -> None:
        for address in settings.control:
            split_address(address)
        self._addresses, self._state, self._now, self._dial = settings.control, state, now, dial
        self._blocking = blocking
        self._membership = Membership(settings, state, now, rng, blocking)
        self._enforced = Enforced(settings.service, compile_, state, now, blocking)
        self._refreshes = Refreshes()
        self._backoff = Backoff(rng)
        self._on_status, self._reports = on_status, reports
        self._older: dict[str, int] = {}  # address -> the protocol that control refused ours for
        self._restored = False
        self._live = False
        self._until_renewal = trio.CancelScope()
        self.status = LinkStatus()

    def request_refresh(self, issuer: str) -> None:
        """A token named a key of ``issuer`` that we do not have: tell control, if it was not told of late."""
        self._refreshes.ask(issuer)

    async def restore(self) -> bool:
        """Load who we are and put last-good in force; True if there was one. OSError if the state directory cannot
        be used, ContractError if there is neither an identity nor a join token. ``run`` does it if nobody did."""
        self._restored = True
        identity = await self._blocking(self._membership.restore)
        if identity is None:
            return False
        self._tell(sidecar_id=identity.sidecar_id)
        if not await self._enforced.restore(identity.signing_key) or self._enforced.in_use is None:
            return False
        version = self._enforced.in_use.version
        self._tell(in_use=version, source="last_good")
        record(logging.INFO, "last_good_in_force", version=version)
        return True

    async def run(self) -> None:
        """For ever. Raises only what ``restore`` raises."""
        if not self._restored:
            await self.restore()
        while True:
            wait_s = await self._round()
            await trio.sleep(wait_s)

    async def _round(self) -> float:
        """Each address in turn, until one held a session; the seconds to wait before the next round."""
        for address in self._addresses:
            self._tell(state="connecting", address=address)
            begun = trio.current_time()
            ending = await self._attempt(address)
            while ending is Ending.OLDER:
                ending = await self._attempt(address)
            if ending is Ending.RENEWAL:
                return 0.0
            if ending is Ending.REFUSED:
                return self._backoff.refused()
            if ending is not Ending.FAILED and trio.current_time() - begun >= GOOD_SESSION_S:
                self._backoff.reset()
                break
        return self._backoff.failed()

    async def _attempt(self, address: str) -> Ending:
        """One connection, from dialling to its end. Trouble of any kind ends only this connection."""
        self._live = False
        try:
            context = await self._blocking(self._membership.context)
            stream = await self._dial(address, context)
            try:
                ending = await self.run_session(stream, address)
            finally:
                await trio.aclose_forcefully(stream)
        except (OSError, UnicodeError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._trouble(_said(error))
        except trio.TooSlowError:
            self._trouble("no answer in time")
        except ContractError as error:
            self._trouble(f"{error.code}: {error}")
        except Exception as error:  # a bug in the link: the data plane goes on with what it has, and so does the link
            logging.getLogger("sidegate.link").exception("the link failed")
            self._trouble(f"internal: {type(error).__name__}")
        else:
            if ending is Ending.CLOSED:
                self._trouble("control closed the connection")
            return ending
        return Ending.BROKEN if self._live else Ending.FAILED

    async def run_session(self, stream: trio.abc.Stream, address: str) -> Ending:
        """One session over a stream that is already trusted. Raises what ``Session.run`` raises."""
        hello = self._membership.hello(self._enforced.in_use, self._older.get(address, PROTOCOL))
        watch = Watch(self._welcomed, self._heard, self._settled, self._reports)
        session = Session(stream, hello, self._enforced, watch, self._refreshes)
        with trio.CancelScope() as self._until_renewal:
            ending = await session.run()
        if self._until_renewal.cancelled_caught:
            record(logging.INFO, "renewing", address=self.status.address)
            return Ending.RENEWAL
        if session.refusal is not None:
            if self._speaks_less(session.refusal, hello.protocol, address):
                return Ending.OLDER
            self._membership.refused(session.refusal)
            said = f"{session.refusal.code}: {session.refusal.message}"
            self._tell(state="refused", error=said)
            record(logging.ERROR, "refused", address=self.status.address, why=said)
        return ending

    def _speaks_less(self, refusal: Refuse, spoken: int, address: str) -> bool:
        """Was our protocol refused, and is there an older one to try? It is kept to at this address until control
        has welcomed it: whoever answers the connection after that one may be newer."""
        if refusal.code != "protocol" or spoken == OLDEST_PROTOCOL:
            self._older.pop(address, None)
            return False
        self._older[address] = spoken - 1
        record(logging.INFO, "older_protocol", address=address, protocol=spoken - 1, why=refusal.message)
        return True

    async def _welcomed(self, welcome: Welcome) -> bytes:
        identity = await self._membership.welcomed(welcome)
        self._older.pop(self.status.address, None)
        self._until_renewal.deadline = trio.current_time() + self._membership.seconds_to_renewal()
        self._live = True
        self._tell(state="connected", sidecar_id=identity.sidecar_id, error="")
        record(logging.INFO, "connected", address=self.status.address, sidecar_id=identity.sidecar_id)
        return identity.signing_key

    def _heard(self) -> None:
        self._tell(last_contact=self._now())

    def _settled(self, version: int, reason: str) -> None:
        if reason:
            self._tell(last_nack=f"version {version}: {reason}")
            record(logging.ERROR, "nack", version=version, in_use=self.status.in_use, why=reason)
        else:
            self._tell(in_use=version, source="push", last_nack="")
            record(logging.INFO, "ack", version=version)

    def _trouble(self, why: str) -> None:
        self._tell(state="disconnected", error=why)
        record(logging.WARNING, "disconnected", address=self.status.address, why=why, in_use=self.status.in_use)

    def _tell(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)
        self._on_status(self.status)


def _said(error: BaseException) -> str:
    """The innermost reason: trio wraps what TLS or the socket said."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_said(inner) for inner in error.exceptions)
    if isinstance(error, ssl.SSLError) and error.reason in _NOT_TLS:
        return "what answers there does not speak TLS: is it control's push address, and not its HTTP one?"
    return str(error) or type(error).__name__
