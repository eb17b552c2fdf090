"""Being part of the mesh: joining with a token, later speaking by certificate, renewing it at half its life.

Three situations, and what the hello says in each: *joining* (the token's secret and a CSR, no client certificate),
*renewing* (client certificate and a CSR), *member* (client certificate alone). What was pinned at joining, the CA
and the snapshot signing key, never changes for an identity: a control that comes with another is refused.
"""

import logging
import math
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from sidecar.contract.envelope import key_id
from sidecar.contract.join import JoinToken
from sidecar.contract.messages import PROTOCOL, Hello, InUse, Join, Refuse, Welcome
from sidecar.contract.snapshot import CAPABILITIES
from sidecar.contract.strict import ContractError

from .dial import client_context
from .identity import Identity, checked, new_private_key, signing_request
from .journal import record
from .state import StateDir
from .threads import InThread, in_thread

REJOIN = frozenset({"unknown_certificate", "expired"})
"""Refusals of a certificate after which a join token, if there is one, is used again. Never after ``revoked``."""

RENEWAL_SPREAD = 0.1
"""Renewal falls between half of the certificate's life and this share of it later, so that a fleet spreads out."""


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """``control``: addresses, tried in turn. ``instance``: this replica's name for people. ``agent``: our version."""

    service: str
    control: tuple[str, ...]
    instance: str
    agent: str
    join_token: JoinToken | None = field(default=None, repr=False)


class Membership:
    """Who we are now, and what the next hello must say."""

    def __init__(
        self,
        settings: LinkSettings,
        state: StateDir,
        now: Callable[[], float],
        rng: Random,
        blocking: InThread = in_thread,
    ) -> None:
        token = settings.join_token
        if token is not None and token.service != settings.service:
            raise ContractError("bad_join_token", f"the join token is for {token.service!r}, not {settings.service!r}")
        self._settings, self._state, self._now, self._rng = settings, state, now, rng
        self._blocking = blocking
        self.identity: Identity | None = None
        self._join: JoinToken | None = None  # the token to use now; None for a member
        self._renew_at = math.inf
        self._new_key = b""

    def restore(self) -> Identity | None:
        """Who we are according to the state directory; None when we are to join. Blocking. ContractError when there
        is neither an identity nor a join token, OSError when the directory cannot be used."""
        self._state.prepare()
        identity = self._state.load_identity()
        token = self._settings.join_token
        if identity is not None and token is not None and token.ca_der != identity.ca:
            why = ContractError("other_control", "the join token is from another control: joining anew")
            for name in ("identity", "last-good"):  # what another control signed is not this one's policy
                self._state.set_aside(name, why)
            identity = None
        self._become(identity, 0.0 if identity is None else identity.lifetime()[0])
        if identity is None:
            if token is None:
                raise ContractError("no_identity", "this sidecar has not joined yet: give it a join token")
            self._join = token
        return identity

    def context(self) -> ssl.SSLContext:
        """TLS for the next connection. Blocking."""
        if self._join is not None:
            return client_context(self._join.ca_der, None, self._state)
        if self.identity is None:
            raise ContractError("no_identity", "restore() comes first")
        return client_context(self.identity.ca, self.identity, self._state)

    def hello(self, in_use: InUse | None, protocol: int = PROTOCOL) -> Hello:
        """The first frame of the next connection, in which ``protocol`` is to be spoken."""
        settings, token = self._settings, self._join
        wanted = token is not None or self._now() >= self._renew_at
        # One key for all attempts: control can tell a join whose answer was lost from a second sidecar.
        self._new_key = (self._new_key or new_private_key()) if wanted else b""
        return Hello(
            service=settings.service,
            instance=settings.instance,
            agent=settings.agent,
            capabilities=tuple(sorted(CAPABILITIES)),
            join=None if token is None else Join(token.token_id, token.secret),
            csr=signing_request(self._new_key, settings.service) if self._new_key else None,
            in_use=in_use,
            key_id=None if self.identity is None else key_id(self.identity.signing_key),
            protocol=protocol,
        )

    async def welcomed(self, welcome: Welcome) -> Identity:
        """Take in what control answered; ContractError if this is not the control that we joined."""
        known = self.identity
        if known is not None and welcome.signing_key != known.signing_key:
            raise ContractError(
                "other_signing_key", "control signs snapshots with a key that was not pinned at joining"
            )
        if not self._new_key:
            if known is None or welcome.certificate is not None or welcome.sidecar_id != known.sidecar_id:
                raise ContractError("unexpected", "control answered for another sidecar, or gave what nobody asked for")
            return known
        identity, now = self._issued(welcome), self._now()
        self._join, self._new_key = None, b""
        self._become(identity, now)
        try:
            await self._blocking(self._state.save_identity, identity)
        except OSError as error:
            record(logging.ERROR, "identity_not_written", sidecar_id=identity.sidecar_id, why=str(error))
        return identity

    def _issued(self, welcome: Welcome) -> Identity:
        if welcome.certificate is None:
            raise ContractError("no_certificate", "control gave no certificate for our request")
        if self._join is not None:
            service, ca, key = self._settings.service, self._join.ca_der, self._new_key
            return checked(Identity(welcome.sidecar_id, service, key, welcome.certificate, ca, welcome.signing_key))
        if self.identity is None or welcome.sidecar_id != self.identity.sidecar_id:
            raise ContractError("unexpected", "control answered for another sidecar")
        return self.identity.with_certificate(welcome.certificate, self._new_key)

    def refused(self, refusal: Refuse) -> None:
        """Control does not want our certificate: renew it if we had not tried, else join again if that is possible."""
        if refusal.code == "expired" and not self._new_key:
            self._renew_at = 0.0  # by control's clock it is high time, whatever ours says
        elif refusal.code in REJOIN:
            self._join = self._settings.join_token

    def seconds_to_renewal(self) -> float:
        """How long a session may go on before it ends to renew; never for a certificate not yet given."""
        return max(0.0, self._renew_at - self._now())

    def _become(self, identity: Identity | None, since: float) -> None:
        """``since``: the beginning of its certificate's life, by our clock. Of one that was given just now it is now,
        whatever the certificate says: a clock that is wrong by a week must not ask for the next at once, for ever."""
        self.identity = identity
        if identity is not None:
            begins, ends = identity.lifetime()
            self._renew_at = since + (ends - begins) * (0.5 + self._rng.uniform(0, RENEWAL_SPREAD))
