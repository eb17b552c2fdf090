"""``require.claims`` and ``expect``: the two places of the language that take several forms."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from sidecar.contract.reasons import Reason, status_of
from sidecar.contract.snapshot import ClaimRule, Scalar

from .claim_paths import claim_path
from .problems import quoted, suggestion
from .values import kind, said, text

_TESTS = ("any", "all", "present")
_FORMS = "write VALUE, {any: [...]}, {all: [...]} or {present: true}"
_LARGEST = 2**53


def claim_rules(value: Any) -> tuple[ClaimRule, ...]:
    """``{tenant: acme, roles: {any: [clerk]}}``, or a list of ``{claim: PATH, equals|any|all|present: ...}``."""
    if isinstance(value, dict):
        return tuple(_rule_of_entry(name, wanted) for name, wanted in value.items())
    if isinstance(value, list):
        return tuple(_rule_of_item(number, item) for number, item in enumerate(value))
    raise said(f"must be a mapping of claim to value, not {kind(value)}")


def _rule_of_entry(name: str, wanted: Any) -> ClaimRule:
    path = _at(claim_path, name, name)
    if not isinstance(wanted, dict):
        if isinstance(wanted, list):
            raise said("a list could mean any of them or all of them: write {any: [...]} or {all: [...]}", name)
        return ClaimRule(path, "equals", (_scalar(wanted, name),))
    return _rule(path, wanted, _TESTS, name)


def _rule_of_item(number: int, item: Any) -> ClaimRule:
    if not isinstance(item, dict) or "claim" not in item:
        raise said("each item names its claim: {claim: PATH, equals: VALUE}", number)
    path = _at(claim_path, item["claim"], number, "claim")
    return _rule(path, {name: v for name, v in item.items() if name != "claim"}, ("equals", *_TESTS), number)


def _rule(path: tuple[str, ...], wanted: dict[str, Any], tests: tuple[str, ...], *at: str | int) -> ClaimRule:
    for word in wanted:
        if word not in tests:
            raise said(f"unknown key {quoted(word)}{suggestion(word, tests)}", *at, word)
    if len(wanted) != 1:
        raise said(f"exactly one test for a claim: {_FORMS}", *at)
    [(test, value)] = wanted.items()
    if test == "equals":
        return ClaimRule(path, "equals", (_scalar(value, *at, test),))
    if test == "present":
        if value is not True:
            raise said("only present: true can be asked for; to refuse a claim, refuse its values", *at, test)
        return ClaimRule(path, "present")
    if not isinstance(value, list) or not value:
        raise said(f"must be a list of values, not {kind(value)}" if value != [] else "must not be empty", *at, test)
    values = tuple(_scalar(item, *at, test, number) for number, item in enumerate(value))
    return ClaimRule(path, "any" if test == "any" else "all", values)


def _scalar(value: Any, *at: str | int) -> Scalar:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) > _LARGEST:
            raise said("beyond 2^53, which JSON numbers do not carry exactly: write it in quotes", *at)
        return value
    if isinstance(value, float):
        raise said("a claim is compared with text, a whole number or a boolean; not with a fraction", *at)
    if value is None:
        raise said("compared with nothing: to ask only that it is there, write {present: true}", *at)
    raise said(f"must be a single value, not {kind(value)}", *at)


def _at(read: Any, value: Any, *at: str | int) -> Any:
    """``read(value)``, its complaint moved down to ``at``."""
    try:
        return read(value)
    except PydanticCustomError as error:
        context = error.context or {}
        raise said(context.get("sentence", str(error)), *at, *context.get("at", ())) from None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a test expects. ``allowed`` None where a status or a reason says it."""

    allowed: bool | None = None
    status: int | None = None
    reason: Reason | None = None

    def met_by(self, reason: Reason) -> bool:
        """Does an outcome for ``reason`` satisfy this?"""
        return (
            self.allowed in (None, reason is Reason.ALLOWED)
            and self.status in (None, status_of(reason))
            and self.reason in (None, reason)
        )

    def __str__(self) -> str:
        if self.allowed is not None:
            return "allow" if self.allowed else "deny"
        return " ".join(str(part) for part in (self.status, self.reason) if part is not None)


def expectation(value: Any) -> Expectation:
    """``allow``, ``deny``, ``{status: 403}``, ``{reason: insufficient_scope}`` or both of the latter."""
    if isinstance(value, str):
        if value not in ("allow", "deny"):
            told = suggestion(value, ("allow", "deny"))
            raise said(f"{quoted(value)} is no outcome{told}")
        return Expectation(allowed=value == "allow")
    if not isinstance(value, dict) or not value:
        raise said("write allow, deny, or {status: 403, reason: insufficient_scope}")
    for key in value:
        if key not in ("status", "reason"):
            raise said(f"unknown key {quoted(key)}{suggestion(key, ('status', 'reason'))}", key)
    return Expectation(None, _status(value), _reason(value))


def _status(value: dict[str, Any]) -> int | None:
    status = value.get("status")
    if "status" in value and (isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599):
        raise said("must be an HTTP status, such as 403", "status")
    return status


def _reason(value: dict[str, Any]) -> Reason | None:
    if "reason" not in value:
        return None
    word = text(value["reason"])
    if word not in tuple(Reason):
        raise said(f"{quoted(word)} is no reason{suggestion(word, tuple(Reason))}", "reason")
    reason = Reason(word)
    status = value.get("status")
    if status is not None and status != status_of(reason):
        raise said(f"{reason} has status {status_of(reason)}, not {status}", "status")
    return reason
