"""What changes for whose tokens count. Where keys or claims come from another place, more may pass: who knows."""

from collections.abc import Iterator

from sidecar.contract.snapshot import ClaimPath, Issuer

from .change import Change, listed
from .model import Policy, PolicyIssuer


def issuer_changes(old: Policy, new: Policy) -> Iterator[Change]:
    """Issuers that come, go and change."""
    for issuer in old.issuers:
        if new.issuer(issuer.name) is None:
            yield Change("removed", f"issuer {issuer.name}", "removed")
    for issuer in new.issuers:
        known = old.issuer(issuer.name)
        if known is None:
            yield Change("added", f"issuer {issuer.name}", f"added ({_who(issuer)})", bool(old.services))
        else:
            yield from _issuer(known, issuer)


def _who(issuer: PolicyIssuer) -> str:
    if issuer.outside is None:
        return "built in"
    return f"{issuer.outside.issuer}, audience {' '.join(issuer.outside.audiences)}"


def _issuer(old: PolicyIssuer, new: PolicyIssuer) -> Iterator[Change]:
    where = f"issuer {new.name}"
    if old.leeway_s != new.leeway_s:
        yield Change("changed", where, f"leeway {old.leeway_s}s -> {new.leeway_s}s", new.leeway_s > old.leeway_s)
    if old.max_lifetime_s != new.max_lifetime_s:
        was, now = old.max_lifetime_s, new.max_lifetime_s
        told = f"max_lifetime {_seconds(was)} -> {_seconds(now)}"
        yield Change("changed", where, told, was is not None and (now is None or now > was))
    if old.keys_source != new.keys_source and not (old.builtin or new.builtin):
        yield Change("changed", where, f"keys from {old.keys_source} -> {new.keys_source}", True)
    if old.outside is None or new.outside is None:
        if old.builtin != new.builtin:
            yield Change("changed", where, f"{_who(old)} -> {_who(new)}", True)
        return
    yield from _outside(where, old.outside, new.outside)


def _outside(where: str, old: Issuer, new: Issuer) -> Iterator[Change]:
    if old.issuer != new.issuer:
        yield Change("changed", where, f"issuer {old.issuer} -> {new.issuer}", True)
    for word, before, after in (
        ("audience", old.audiences, new.audiences),
        ("algorithms", old.algorithms, new.algorithms),
        ("aliases", old.aliases, new.aliases),
    ):
        if before != after:
            yield Change("changed", where, f"{word} {listed(before)} -> {listed(after)}", not set(after) <= set(before))
    for word in ("subject", "subject_else", "scopes", "client", "roles", "audience"):
        was, now = _places(getattr(old.claims, word)), _places(getattr(new.claims, word))
        if was != now:
            yield Change("changed", where, f"claims.{word} {was} -> {now}", True)
    if old.token_type != new.token_type:
        yield Change("changed", where, f"token_type {old.token_type} -> {new.token_type}", new.token_type == "any")
    required, requires = ([".".join(path) for path in issuer.required_claims] for issuer in (old, new))
    if required != requires:
        more = not set(required) <= set(requires)
        yield Change("changed", where, f"require_claims {listed(required)} -> {listed(requires)}", more)
    yield from _keys(where, old, new)


def _seconds(value: int | None) -> str:
    return "any" if value is None else f"{value}s"


def _places(paths: ClaimPath | tuple[ClaimPath, ...]) -> str:
    """``scope``, or ``scope or permissions`` where a claim map has several places."""
    if all(isinstance(path, str) for path in paths):
        return ".".join(str(step) for step in paths)
    return " or ".join(".".join(path) for path in paths)


def _keys(where: str, old: Issuer, new: Issuer) -> Iterator[Change]:
    before, after = ({repr(sorted(key.items())): key.get("kid", "without kid") for key in i.keys} for i in (old, new))
    gone = [kid for key, kid in before.items() if key not in after]
    come = [kid for key, kid in after.items() if key not in before]
    if gone:
        yield Change("changed", where, f"keys removed: {' '.join(gone)}")
    if come:
        yield Change("changed", where, f"keys added: {' '.join(come)}", True)
