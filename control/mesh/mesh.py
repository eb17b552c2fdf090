"""All that control can do to a mesh, as one object. Synchronous and thread-safe: the API calls it from worker threads.

Knows nothing of HTTP, trio or sockets.
"""

import os
import ssl
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from control.authority.at_rest import FactorBox, protect
from control.authority.authority import Authority, open_authority
from control.authority.keyring import KeyInfo, Signer
from control.authority.push_tls import PushTls
from control.authority.signing_keys import Algorithm, algorithm_named
from control.authority.vault import Vault
from control.errors import ControlError, NotFound
from control.identity import Applications, BuiltinIssuer, Operators
from control.identity.metadata import discovery, metadata
from control.identity.oauth.registration import REGISTRATION_PATH
from control.identity.people import Room
from control.identity.roles import Role, covers, suffices
from control.issuers.held import DEFAULT_GRACE_S
from control.policy import Policy, PolicyErrors, Problem, check, load
from control.store import Database, open_database
from control.store.audit import AuditEntry, newest

from . import versions
from .api_keys import ApiKeys
from .callers import Callers
from .endings import Endings
from .enrolment import Enrolment
from .explanation import Explanation, explained
from .freeze import Freeze
from .inputs import workloads
from .join_tokens import JoinTokenInfo, JoinTokens
from .keys import Keys
from .ledger import SYSTEM, Ledger
from .news import News
from .presence import Presence
from .providers import Providers
from .pruning import Pruning
from .publication import Publication
from .tokens import Tokens
from .trials import Trials, refuse_if_closed
from .versions import StoredPolicy, Version
from .withdrawal import Withdrawal

NO_POLICY_TRUST_DOMAIN = "mesh.internal"
"""In the certificate of a sidecar that joins before any policy has named a trust domain."""


