"""What a snapshot is compiled from besides the policy: the keys that were fetched, API keys, and the applications that
are workloads. Read in the transaction in which it is compiled.
"""

from collections.abc import Sequence
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.identity.api_keys import hashes
from control.issuers.provider import Provider
from control.policy import Policy
from control.policy.model import PolicyIssuer
from control.store.tables import ApplicationRow, ProviderRow
from sidecar.contract.snapshot import ApiKey, Jwk, Workload

from .versions import Version

_NEW_POLICY = ("push", "rollback")


class Inputs(TypedDict):
    """Arguments of ``compile_snapshot``."""

    fetched: dict[str, tuple[Jwk, ...]]
    api_keys: Sequence[ApiKey]
    workloads: Sequence[Workload]


def inputs(session: Session, policy: Policy, version: Version) -> Inputs:
    """As they stand at ``version``. A caller that nobody knows is a problem of a policy that comes in, and nobody in
    one that is in force: its application was removed."""
    return Inputs(
        fetched=fetched(session, policy),
        api_keys=api_keys(session, policy, version.created_at),
        workloads=workloads(session, policy, all_known=version.kind not in _NEW_POLICY),
    )


def provider_of(issuer: PolicyIssuer) -> Provider:
    """Where its keys are to be had."""
    return Provider(issuer.issuer, issuer.jwks_url, issuer.allow_http)


def providers_of(policy: Policy | None) -> tuple[Provider, ...]:
    """Every provider that the policy names, each key set once."""
    found = [provider_of(issuer) for issuer in (policy.issuers if policy else ()) if issuer.fetched]
    return tuple({provider.source: provider for provider in reversed(found)}.values())


def fetched(session: Session, policy: Policy) -> dict[str, tuple[Jwk, ...]]:
    """The keys of providers that count now."""
    rows = [session.get(ProviderRow, provider.source) for provider in providers_of(policy)]
    return {row.source: tuple(key["jwk"] for key in row.keys) for row in rows if row is not None and row.keys}


def builtin_issuer(policy: Policy | None) -> str | None:
    """The name under which the policy has control's own issuer."""
    return next((issuer.name for issuer in policy.issuers if issuer.builtin), None) if policy else None


def api_keys(session: Session, policy: Policy, now: int) -> tuple[ApiKey, ...]:
    """The API keys that count at ``now``: of the built-in issuer, or none."""
    issuer = builtin_issuer(policy)
    if issuer is None:
        return ()
    return tuple(
        ApiKey(
            key.id,
            secret_hash,
            issuer,
            key.subject,
            key.client_id,
            tuple(key.scopes),
            expires_at=key.expires_at,
            issued_at=key.created_at,
        )
        for key, secret_hash in hashes(session)
        if not key.expires_at or key.expires_at > now
    )


def named_callers(policy: Policy | None) -> frozenset[str]:
    """Every caller that some rule of the policy names."""
    return frozenset(name for service in (policy.services if policy else ()) for name in service.callers)


def workloads(session: Session, policy: Policy, *, all_known: bool) -> tuple[Workload, ...]:
    """The applications that are workloads. ``all_known``: a caller without an application is nobody, in place of a
    problem: an application that goes must not keep a version from being made."""
    issuer = builtin_issuer(policy)
    if issuer is None:
        return ()
    rows = session.scalars(select(ApplicationRow).where(ApplicationRow.active).order_by(ApplicationRow.name))
    found = {row.name: Workload(row.name, issuer, (row.client_id,)) for row in rows}
    if all_known:
        found = {name: Workload(name, issuer, ()) for name in sorted(named_callers(policy))} | found
    return tuple(found.values())
