"""Access tokens of the mesh: issued at an operator's wish, revoked, and our own read again."""

from collections.abc import Mapping, Sequence

from control.authority.keyring import Signer
from control.authority.lifecycle import RETIRE_AFTER_S
from control.errors import Conflict, NotFound
from control.identity import AccessTokens, Applications, IssuedToken
from control.identity.oauth.own_tokens import AccessToken, IdToken, own_access_token, own_id_token
from control.policy import PolicyIssuer, audience_of
from control.store.audit import record

from . import revocations
from .api_keys import ApiKeys
from .keys import Keys
from .ledger import Ledger
from .revocations import RevocationInfo
from .versions import Version


class Tokens:
    """Thread-safe."""

    def __init__(
        self,
        ledger: Ledger,
        keys: Keys,
        applications: Applications,
        api_keys: ApiKeys,
        signer: Signer,
        issuer_url: str,
        lifetime_s: int,
    ) -> None:
        self._ledger, self._keys, self._issuer_url = ledger, keys, issuer_url
        self._applications, self._api_keys = applications, api_keys
        self.access = AccessTokens(issuer_url, self._audiences, signer.sign, ledger.clock, lifetime_s)

    def issue(
        self,
        application: str,
        actor: str,
        *,
        scopes: Sequence[str] | None = None,
        services: Sequence[str] | None = None,
        lifetime_s: int | None = None,
    ) -> IssuedToken:
        """A token for an application, at an operator's wish; NotFound, Invalid."""
        asked = None if services is None else self.access.audiences_of(services)
        found = self._applications.get(application)
        if not found.active:
            raise Conflict(f"{found.name} is turned off, and gets no tokens")
        issued = self.access.issue(found, scopes=scopes, audiences=asked, lifetime_s=lifetime_s)
        with self._ledger.database.write() as session:
            detail = {"jti": issued.token_id, "scope": issued.scope, "expires_at": issued.expires_at}
            record(session, self._ledger.clock(), actor, "token.issue", found.name, **detail)
        return issued

    def revoke(
        self,
        by: str,
        value: str,
        actor: str,
        *,
        issuer: str | None = None,
        before: int | None = None,
        until: int | None = None,
    ) -> Version:
        """Make tokens not count any more: the one with a ``jti``, or all of a ``subject``, a ``client`` (an
        application) or an ``issuer`` (then ``value`` is "") that were issued at ``before`` or earlier: now, or what an
        outside issuer's clock may show by now, as far as sidecars bear it."""
        found, now = self.issuer_named(issuer), self._ledger.clock()
        values = self._applications.client_ids(value) if by == "client" and found.builtin else (value,)
        keys = found.builtin and self._api_keys.revoked_by(by, values, int(now) if before is None else before)
        lives_s, ahead_s = None if keys else _lives_s(found), 0 if found.builtin else found.leeway_s
        asked = [
            revocations.revocation(
                found.name, by, one, now, lives_s=lives_s, before=before, until=until, ahead_s=ahead_s
            )
            for one in values
        ]
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join((by, *values)).strip())
        return self._ledger.revoke(asked, actor, shown)

    def revocations(self) -> list[RevocationInfo]:
        """Those that can still name a token."""
        with self._ledger.database.read() as session:
            return revocations.in_force(session, self._ledger.clock())

    def own(self, token: str) -> AccessToken | None:
        """What it says, if it is ours and counts: as a sidecar would find, and its application is there and active."""
        now = self._ledger.clock()
        found = own_access_token(token, self._issuer_url, self._keys.jwks()["keys"], now)
        if found is None or self._applications.active(found.client_id) is None:
            return None
        builtin = {issuer.name for policy in self._ledger.policies() for issuer in policy.issuers if issuer.builtin}
        with self._ledger.database.read() as session:
            return None if revocations.names(session, builtin, found.claims, now) else found

    def own_id(self, token: str) -> IdToken | None:
        """What an ID token of ours says, also when it is over."""
        return own_id_token(token, self._issuer_url, self._keys.jwks()["keys"])

    def issuer_named(self, name: str | None) -> PolicyIssuer:
        """Of a policy in force, or (None) the built-in one; NotFound."""
        policies = self._ledger.policies()
        if not policies:
            raise NotFound("there is no policy yet, and so no issuer whose tokens count")
        for issuer in (issuer for policy in policies for issuer in policy.issuers):
            if (name is None and issuer.builtin) or issuer.name == name:
                return issuer
        raise NotFound("the policy has no built-in issuer" if name is None else f"there is no issuer {name[:100]!r}")

    def _audiences(self) -> Mapping[str, str]:
        policy = self._ledger.policy_in_force()
        if policy is None:
            return {}
        return {service: audience_of(policy.trust_domain, service) for service in policy.service_names}


def _lives_s(issuer: PolicyIssuer) -> int | None:
    """How long a token can count after it was issued. One of a fast clock is issued up to ``leeway_s`` from now."""
    if issuer.builtin:
        return RETIRE_AFTER_S
    outside = issuer.outside
    if outside is None or not outside.max_lifetime_s:
        return None
    return outside.max_lifetime_s + 2 * outside.leeway_s
