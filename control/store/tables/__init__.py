"""The tables. Times are unix seconds, ids are random text; ``migrations/`` must say the same (a test compares).

``base``     what every table is made of
``mesh``     policies, versions, snapshots, keys, sidecars, operators, the audit trail
``clients``  applications and their secrets; OAuth clients, grants and tokens; API keys
``people``   those who sign in

A row never leaves this floor: rooms above turn it into a value of their own, so that nobody holds a row of a
transaction that is over.
"""

from .base import (
    Base,
    KeptKey,
)
from .clients import (
    ApiKeyRow,
    ApplicationRow,
    ApplicationSecretRow,
    DeviceCodeRow,
    GrantedTokenRow,
    OAuthClientRow,
    OAuthGrantRow,
    PushedRequestRow,
    RefreshTokenRow,
    RegistrationAccessRow,
    ScopeRow,
    UsedAssertionRow,
)
from .mesh import (
    AuditRow,
    CanaryRow,
    CanarySnapshotRow,
    CanaryTrafficRow,
    FreezeRow,
    IncrementRow,
    JoinTokenRow,
    OperatorRow,
    PolicyRow,
    PresenceRow,
    ProviderRow,
    ReplicaRow,
    RevocationRow,
    SecretRow,
    SidecarRow,
    SigningKeyRow,
    SnapshotRow,
    VersionRow,
)
from .people import (
    PasswordLinkRow,
    PersonRow,
    PersonSessionRow,
    RecoveryCodeRow,
    SecondFactorRow,
    SignInTicketRow,
)

__all__ = [
    "ApiKeyRow",
    "ApplicationRow",
    "ApplicationSecretRow",
    "AuditRow",
    "Base",
    "CanaryRow",
    "CanarySnapshotRow",
    "CanaryTrafficRow",
    "DeviceCodeRow",
    "FreezeRow",
    "GrantedTokenRow",
    "IncrementRow",
    "JoinTokenRow",
    "KeptKey",
    "OAuthClientRow",
    "OAuthGrantRow",
    "OperatorRow",
    "PasswordLinkRow",
    "PersonRow",
    "PersonSessionRow",
    "PolicyRow",
    "PresenceRow",
    "ProviderRow",
    "PushedRequestRow",
    "RecoveryCodeRow",
    "RefreshTokenRow",
    "RegistrationAccessRow",
    "ReplicaRow",
    "RevocationRow",
    "ScopeRow",
    "SecondFactorRow",
    "SecretRow",
    "SidecarRow",
    "SignInTicketRow",
    "SigningKeyRow",
    "SnapshotRow",
    "UsedAssertionRow",
    "VersionRow",
]
