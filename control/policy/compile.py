"""Policy -> one service's Snapshot. The same arguments give the same snapshot, byte for byte.

A snapshot holds what its service uses and no more: no other service's routes, issuers or secrets.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from control.issuers.keys import key_from_secret
from sidecar.authn.keys import load_keys
from sidecar.contract.snapshot import (
    MAX_SNAPSHOT_BYTES,
    ApiKey,
    Issuer,
    Jwk,
    Revocation,
    Snapshot,
    Workload,
    encode,
    with_requirements,
)
from sidecar.contract.strict import ContractError

from .model import Policy, PolicyIssuer, ServicePolicy
from .problems import PolicyErrors, Problem, quoted, spell, suggestion
from .resource_metadata import metadata_route, metadata_url

Secrets = Callable[[str], str | None]
Fetched = Mapping[str, tuple[Jwk, ...]]
"""The keys that control has fetched, by ``PolicyIssuer.keys_from``."""
_NONE_FETCHED: Fetched = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OwnIssuer:
    """The built-in issuer as it stands: its ``iss``, its public keys, and what they sign with."""

    issuer: str
    jwks: tuple[Jwk, ...]
    algorithms: tuple[str, ...]


_UNKNOWN = OwnIssuer("urn:sidegate:builtin-issuer", (), ("ES256",))


def audience_of(trust_domain: str, service: str) -> str:
    """The ``aud`` of the built-in issuer's tokens for a service: ``https://orders.shop.test``."""
    return f"https://{service}.{trust_domain}"


def compile_snapshot(
    policy: Policy,
    service: str,
    *,
    version: int,
    issued_at: int,
    own: OwnIssuer | None,
    secrets: Secrets,
    revocations: Sequence[Revocation] = (),
    fetched: Fetched = _NONE_FETCHED,
    api_keys: Sequence[ApiKey] = (),
    workloads: Sequence[Workload] = (),
) -> Snapshot:
    """What ``service``'s sidecar enforces. A service that the policy does not name gets no routes. PolicyErrors if
    a secret is missing or weak, if an issuer's URL is control's own, or if a rule names a caller that is neither a
    service nor one of ``workloads``. With ``own`` None the built-in issuer's URL and keys are unknown, and its tokens
    are refused; so are those of an issuer whose keys are not in ``fetched``, under its ``PolicyIssuer.keys_from``."""
    found = policy.service(service)
    snapshot = Snapshot(policy.trust_domain, service, version, issued_at)
    if found is None:
        return snapshot
    problems: list[Problem] = []
    issuers: list[Issuer] = []
    for name in found.issuers:
        issuer = policy.issuer(name)
        if issuer is None:
            raise AssertionError("load() lets no unknown issuer through")
        compiled = _issuer(policy, issuer, service, own, secrets, fetched)
        if isinstance(compiled, Problem):
            problems.append(compiled)
        else:
            issuers.append(compiled)
    problems += _clashes(policy, issuers)
    problems += _strangers(policy, found, workloads)
    resource = audience_of(policy.trust_domain, service) if found.metadata else ""
    told = [issuer.issuer for issuer in issuers if own is not None or issuer.issuer != _UNKNOWN.issuer]
    shown = (metadata_route(resource, service, told, found.routes),) if resource else ()
    takes_keys = any(source.kind == "api_key" for route in found.routes for source in route.credentials)
    snapshot = with_requirements(
        replace(
            snapshot,
            issuers=tuple(issuers),
            routes=(*shown, *found.routes),
            resource_metadata=metadata_url(resource) if resource else "",
            forward=found.forward,
            revocations=tuple(sorted(set(_told(revocations, found.issuers)), key=_order)),
            deny=found.deny,
            cors=found.cors,
            api_keys=_keys_told(api_keys, found.issuers) if takes_keys else (),
            workloads=_callers(policy, found, workloads),
        )
    )
    if not problems and len(encode(snapshot)) > MAX_SNAPSHOT_BYTES:
        problems.append(
            Problem(found.line, spell(("services", service)), f"its snapshot is over {MAX_SNAPSHOT_BYTES} bytes")
        )
    if problems:
        raise PolicyErrors(policy.name, problems)
    return snapshot


def carried_over(
    previous: Snapshot,
    policy: Policy,
    *,
    version: int,
    issued_at: int,
    own: OwnIssuer,
    revocations: Sequence[Revocation],
    fetched: Fetched = _NONE_FETCHED,
    api_keys: Sequence[ApiKey] = (),
    workloads: Sequence[Workload] = (),
) -> Snapshot:
    """``previous``, which was of ``policy``, with other revocations and other keys, and everything else as it was: what
    goes out when the policy cannot be compiled just now and a token, a key or a caller must be revoked all the same. Of
    its API keys those stay that are among ``api_keys``; none comes, for the same reason."""
    issuers = tuple(_with_keys(issuer, policy.issuer(issuer.name), own, fetched) for issuer in previous.issuers)
    names = tuple(issuer.name for issuer in issuers)
    left = {key.id: key for key in _keys_told(api_keys, names)}
    known = {workload.name: workload.subjects for workload in workloads}
    changed = replace(
        previous,
        version=version,
        issued_at=issued_at,
        issuers=issuers,
        revocations=tuple(sorted(set(_told(revocations, names)), key=_order)),
        api_keys=tuple(left[key.id] for key in previous.api_keys if key.id in left),
        workloads=tuple(replace(one, subjects=tuple(sorted(known.get(one.name, ())))) for one in previous.workloads),
    )
    return with_requirements(changed)


