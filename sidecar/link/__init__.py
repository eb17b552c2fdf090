"""The sidecar's end of the push socket. ``docs/protocol.md`` is the prose; ``sidecar.contract`` the bytes.

``link``          for ever: dial, hold a session, back off, begin again; what the composition root uses
``session``       one connection: hello, then answers to what control pushes
``enforced``      what is in force: taking a push in, and keeping it
``refreshes``     issuers whose keys control should look at again
``membership``    joining, renewing, and what each hello says
``conversation``  which message may follow which: the state table of the sidecar's role
``admission``     may this replace what is in use?
``state``         the state directory: identity and what was in force last, atomic and 0600
``kept``          the increments' file, and what of it can be trusted
``identity``      the workload key and certificate, what was pinned at joining, and CSRs
``dial``          an address -> a TLS stream to the control that was pinned
``threads``       where blocking calls go
``wire``          frames over a trio stream
``backoff``       how long to wait before the next attempt
``status``        what the link says of itself
``journal``       one JSON line per event
"""

from .backoff import Backoff
from .dial import dial
from .link import Link
from .membership import LinkSettings
from .state import StateDir
from .status import LinkStatus

__all__ = ["Backoff", "Link", "LinkSettings", "LinkStatus", "StateDir", "dial"]
