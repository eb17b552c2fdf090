"""A request that may go on to the service, with all that the relay has to know of why and how."""

from dataclasses import dataclass

from sidecar.authz.decision import RequestFacts
from sidecar.http1.request import RequestHead

from .forwarding import ForwardedHead
from .returning import Returning


@dataclass(frozen=True, slots=True)
class Permit:
    """A request that was let through: as received, as decided, as sent, and what becomes of its response. The route's
    own bounds: ``body_bytes`` of the request, ``timeout_s`` for the response to begin, ``idle_s`` between two pieces of
    it, ``total_s`` for the whole exchange."""

    head: RequestHead
    facts: RequestFacts
    sent: ForwardedHead
    returning: Returning
    body_bytes: int | None = None
    timeout_s: float | None = None
    idle_s: float | None = None
    total_s: float | None = None
