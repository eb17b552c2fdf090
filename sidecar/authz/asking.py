"""One request and who asks: all that a rule may look at, in one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sidecar.authn.principal import Principal
from sidecar.contract.snapshot import ClaimPath

from .decision import RequestFacts
from .fields import Fields
from .host import normalise_host
from .rules import roles_at
from .target import Target

_NO_CLAIMS: Mapping[str, Any] = MappingProxyType({})


@dataclass(slots=True)
class Asking:
    """``principal`` is None if nobody said who calls: then there are no claims. ``role_paths``:
    where the principal's issuer keeps roles."""

    request: RequestFacts
    target: Target
    fields: Fields
    principal: Principal | None
    role_paths: tuple[ClaimPath, ...]
    now: float

    @property
    def host(self) -> str:
        """The request's host in one spelling, "" if it is none."""
        return normalise_host(self.request.host)

    @property
    def claims(self) -> Mapping[str, Any]:
        """The verified claims."""
        return self.principal.claims if self.principal else _NO_CLAIMS

    def variables(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """What a condition of a rule with these path parameters reads. The path is the one that is matched: without
        escapes, and the method in capitals. Of an anonymous caller every member of ``principal`` is empty."""
        who, roles = self.principal, roles_at(self.claims, self.role_paths)
        return {
            "claims": dict(self.claims),
            "path": dict(parameters),
            "request": {
                "method": self.request.method.upper(),
                "path": "/" + "/".join(self.target.segments),
                "host": self.host,
                "scheme": self.request.scheme,
                "headers": self.fields.headers,
                "query": self.fields.query,
            },
            "principal": {
                "subject": who.subject if who else "",
                "issuer": who.issuer_name if who else "",
                "client": (who.client or "") if who else "",
                "scopes": sorted(who.scopes) if who else [],
                "roles": [role for role in (roles if isinstance(roles, list) else [roles]) if isinstance(role, str)],
            },
            "source": {"address": self.request.address},
            "now": int(self.now),
        }