class Mesh:
    """One mesh: its policy, keys, revocations, applications, operators and sidecars."""

    def __init__(
        self,
        database: Database,
        authority: Authority,
        vault: Vault,
        issuer_url: str,
        secrets: Callable[[str], str | None],
        clock: Callable[[], float],
        token_lifetime_s: int,
        token_algorithm: Algorithm,
        key_grace_s: int,
        key_rotation_s: int,
    ) -> None:
        self._database, self._authority, self._clock = database, authority, clock
        self._issuer_url, self._secrets = issuer_url, secrets
        self._publication = Publication(authority, issuer_url, secrets)
        self._ledger = Ledger(database, self._publication, clock)
        self._keys = Keys(self._ledger, vault, token_algorithm, key_rotation_s)
        self._join_tokens = JoinTokens(database, authority.ca_der, clock)
        self._enrolment = Enrolment(database, authority, self._trust_domain, clock)
        endings = Endings(self._ledger).begin
        self.applications = Applications(database, clock, Callers(self._ledger).changed, endings)
        self.people = Room(database, clock, endings, FactorBox(vault), issuer_url)
        self.operators, self.api_keys = Operators(database, clock), ApiKeys(self._ledger, self.applications)
        self._in_charge = database.lease("background")
        self.providers = Providers(self._ledger, issuer_url, key_grace_s, self._in_charge.is_held)
        signer = Signer(database, vault)
        tokens = self._tokens = Tokens(
            self._ledger, self._keys, self.applications, self.api_keys, signer, issuer_url, token_lifetime_s
        )
        withdraw = Withdrawal(self._ledger, tokens.issuer_named).withdraw
        identify = partial(signer.sign, typ="JWT")
        self.issuer = BuiltinIssuer(
            database,
            self.applications,
            tokens.access,
            issuer_url,
            clock,
            tokens.own,
            withdraw,
            identify,
            endings,
            self.people.describe,
            read_id=tokens.own_id,
            may=self.people.may,
        )
        self._push_tls = PushTls(authority, clock())
        self.canaries = Trials(self._ledger, self._check)
        self.freezes = Freeze(database, clock, self._look_again)
        self._news, self.presence = News(database, self._ledger), Presence(database)
        self._offer()
        self._keys.ensure()
        self._ledger.refresh()
        self._news.begin()

    def _offer(self) -> None:
        """What a part does by itself is offered as it is."""
        self.now = self._clock
        self.ca_der, self.signing_public_key = self._authority.ca_der, self._authority.signing_public_key
        self.current, self.chain_for = self._ledger.current, self._ledger.chain_for
        self.lines_for, self.increments_after = self._ledger.lines_for, self._ledger.increments_after
        self.subscribe, self.refresh_requested = self._ledger.subscribe, self.providers.asked_for
        self.issue, self.revoke, self.revocations = self._tokens.issue, self._tokens.revoke, self._tokens.revocations
        self.jwks, self.revoke_key, self.replace_keys = self._keys.jwks, self._keys.revoke, self._keys.replace
        self.join_tokens, self.revoke_join_token = self._join_tokens.all, self._join_tokens.revoke
        self.enrol, self.authenticate = self._enrolment.enrol, self._enrolment.authenticate
        self.renew, self.seen = self._enrolment.renew, self._enrolment.seen
        self.sidecars, self.revoked = self._enrolment.sidecars, self._enrolment.revoked
        self.prune = Pruning(self._database, self._clock).prune
        self.clients, self.grants, self.authorization = (
            self.issuer.clients,
            self.issuer.grants,
            self.issuer.authorization,
        )
        self.in_charge = self._in_charge.is_held

    def close(self) -> None:
        """Give the database back."""
        self._news.end()
        self._in_charge.release()
        self._database.close()

    def push(
        self,
        source: str,
        files: Mapping[str, str],
        env: Mapping[str, str],
        actor: str,
        *,
        note: str = "",
        expected_version: int | None = None,
    ) -> Version:
        """Put a policy in force. PolicyErrors if it is not sound or fails its own tests; Stale if
        ``expected_version`` (0: none yet) is no longer the newest."""
        self._check(load(source, files, env))

        def choose(session: Session, last: Version | None) -> str:
            versions.insist(last, expected_version)
            refuse_if_closed(session)
            return versions.add_policy(session, source, files, env, actor, self._clock())

        with self._ledger.change("push", actor, note, choose) as (_, version):
            return version

    def rollback(self, version: int, actor: str, *, expected_version: int | None = None) -> Version:
        """Put the policy of ``version`` in force again, as a new version; NotFound, and Stale as for ``push``."""

        def choose(session: Session, last: Version | None) -> str:
            versions.insist(last, expected_version)
            refuse_if_closed(session)
            return versions.policy_at(session, version).id

        with self._ledger.change("rollback", actor, f"to version {version}", choose) as (_, made):
            return made

    def history(self, limit: int = 50, before: int | None = None) -> list[Version]:
        """The newest versions (older than ``before``), newest first."""
        with self._database.read() as session:
            return versions.history(session, limit, before)

    def policy(self, version: int | None = None) -> StoredPolicy:
        """The policy of a version, or the one in force; NotFound."""
        with self._database.read() as session:
            return versions.policy_at(session, version)

    def explain(
        self,
        service: str,
        method: str,
        path: str,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        host: str = "",
        address: str = "",
    ) -> Explanation:
        """What that service's sidecar decides about a request, found by the sidecar's own code; NotFound."""
        chain = self._ledger.chain_for(service)
        if chain is None:
            raise NotFound("there is no policy yet")
        return explained(
            chain, self.signing_public_key, self._clock(), method, path, token, headers or {}, host, address
        )

    def keys(self) -> list[KeyInfo]:
        """The token signing keys, oldest first."""
        return self._keys.infos()

    def rotate_keys(self, actor: str, algorithm: str | None = None) -> Version:
        """Prepare the next signing key; Conflict while one is waiting."""
        return self._keys.rotate(actor, algorithm)

    def advance_keys(self, in_force: int | None) -> list[Version]:
        """To be called every few seconds: see ``Keys.advance``; of several controls one does it. Renews the server
        certificate in passing."""
        self._push_tls.renew_if_due(self._clock())
        return self._keys.advance(in_force) if self._in_charge.is_held() else []

    def end_expired(self) -> int:
        """To be called every few seconds: people and secrets whose time is over are turned off, which the sidecars are
        told; how many. Of several controls one does it."""
        if not self._in_charge.is_held():
            return 0
        return self.people.users.end_expired(SYSTEM) + self.applications.secrets.end_expired(SYSTEM)

    def metadata(self, is_served: Callable[[str], bool]) -> dict[str, object]:
        """RFC 8414, of the paths that are served."""
        return metadata(self._issuer_url, self._named(is_served))

    def discovery(self, is_served: Callable[[str], bool]) -> dict[str, object] | None:
        """OpenID Connect Discovery, of the paths that are served; None where people are not asked."""
        algorithms = [key["alg"] for key in self._keys.jwks()["keys"]]
        return discovery(self._issuer_url, algorithms, self._named(is_served))

    def _named(self, is_served: Callable[[str], bool]) -> Callable[[str], bool]:
        registers = self.issuer.registration is not None
        return lambda path: is_served(path) and (registers or path != REGISTRATION_PATH)

    def let_clients_register(self) -> None:
        """By themselves, with the credential of an operator who may register them."""
        self.issuer.let_register(self._may_register)

    def _may_register(self, credential: str) -> str | None:
        one = self.operators.authenticate(credential)
        if one is None or not suffices(one.role, Role.EDITOR) or not covers(one.scopes, "identity:write"):
            return None
        return one.name

    def create_join_token(
        self, service: str, actor: str, *, uses: int = 1, lifetime_s: int = 3600
    ) -> tuple[JoinTokenInfo, str]:
        """A join token and its text, shown once."""
        return self._join_tokens.create(service, actor, uses, lifetime_s)

    def may_serve(self, service: str) -> bool:
        """False if a policy is in force and does not name ``service``: its sidecars would answer 404 to everything."""
        policies = self._ledger.policies()
        return not policies or any(policy.service(service) is not None for policy in policies)

    def revoke_sidecar(self, sidecar_id: str, actor: str) -> None:
        """Take a sidecar out of the mesh; listeners are told, so that it is disconnected."""
        self._enrolment.revoke_sidecar(sidecar_id, actor)
        self._look_again()

    def server_context(self) -> ssl.SSLContext:
        """TLS for the push socket: the same context each time, its certificate renewed while it is used."""
        return self._push_tls.context

    def audit(
        self, limit: int = 100, *, before: int | None = None, actor: str | None = None, action: str | None = None
    ) -> list[AuditEntry]:
        """Administrative changes, newest first: see ``control.store.audit.newest``."""
        with self._database.read() as session:
            return newest(session, limit, before=before, actor=actor, action=action)

    def _check(self, policy: Policy) -> None:
        with self._database.read() as session:
            own = self._publication.own_issuer(session)
            known = workloads(session, policy, all_known=False)
        report = check(policy, now=int(self._clock()), own=own, secrets=self._secrets, workloads=known)
        failed = [
            Problem(test.line, test.name, f"expected {test.expected}, and the answer would be {test.happened}")
            for test in report.tests
            if not test.passed
        ]
        if not report.ok:
            raise PolicyErrors(policy.name, [*report.problems, *failed])

    def _look_again(self) -> None:
        current = self._ledger.current()
        self._ledger.announce(current.version if current else 0)

    def _trust_domain(self) -> str:
        policy = self._ledger.policy_in_force()
        return NO_POLICY_TRUST_DOMAIN if policy is None else policy.trust_domain


def open_mesh(
    data: Path,
    public_url: str,
    *,
    database: str | None = None,
    secrets: Callable[[str], str | None] = os.environ.get,
    clock: Callable[[], float] = time.time,
    token_lifetime_s: int = 900,
    token_algorithm: str = "ES256",
    key_grace_s: int = DEFAULT_GRACE_S,
    key_rotation_s: int = 0,
    vault: Vault | None = None,
) -> Mesh:
    """The mesh kept in ``data`` (or in the database of that URL), made now if there is none. Its private keys are as
    ``vault`` says: encrypted, or as they are. WrongMasterKey, and nothing is changed."""
    store, box = open_database(data, database), vault or Vault()
    try:
        protect(store, box, clock(), SYSTEM)
        with store.write() as session:
            authority = open_authority(session, clock(), box)
    except ControlError:
        store.close()
        raise
    algorithm = algorithm_named(token_algorithm)
    url, times = public_url.rstrip("/"), (key_grace_s, key_rotation_s)
    return Mesh(store, authority, box, url, secrets, clock, token_lifetime_s, algorithm, *times)
