"""The mesh as control knows it: the one place that changes what sidecars enforce.

``versions``     the append-only list of changes, and the policies behind them
``publication``  compiling, signing and keeping every service's snapshot of a version
``revocations``  tokens that no longer count
``enrolment``    join tokens, and the sidecars that joined
``mesh``         all of it as one object: each change is one transaction, then listeners are told
"""

from .enrolment import Enrolled, JoinTokenInfo, Sidecar
from .mesh import Explanation, Mesh, open_mesh
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
