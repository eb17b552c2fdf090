"""What each version holds, written down by whoever made it; what a sidecar enforces is compared with it."""

from dataclasses import dataclass

from control.lines import is_chosen
from control.mesh import Mesh
from sidecar.contract.snapshot import Snapshot

SERVICES = ("orders", "stock", "users")


class Broken(AssertionError):  # noqa: N818  # a promise is
    """A promise was not kept."""


@dataclass(frozen=True, slots=True)
class Held:
    """``marker`` is a scope in each service's policy, ``revoked`` what does not count, ``kids`` the keys that do. While
    a canary runs, ``tried`` is the scope in the policy of the sidecars below its ``share``."""

    marker: str = ""
    revoked: frozenset[str] = frozenset()
    kids: frozenset[str] = frozenset()
    tried: str = ""
    share: int = 0

    def marker_for(self, sidecar_id: str) -> str:
        """The scope in what that sidecar is to enforce."""
        return self.tried if self.tried and is_chosen(sidecar_id, self.share) else self.marker


def policy(marker: str) -> str:
    """One that can be told from all others."""
    routes = f"routes: [{{path: /a, require: {{scopes: [{marker}]}}}}, {{path: /**}}]"
    services = "\n".join(f"  {name}: {{{routes}}}" for name in SERVICES)
    return f"trust_domain: shop.test\nissuers: {{own: {{builtin: true}}}}\nservices:\n{services}\n"


class Truth:
    """``by_version`` grows with each commit."""

    def __init__(self) -> None:
        self.by_version: dict[int, Held] = {}

    @property
    def newest(self) -> int:
        """Of what was committed."""
        return max(self.by_version, default=0)

    @property
    def has_policy(self) -> bool:
        """Was one ever pushed?"""
        return any(held.marker for held in self.by_version.values())

    @property
    def last(self) -> Held:
        """What the newest holds."""
        return self.by_version.get(self.newest, Held())

    def committed(
        self, mesh: Mesh, *, marker: str | None = None, tried: str | None = None, revoked: str | None = None
    ) -> None:
        """To be called after each change, with what it was."""
        current = mesh.current()
        if current is None:
            return
        last, canary = self.last, mesh.canaries.running()
        kids = frozenset(key["kid"] for key in mesh.jwks()["keys"])
        names = last.revoked if revoked is None else last.revoked | {revoked}
        told = last.tried if tried is None else tried
        on_trial = ("", 0) if canary is None else (told, canary.share)
        held = Held(last.marker if marker is None else marker, names, kids, *on_trial)
        if current.version > self.newest:
            self.by_version[current.version] = held

    def check(self, who: str, sidecar_id: str, service: str, before: int, snapshot: Snapshot) -> None:
        """May ``who`` of ``service``, which enforced version ``before``, enforce ``snapshot``? Broken if not."""
        version, held = snapshot.version, self.by_version.get(snapshot.version)
        if snapshot.service != service:
            raise Broken(f"{who} of {service} enforces a snapshot of {snapshot.service}")
        if version < before:
            raise Broken(f"{who} went back from version {before} to {version}")
        if held is None:
            raise Broken(f"{who} enforces version {version}, which was never committed")
        scopes = "".join(sorted({scope for route in snapshot.routes for scope in route.require.scopes}))
        revoked = frozenset(one.value for one in snapshot.revocations)
        kids = frozenset(key["kid"] for issuer in snapshot.issuers for key in issuer.keys)
        found, expected = (scopes, revoked, kids), (held.marker_for(sidecar_id), held.revoked, held.kids)
        if found != expected:
            raise Broken(f"{who} enforces version {version} as {found}, and it is {expected}")
