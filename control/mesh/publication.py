"""From a version to the bytes that sidecars get: compile, encode, sign, keep.

What is compiled depends on the version, its time, the policy, the published keys, the revocations and control's own
environment, and on nothing else; so the same bytes come out again after a restart, and different ones are news. A
revocation is the exception, and the commonest change: one increment for all services, for which nothing is compiled.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from control.authority import keyring
from control.authority.authority import Authority
from control.lines import Lines
from control.policy import OwnIssuer, Policy, PolicyErrors, carried_over, compile_snapshot
from control.store.tables import CanarySnapshotRow, JoinTokenRow, SidecarRow, SnapshotRow, VersionRow
from sidecar.contract.envelope import Sealed
from sidecar.contract.increment import Chain
from sidecar.contract.snapshot import Revocation, decode, encode
from sidecar.contract.strict import ContractError

from . import canaries, increments, revocations
from .inputs import inputs
from .versions import Version

KEEP_VERSIONS = 20
"""Snapshots of older versions are dropped: going back compiles the old policy anew."""
_KEEPS_POLICY = ("revocation", "keys", "restore", "canary", "abort")
Row = SnapshotRow | CanarySnapshotRow
_log = logging.getLogger("control.mesh")


class Publication:
    """Writes and reads snapshots within the caller's transaction."""

    def __init__(self, authority: Authority, issuer_url: str, secrets: Callable[[str], str | None]) -> None:
        self._authority, self._issuer_url, self._secrets = authority, issuer_url, secrets

    def own_issuer(self, session: Session) -> OwnIssuer:
        """The built-in issuer as the snapshots name it."""
        jwks = keyring.published(session)
        return OwnIssuer(self._issuer_url, jwks, tuple(sorted({jwk["alg"] for jwk in jwks})))

    def publish(self, session: Session, version: Version, policy: Policy, candidate: Policy | None = None) -> None:
        """Every service's snapshot of ``version``; PolicyErrors if a secret of the policy is not to be had. What leaves
        the policy as it is (a revocation, a key) goes out even then: the snapshots before it are carried over.
        ``candidate`` is the policy of a canary that runs: its snapshots go where they say something else."""
        told = revocations.as_contract(revocations.in_force(session, version.created_at))
        services = _services(session, policy) | (set() if candidate is None else set(candidate.service_names))
        for service in sorted(services):
            try:
                self._add(session, version, policy, service, told, candidate)
            except PolicyErrors as error:
                if version.kind not in _KEEPS_POLICY or version.kind == "canary":
                    raise
                _log.error("version %d: %s never had a snapshot and gets none: %s", version.version, service, error)
        session.execute(delete(SnapshotRow).where(SnapshotRow.version <= version.version - KEEP_VERSIONS))
        kept = version.version - KEEP_VERSIONS if candidate is not None else version.version
        session.execute(delete(CanarySnapshotRow).where(CanarySnapshotRow.version <= kept))
        increments.drop(session)
        session.flush()

    def increment(self, session: Session, version: Version, trust_domain: str, entries: Sequence[Revocation]) -> bool:
        """Make ``version`` one document for all services, if that can be: nothing is compiled for it."""
        return increments.add(session, self._authority, version, trust_domain, entries)

    def chain(self, session: Session, version: Version, service: str) -> Chain | None:
        """The service's newest snapshot and the increments after it; None if that would not lead to ``version``."""
        query = select(SnapshotRow).where(SnapshotRow.service == service).order_by(SnapshotRow.version.desc())
        row = session.scalars(query.limit(1)).first()
        if row is None or row.version < increments.last_whole(session, version.version):
            return None
        sealed = Sealed(row.payload, row.signature, row.key_id)
        return Chain.begin(row.version, sealed, increments.after(session, row.version))

    def lines(self, session: Session, version: Version, service: str) -> Lines | None:
        """The service's chain, and beside it that of the canary's sidecars, where that is another."""
        stable = self.chain(session, version, service)
        running = None if stable is None else canaries.running(session)
        if stable is None or running is None:
            return None if stable is None else Lines(stable)
        row = session.get(CanarySnapshotRow, (stable.places[0].version, service))
        if row is None:
            return Lines(stable)
        sealed = Sealed(row.payload, row.signature, row.key_id)
        return Lines(stable, Chain.begin(row.version, sealed, stable.increments), running.share)

    def add(
        self, session: Session, version: Version, policy: Policy, service: str, candidate: Policy | None = None
    ) -> Lines:
        """One service's snapshots of ``version``, made after the others."""
        told = revocations.as_contract(revocations.in_force(session, version.created_at))
        self._add(session, version, policy, service, told, candidate)
        session.flush()
        made = self.lines(session, version, service)
        if made is None:
            raise AssertionError("it was just added")
        return made

    def on_trial(self, session: Session) -> frozenset[str]:
        """The services whose canary's sidecars get something else than the others."""
        newest = session.scalar(select(func.max(VersionRow.version))) or 0
        whole = increments.last_whole(session, newest)
        query = select(CanarySnapshotRow.service).where(CanarySnapshotRow.version >= whole)
        return frozenset(session.scalars(query))

    def differing(self, session: Session, version: Version, one: Policy, other: Policy) -> set[str]:
        """The services that get something else from the one than from the other."""
        return {
            service
            for service in {*one.service_names, *other.service_names}
            if self._compile(session, version, one, service, ()) != self._compile(session, version, other, service, ())
        }

    def _add(
        self,
        session: Session,
        version: Version,
        policy: Policy,
        service: str,
        told: Sequence[Revocation],
        candidate: Policy | None,
    ) -> None:
        payload = self._payload(session, version, policy, service, told, SnapshotRow)
        self._keep(session, SnapshotRow, version, service, payload)
        if candidate is not None:
            tried = self._payload(session, version, candidate, service, told, CanarySnapshotRow)
            if tried != payload:
                self._keep(session, CanarySnapshotRow, version, service, tried)

    def _keep(self, session: Session, table: type[Row], version: Version, service: str, payload: bytes) -> None:
        sealed = self._authority.seal(payload)
        session.add(
            table(
                version=version.version,
                service=service,
                payload=sealed.payload,
                signature=sealed.signature,
                key_id=sealed.key_id,
                digest=sealed.digest,
            )
        )

    def _payload(
        self,
        session: Session,
        version: Version,
        policy: Policy,
        service: str,
        told: Sequence[Revocation],
        table: type[Row],
    ) -> bytes:
        try:
            return self._compile(session, version, policy, service, told)
        except PolicyErrors as error:
            comes_in = version.kind == "canary" and table is CanarySnapshotRow
            keeps = version.kind in _KEEPS_POLICY and not comes_in
            previous = self._newest(session, service, table) if keeps else None
            if previous is None:
                raise
            _log.error(
                "version %d: %s cannot be compiled, its last snapshot is carried over: %s",
                version.version,
                service,
                error,
            )
            return self._carry_over(session, version, policy, previous, told)

    def is_stale(self, session: Session, version: Version, policy: Policy) -> bool:
        """Would the snapshots that ``version`` stands on come out otherwise if they were compiled now? Revocations are
        left aside: they are not compiled, and some were made, and some forgotten, since."""
        rows = session.execute(
            select(SnapshotRow.service, SnapshotRow.payload, VersionRow)
            .join(VersionRow, VersionRow.version == SnapshotRow.version)
            .where(SnapshotRow.version >= increments.last_whole(session, version.version))
        )
        services = set[str]()
        for service, payload, made in rows:
            services.add(service)
            at = replace(version, version=made.version, created_at=made.created_at)
            if self._compile(session, at, policy, service, ()) != _without_revocations(payload):
                return True
        return not set(policy.service_names) <= services

    @staticmethod
    def _newest(session: Session, service: str, table: type[Row]) -> bytes | None:
        newest = select(table.payload).where(table.service == service).order_by(table.version.desc())
        return session.scalars(newest.limit(1)).first()

    def _carry_over(
        self, session: Session, version: Version, policy: Policy, previous: bytes, told: Sequence[Revocation]
    ) -> bytes:
        snapshot = carried_over(
            decode(previous),
            policy,
            version=version.version,
            issued_at=version.created_at,
            own=self.own_issuer(session),
            revocations=told,
            **inputs(session, policy, version),
        )
        return encode(snapshot)

    def _compile(
        self, session: Session, version: Version, policy: Policy, service: str, told: Sequence[Revocation]
    ) -> bytes:
        snapshot = compile_snapshot(
            policy,
            service,
            version=version.version,
            issued_at=version.created_at,
            own=self.own_issuer(session),
            secrets=self._secrets,
            revocations=told,
            **inputs(session, policy, version),
        )
        return encode(snapshot)


def _without_revocations(payload: bytes) -> bytes:
    try:
        return encode(replace(decode(payload), revocations=()))
    except ContractError:
        return b""  # of another version of control: it is stale


def _services(session: Session, policy: Policy) -> set[str]:
    joined = session.scalars(select(SidecarRow.service).where(~SidecarRow.revoked).distinct())
    invited = session.scalars(select(JoinTokenRow.service).where(~JoinTokenRow.revoked).distinct())
    return {*policy.service_names, *joined, *invited}
