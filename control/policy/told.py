"""Rules in a few words, for a diff. What is told of two rules differs wherever the rules do."""

from collections.abc import Iterator

from sidecar.contract.snapshot import ClaimRule, Deny, HeaderChanges, RateLimit, Requirement, Route, Source

from .reach import field_told


def asks_told(route: Route) -> str:
    """What a route asks of who calls."""
    if route.access == "public":
        return "public"
    asked = requirement_told(route.require)
    if route.access == "optional":
        return f"optional, {asked}" if asked else "optional"
    return asked or "any valid token"


def requirement_told(require: Requirement) -> str:
    """``scopes a b, claim tenant = acme``; "" if it asks for nothing."""
    asks = [f"scopes {' '.join(require.scopes)}"] if require.scopes else []
    asks += [f"any scope of {' '.join(require.any_scope)}"] if require.any_scope else []
    asks += [rule_told(rule) for rule in require.claims]
    asks += [f"callers {' '.join(require.callers)}"] if require.callers else []
    asks += [f"when {require.when}"] if require.when is not None else []
    return ", ".join(asks)


def rule_told(rule: ClaimRule) -> str:
    """``claim tenant = acme``."""
    path = ".".join(rule.path)
    if rule.test == "present":
        return f"claim {path} present"
    values = " ".join(_scalar(value) for value in rule.values)
    return f"claim {path} = {values}" if rule.test == "equals" else f"claim {path} {rule.test} of {values}"


def _scalar(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value) if _looks_typed(value) else str(value)


def _looks_typed(value: str | int) -> bool:
    return isinstance(value, str) and (value.lstrip("-").isdigit() or value in ("true", "false", ""))


def deny_told(rule: Deny) -> str:
    """``DELETE /**, addresses 10.0.0.0/8``."""
    return ", ".join(_deny_parts(rule)) + (" (shadow)" if rule.shadow else "")


def _deny_parts(rule: Deny) -> Iterator[str]:
    yield f"{','.join(rule.methods)} {rule.path}" if rule.methods else rule.path
    for word, values in (("hosts", rule.hosts), ("callers", rule.callers), ("addresses", rule.addresses)):
        if values:
            yield f"{word} {' '.join(values)}"
    yield from (f"header {field_told(match)}" for match in rule.headers)
    yield from (f"query {field_told(match)}" for match in rule.query)
    yield from (rule_told(claim) for claim in rule.claims)
    if rule.when is not None:
        yield f"when {rule.when}"


def source_told(source: Source) -> str:
    """``bearer``, ``api_key``, ``cookie session``, ``api_key header x-api-key``."""
    if source.place == "authorization":
        return "bearer" if source.kind == "token" else "api_key"
    return f"{'' if source.kind == 'token' else 'api_key '}{source.place} {source.name}"


def rate_limit_told(limit: RateLimit) -> str:
    """``100 per 60000ms by subject, burst 20``."""
    by = f"claims.{'.'.join(limit.claim)}" if limit.by == "claim" else limit.by
    burst = f", burst {limit.burst}" if limit.burst != limit.requests else ""
    return f"{limit.requests} per {limit.per_ms}ms by {by}{burst}"


def header_changes_told(changes: HeaderChanges) -> str:
    """``remove a; set b=c; add d=e``, or ``none``."""
    parts = [f"remove {name}" for name in changes.remove]
    parts += [f"set {name}={value}" for name, value in changes.set]
    parts += [f"add {name}={value}" for name, value in changes.add]
    return "; ".join(parts) or "none"
