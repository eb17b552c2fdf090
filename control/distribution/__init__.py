"""Who is connected, what each should run, what each acknowledged; the push server.

``server``        connections: TLS, limits, the hello, then a session; what the composition root uses
``fleet``         the questions that the API asks
``session``       one admitted sidecar: its one-slot mailbox, its reader, and what is not written yet
``conversation``  which message may follow which, nonces and pings: the state table of control's role
``admission``     hello and client certificate -> an admitted sidecar, or a refusal
``target``        a service's chain, and what brings a sidecar to its end
``refreshes``     requests to look at an issuer's keys again
``desired``       what each connected service should run, and the news that it changed
``registry``      the sessions, as the API sees them
``rollout``       who has acknowledged a version, and how long it took
``knock``         a connection that was accepted and not answered yet
``presence``      telling other controls who is connected here, and hearing from them
``sightings``     when each sidecar was last here
``batches``       one look-up for everyone who asks at the same time
``core``          what this room needs of the rest of control
``threads``       where blocking calls go
``waiting_room``  a bound on connections that have not said who they are
``tls``           TLS on an accepted connection, without a layer between
``wire``          frames over a trio stream
``journal``       one JSON line per event

``docs/protocol.md`` is the prose.
"""

from .presence import Presence
from .registry import Rollout, SidecarView
from .server import Limits, PushServer

__all__ = ["Limits", "Presence", "PushServer", "Rollout", "SidecarView"]
