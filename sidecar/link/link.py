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

from .addresses import Addresses, Resolve
from .backoff import GOOD_SESSION_S, Backoff
from .conversation import TABLE, Action, Event, State
from .dial import dial as dial_tls
from .dial import resolve as resolve_by_dns
from .dial import said, split_address
from .enforced import Compile, Enforced
from .journal import record
from .membership import LinkSettings, Membership
from .refreshes import Refreshes
from .session import Session, Watch
from .state import StateDir
from .status import LinkStatus
from .threads import InThread, in_thread

Dial = Callable[[str, ssl.SSLContext], Awaitable[trio.abc.Stream]]


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
        resolve: Resolve = resolve_by_dns,
        blocking: InThread = in_thread,
    ) -> None:
        for address in settings.control:
            split_address(address)
        self._settings, self._state, self._now, self._dial = settings, state, now, dial
        self._addresses = Addresses(settings.control, resolve, rng)
        self._blocking = blocking
        self._membership = Membership(settings, state, now, rng, blocking)
        self._enforced = Enforced(settings.service, compile_, state, now, blocking)
        self._refreshes = Refreshes()
        self._backoff = Backoff(rng)
        self._on_status, self._reports = on_status, reports
        self._older: dict[str, int] = {}  # address -> the protocol that control refused ours for
        self._restored = False
        self._session: Session | None = None
        self._renewal, self._homecoming = trio.CancelScope(), trio.CancelScope()
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
        for address in await self._addresses.round(self._name(), trio.current_time()):
            begun = trio.current_time()
            action = await self._attempt(address)
            while action is Action.OLDER:
                action = await self._attempt(address)
            if action is Action.COME_BACK:
                return 0.0
            if action is Action.WAIT:
                return self._backoff.refused()
            if action is Action.RETURN and trio.current_time() - begun >= GOOD_SESSION_S:
                self._backoff.reset()
                break
        return self._backoff.failed()

    def _name(self) -> str:
        """What our order of the addresses is drawn from."""
        return self.status.sidecar_id or f"{self._settings.service} {self._settings.instance}"

    async def _attempt(self, address: str) -> Action:
        """One connection, from dialling to its end. Trouble of any kind ends only this connection."""
        self._tell(state="connecting", address=address)
        self._session = None
        event, why = Event.CLOSED, "control closed the connection"
        try:
            with trio.CancelScope() as self._renewal, trio.CancelScope() as self._homecoming:
                stream = await self._dial(address, await self._blocking(self._membership.context))
                try:
                    await self._converse(stream, address)
                finally:
                    await trio.aclose_forcefully(stream)
        except (OSError, UnicodeError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            event, why = Event.TROUBLE, said(error)
        except trio.TooSlowError:
            event, why = Event.SILENCE, "no answer in time"
        except ContractError as error:
            event, why = Event.TROUBLE, f"{error.code}: {error}"
        except Exception as error:  # a bug in the link: the data plane goes on with what it has, and so does the link
            logging.getLogger("sidegate.link").exception("the link failed")
            event, why = Event.TROUBLE, f"internal: {type(error).__name__}"
        if self._renewal.cancelled_caught:
            event = Event.RENEWAL
        elif self._homecoming.cancelled_caught:
            event = Event.HOMECOMING
        return self._ended(address, event, why)

    async def _converse(self, stream: trio.abc.Stream, address: str) -> None:
        hello = self._membership.hello(self._enforced.in_use, self._older.get(address, PROTOCOL))
        watch = Watch(self._welcomed, self._heard, self._settled, self._reports)
        self._session = Session(stream, hello, self._enforced, watch, self._refreshes)
        await self._session.run()

    def _ended(self, address: str, event: Event, why: str) -> Action:
        """What the table says of a connection to which ``event`` has happened."""
        session = self._session
        if session is not None and session.refusal is not None:
            return self._refused(address, session.refusal, session.protocol)
        action = TABLE[State.DIALLING if session is None else session.state, event][1]
        if action is Action.COME_BACK:
            record(logging.INFO, event.name.lower(), address=address)
            return action
        if event is Event.SILENCE and action is Action.NEXT:
            self._addresses.put_last(address, trio.current_time())
        self._tell(state="disconnected", error=why)
        record(logging.WARNING, "disconnected", address=address, why=why, in_use=self.status.in_use)
        return action

    def _refused(self, address: str, refusal: Refuse, spoken: int) -> Action:
        """An older protocol is kept to at this address until control has welcomed it: whoever answers the connection
        after that one may be newer."""
        if refusal.code == "protocol" and spoken > OLDEST_PROTOCOL:
            self._older[address] = spoken - 1
            record(logging.INFO, "older_protocol", address=address, protocol=spoken - 1, why=refusal.message)
            return Action.OLDER
        self._older.pop(address, None)
        self._addresses.put_last(address, trio.current_time())
        self._membership.refused(refusal)
        why = f"{refusal.code}: {refusal.message}"
        self._tell(state="refused", error=why)
        record(logging.ERROR, "refused", address=address, why=why)
        return Action.WAIT

    async def _welcomed(self, welcome: Welcome) -> bytes:
        identity = await self._membership.welcomed(welcome)
        self._older.pop(self.status.address, None)
        now = trio.current_time()
        self._renewal.deadline = now + self._membership.seconds_to_renewal()
        self._homecoming.deadline = now + self._addresses.stay_s(self.status.address)
        self._tell(state="connected", sidecar_id=identity.sidecar_id, error="")
        record(logging.INFO, "connected", address=self.status.address, sidecar_id=identity.sidecar_id)
        return identity.signing_key

    def _heard(self) -> None:
        self._tell(last_contact=self._now(), written=self._enforced.kept)

    def _settled(self, version: int, reason: str) -> None:
        if reason:
            self._tell(last_nack=f"version {version}: {reason}")
            record(logging.ERROR, "nack", version=version, in_use=self.status.in_use, why=reason)
        else:
            self._tell(in_use=version, source="push", last_nack="", written=self._enforced.kept)
            record(logging.INFO, "ack", version=version)

    def _tell(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)
        self._on_status(self.status)
