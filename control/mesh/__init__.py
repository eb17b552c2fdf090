"""The mesh as control knows it: the one place that changes what sidecars enforce.

``versions``     the append-only list of changes, and the policies behind them
``publication``  compiling, signing and keeping every service's snapshot of a version
``increments``   the versions that are revocations alone
``revocations``  tokens that no longer count
``tokens``       access tokens: issued, revoked, our own read again
``endings``      what is turned off, with its tokens, in one transaction
``keys``         the life of the token signing keys
``providers``    what is known of outside issuers' keys, and when each is due; ``issuer_info`` shows it
``api_keys``     keys that callers show as they are
``callers``      applications that are workloads
``inputs``       what a snapshot is compiled from besides the policy
``join_tokens``  what a sidecar is let in with once
``enrolment``    the sidecars that joined, and how each is known again
``explanation``  what a sidecar would decide
``canaries``     policies on trial: which, since when, on whom; ``trials`` begins and ends them
``traffic``      what sidecars reported during a canary
``freeze``       while it lasts nobody changes the policy
``ledger``       how a change is made: one transaction, then listeners are told
``backups``      how a mesh goes on from a backup
``presence``     who is connected to which of several controls
``news``         what other controls over the same database have changed
``mesh``         all of it as one object
"""

from .enrolment import Enrolled, Sidecar
from .explanation import Explanation
from .join_tokens import JoinTokenInfo
from .mesh import Mesh, open_mesh
from .revocations import RevocationInfo
from .versions import StoredPolicy, Version

__all__ = [
    "Enrolled",
    "Explanation",
    "JoinTokenInfo",
    "Mesh",
    "RevocationInfo",
    "Sidecar",
    "StoredPolicy",
    "Version",
    "open_mesh",
]
