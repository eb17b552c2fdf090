"""The mesh as control knows it: the one place that changes what sidecars enforce.

``versions``     the append-only list of changes, and the policies behind them
``publication``  compiling, signing and keeping every service's snapshot of a version
``increments``   the versions that are revocations alone
``revocations``  tokens that no longer count
``keys``         the life of the token signing keys
``join_tokens``  what a sidecar is let in with once
``enrolment``    the sidecars that joined, and how each is known again
``explanation``  what a sidecar would decide
``ledger``       how a change is made: one transaction, then listeners are told
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
