"""Policy -> one service's Snapshot. The same arguments give the same snapshot, byte for byte.

A snapshot holds what its service uses and no more: no other service's routes, issuers or secrets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from control.issuers.keys import key_from_secret
from sidecar.authn.keys import load_keys
from sidecar.contract.snapshot import MAX_SNAPSHOT_BYTES, Issuer, Jwk, Revocation, Snapshot, encode, with_requirements
from sidecar.contract.strict import ContractError

from .model import Policy, PolicyIssuer
from .problems import PolicyErrors, Problem, spell

Secrets = Callable[[str], str | None]


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
) -> Snapshot:
    """What ``service``'s sidecar enforces. A service that the policy does not name gets no routes. PolicyErrors if
    a secret is missing or weak, or if an issuer's URL is control's own. With ``own`` None the built-in issuer's
    URL and keys are unknown, and its tokens are refused."""
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
        compiled = _issuer(policy, issuer, service, own, secrets)
        if isinstance(compiled, Problem):
            problems.append(compiled)
        else:
            issuers.append(compiled)
    problems += _clashes(policy, issuers)
    snapshot = with_requirements(
        replace(
            snapshot,
            issuers=tuple(issuers),
            routes=found.routes,
            forward=found.forward,
            revocations=tuple(sorted(set(_told(revocations, found.issuers)), key=_order)),
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
    previous: Snapshot, *, version: int, issued_at: int, own: OwnIssuer, revocations: Sequence[Revocation]
) -> Snapshot:
    """``previous`` with other revocations and other keys of the built-in issuer, and everything else as it was: what
    goes out when its policy cannot be compiled just now and a token or a key must be revoked all the same."""
    issuers = tuple(
        replace(issuer, keys=own.jwks, algorithms=own.algorithms) if issuer.issuer == own.issuer else issuer
        for issuer in previous.issuers
    )
    names = tuple(issuer.name for issuer in issuers)
    told = tuple(sorted(set(_told(revocations, names)), key=_order))
    return replace(previous, version=version, issued_at=issued_at, issuers=issuers, revocations=told)


def _issuer(
    policy: Policy, issuer: PolicyIssuer, service: str, own: OwnIssuer | None, secrets: Secrets
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
        )
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


def _clashes(policy: Policy, issuers: Sequence[Issuer]) -> list[Problem]:
    urls = [issuer.issuer for issuer in issuers]
    return [
        Problem(known.line, spell(("issuers", known.name, "issuer")), "this is control's own issuer: use builtin: true")
        for issuer in issuers
        if urls.count(issuer.issuer) > 1 and (known := policy.issuer(issuer.name)) and not known.builtin
    ]


def _told(revocations: Sequence[Revocation], issuers: tuple[str, ...]) -> list[Revocation]:
    """Those that can name a token which this service would otherwise accept."""
    return [revocation for revocation in revocations if revocation.issuer in issuers]


def _order(revocation: Revocation) -> tuple[str, str, str, int, int]:
    return (revocation.issuer, revocation.by, revocation.value, revocation.before, revocation.until)
