"""The issuers of a policy as an operator sees them: where their keys come from, which count, how fresh they are."""

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from control.authority import keyring
from control.issuers.held import HeldKey
from control.policy.model import PolicyIssuer
from control.store.tables import ProviderRow
from sidecar.authn.keys import load_keys
from sidecar.contract.snapshot import Issuer
from sidecar.contract.strict import ContractError


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as an operator sees it. ``leaves_at``: when it stops counting, if its provider publishes it no more."""

    kid: str
    kty: str
    leaves_at: int | None = None


@dataclass(frozen=True, slots=True)
class IssuerInfo:
    """An issuer of the policy, and how fresh its keys are. Times are unix seconds; ``error`` is of the last try."""

    name: str
    issuer: str
    keys_from: str
    fetched: bool
    keys_known: bool
    keys: list[KeyView]
    fetched_at: int | None = None
    due_at: int | None = None
    failures: int = 0
    error: str = ""


def described(session: Session, issuer: PolicyIssuer, own_url: str, grace_s: int) -> IssuerInfo:
    """The issuer as it stands. ``own_url``: the built-in issuer's."""
    if issuer.outside is None:
        keys = [KeyView(key["kid"], key["kty"]) for key in keyring.published(session)]
        return IssuerInfo(issuer.name, own_url, issuer.keys_source, False, True, keys)
    if not issuer.fetched:
        keys = [KeyView(key.get("kid", ""), key["kty"]) for key in issuer.outside.keys]
        return IssuerInfo(issuer.name, issuer.issuer, issuer.keys_source, False, True, keys)
    row = session.get(ProviderRow, issuer.keys_from)
    none = IssuerInfo(issuer.name, issuer.issuer, issuer.keys_source, True, False, [])
    if row is None:
        return none
    held = [
        KeyView(key.kid, key.jwk["kty"], None if key.gone_at is None else key.gone_at + grace_s) for key in held_in(row)
    ]
    known = any(_fits(issuer.outside, key) for key in held_in(row))
    unfit = f"none of its keys is one for {', '.join(issuer.outside.algorithms)}" if held and not known else ""
    return replace(
        none,
        keys_known=known,
        keys=held,
        fetched_at=row.fetched_at,
        due_at=row.due_at,
        failures=row.failures,
        error=row.error or unfit,
    )


def _fits(issuer: Issuer, key: HeldKey) -> bool:
    try:
        return len(load_keys(replace(issuer, keys=(key.jwk,)))) > 0
    except ContractError:
        return False


def held_in(row: ProviderRow) -> tuple[HeldKey, ...]:
    """The keys that count, of those that are written down."""
    return tuple(HeldKey(key["jwk"], key["gone_at"]) for key in row.keys)
