"""From a version to the bytes that sidecars get: compile, encode, sign, keep.

What is compiled depends on the version, its time, the policy, the published keys, the revocations and control's own
environment, and on nothing else; so the same bytes come out again after a restart, and different ones are news.
"""

import logging
from collections.abc import Callable, Mapping

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from control.authority import keyring
from control.authority.authority import Authority
from control.policy import OwnIssuer, Policy, PolicyErrors, carried_over, compile_snapshot
from control.store.tables import JoinTokenRow, SidecarRow, SnapshotRow
from sidecar.contract.envelope import Sealed
from sidecar.contract.snapshot import decode, encode

from . import revocations
from .versions import Version

KEEP_VERSIONS = 20
"""Snapshots of older versions are dropped: going back compiles the old policy anew."""
_KEEPS_POLICY = ("revocation", "keys")
_log = logging.getLogger("control.mesh")


class Publication:
    """Writes and reads snapshots within the caller's transaction."""

    def __init__(self, authority: Authority, issuer_url: str, secrets: Callable[[str], str | None]) -> None:
        self._authority, self._issuer_url, self._secrets = authority, issuer_url, secrets

    def own_issuer(self, session: Session) -> OwnIssuer:
        """The built-in issuer as the snapshots name it."""
        jwks = keyring.published(session)
        return OwnIssuer(self._issuer_url, jwks, tuple(sorted({jwk["alg"] for jwk in jwks})))

    def publish(self, session: Session, version: Version, policy: Policy) -> None:
        """Every service's snapshot of ``version``; PolicyErrors if a secret of the policy is not to be had. What leaves
        the policy as it is (a revocation, a key) goes out even then: the snapshots before it are carried over."""
        for service in sorted(_services(session, policy)):
            self.add(session, version, policy, service)
        session.execute(delete(SnapshotRow).where(SnapshotRow.version <= version.version - KEEP_VERSIONS))
        session.flush()

    def add(self, session: Session, version: Version, policy: Policy, service: str) -> Sealed:
        """One service's snapshot of ``version``."""
        try:
            payload = self._compile(session, version, policy, service)
        except PolicyErrors as error:
            previous = self._newest(session, service) if version.kind in _KEEPS_POLICY else None
            if previous is None:
                raise
            _log.error(
                "version %d: %s cannot be compiled, its last snapshot is carried over: %s",
                version.version,
                service,
                error,
            )
            payload = self._carry_over(session, version, previous)
        sealed = self._authority.seal(payload)
        session.add(
            SnapshotRow(
                version=version.version,
                service=service,
                payload=sealed.payload,
                signature=sealed.signature,
                key_id=sealed.key_id,
                digest=sealed.digest,
            )
        )
        return sealed

    def is_stale(self, session: Session, version: Version, policy: Policy) -> bool:
        """Would the snapshots of ``version`` come out otherwise if they were compiled now?"""
        kept = self._kept(session, version)
        now = {service: self._compile(session, version, policy, service) for service in kept}
        return now != kept or not set(policy.service_names) <= set(kept)

    @staticmethod
    def stored(session: Session, version: Version, service: str) -> Sealed | None:
        """The snapshot as it was signed, or None if that service had none."""
        row = session.get(SnapshotRow, (version.version, service))
        return None if row is None else Sealed(row.payload, row.signature, row.key_id)

    @staticmethod
    def _kept(session: Session, version: Version) -> Mapping[str, bytes]:
        rows = session.scalars(select(SnapshotRow).where(SnapshotRow.version == version.version))
        return {row.service: row.payload for row in rows}

    @staticmethod
    def _newest(session: Session, service: str) -> bytes | None:
        newest = select(SnapshotRow.payload).where(SnapshotRow.service == service).order_by(SnapshotRow.version.desc())
        return session.scalars(newest.limit(1)).first()

    def _carry_over(self, session: Session, version: Version, previous: bytes) -> bytes:
        snapshot = carried_over(
            decode(previous),
            version=version.version,
            issued_at=version.created_at,
            own=self.own_issuer(session),
            revocations=revocations.as_contract(revocations.in_force(session, version.created_at)),
        )
        return encode(snapshot)

    def _compile(self, session: Session, version: Version, policy: Policy, service: str) -> bytes:
        snapshot = compile_snapshot(
            policy,
            service,
            version=version.version,
            issued_at=version.created_at,
            own=self.own_issuer(session),
            secrets=self._secrets,
            revocations=revocations.as_contract(revocations.in_force(session, version.created_at)),
        )
        return encode(snapshot)


def _services(session: Session, policy: Policy) -> set[str]:
    joined = session.scalars(select(SidecarRow.service).where(~SidecarRow.revoked).distinct())
    invited = session.scalars(select(JoinTokenRow.service).where(~JoinTokenRow.revoked).distinct())
    return {*policy.service_names, *joined, *invited}
