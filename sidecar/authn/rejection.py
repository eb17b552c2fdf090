"""Why a credential or a target does not count: a value, not an exception, for it is an everyday outcome."""

from dataclasses import dataclass

from sidecar.contract.reasons import Reason
from sidecar.contract.secrets import masked

_SHOWN_CHARS = 80


@dataclass(frozen=True, slots=True)
class Rejection:
    """``reason`` is the stable word the caller may learn; ``detail`` is for operators and never holds a token.
    ``refresh``: the issuer whose keys may have changed, so that it is worth asking for them again."""

    reason: Reason
    detail: str
    refresh: str | None = None


def invalid(detail: str) -> Rejection:
    """The commonest one: INVALID_TOKEN (RFC 6750 section 3.1)."""
    return Rejection(Reason.INVALID_TOKEN, detail)


def shown(value: object) -> str:
    """A foreign value, fit for a detail: escaped (so that it cannot forge a log line), short, and no credential."""
    if isinstance(value, str):
        value = value[: _SHOWN_CHARS + 1]
    text = masked(repr(value))
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