def _with_keys(issuer: Issuer, named: PolicyIssuer | None, own: OwnIssuer, fetched: Fetched) -> Issuer:
    if issuer.issuer == own.issuer:
        return replace(issuer, keys=own.jwks, algorithms=own.algorithms)
    if named is None or not named.fetched or named.issuer != issuer.issuer:
        return issuer
    keys = _usable(issuer, fetched.get(named.keys_from, ()))
    return replace(issuer, keys=keys, keys_known=bool(keys))


def _issuer(
    policy: Policy, issuer: PolicyIssuer, service: str, own: OwnIssuer | None, secrets: Secrets, fetched: Fetched
) -> Issuer | Problem:
    if issuer.outside is None:
        known = own or _UNKNOWN
        return Issuer(
            name=issuer.name,
            issuer=known.issuer,
            audiences=(audience_of(policy.trust_domain, service),),
            algorithms=known.algorithms,
            leeway_s=issuer.leeway_s,
            keys=known.jwks,
            keys_known=own is not None,
            max_lifetime_s=issuer.max_lifetime_s,
        )
    if issuer.fetched:
        keys = _usable(issuer.outside, fetched.get(issuer.keys_from, ()))
        return replace(issuer.outside, keys=keys, keys_known=bool(keys))
    if issuer.secret_name is None:
        return issuer.outside
    where = spell(("issuers", issuer.name, "jwks", "secret", "env"))
    secret = secrets(issuer.secret_name)
    if not secret:
        return Problem(issuer.line, where, f"control's environment has no variable {issuer.secret_name}")
    whole = replace(issuer.outside, keys=(key_from_secret(secret),))
    try:
        load_keys(whole)
    except ContractError as error:
        return Problem(issuer.line, where, f"the secret in {issuer.secret_name}: {error}")
    return whole


def _usable(issuer: Issuer, keys: Sequence[Jwk]) -> tuple[Jwk, ...]:
    """Those that a sidecar takes. What a provider publishes beside them (a weak key, a second one of the same ``kid``)
    must not keep everybody's tokens out."""
    found: list[Jwk] = []
    taken: set[str] = set()
    for key in keys:
        kid = key.get("kid")
        if kid in taken:
            continue
        try:
            load_keys(replace(issuer, keys=(key,)))
        except ContractError:
            continue
        found.append(key)
        taken |= {kid} if kid is not None else set()
    return tuple(found)


def _clashes(policy: Policy, issuers: Sequence[Issuer]) -> list[Problem]:
    urls = [url for issuer in issuers for url in (issuer.issuer, *issuer.aliases)]
    return [
        Problem(known.line, spell(("issuers", known.name, "issuer")), "this is control's own issuer: use builtin: true")
        for issuer in issuers
        if urls.count(issuer.issuer) > 1 and (known := policy.issuer(issuer.name)) and not known.builtin
    ]


def _strangers(policy: Policy, service: ServicePolicy, workloads: Sequence[Workload]) -> list[Problem]:
    known = tuple(dict.fromkeys((*policy.service_names, *(workload.name for workload in workloads))))
    return [
        Problem(
            line,
            spell(("services", service.name, part, number)),
            f"{quoted(name)} is no service here and no application (control app add){suggestion(name, known)}",
        )
        for part, number, line, named in service.callers_at
        for name in named
        if name not in known
    ]


def _callers(policy: Policy, service: ServicePolicy, workloads: Sequence[Workload]) -> tuple[Workload, ...]:
    """The workloads that the service's rules name, and no others. A service of which control knows no token yet is
    nobody: its rule refuses."""
    known = {workload.name: workload for workload in workloads}
    builtin = next((issuer.name for issuer in policy.issuers if issuer.builtin), "")
    found = [known.get(name) or Workload(name, builtin, ()) for name in sorted(service.callers)]
    return tuple(replace(workload, subjects=tuple(sorted(set(workload.subjects)))) for workload in found)


def _keys_told(api_keys: Sequence[ApiKey], issuers: tuple[str, ...]) -> tuple[ApiKey, ...]:
    told = {key.id: replace(key, scopes=tuple(sorted(set(key.scopes)))) for key in api_keys if key.issuer in issuers}
    return tuple(told[name] for name in sorted(told))


def _told(revocations: Sequence[Revocation], issuers: tuple[str, ...]) -> list[Revocation]:
    """Those that can name a token which this service would otherwise accept."""
    return [revocation for revocation in revocations if revocation.issuer in issuers]


def _order(revocation: Revocation) -> tuple[str, str, str, int, int]:
    return (revocation.issuer, revocation.by, revocation.value, revocation.before, revocation.until)
