"""The keys of a provider that count: those last seen, and for a while those that have vanished. Pure.

A provider that drops a key while tokens signed with it are still about would have them refused: such a key stays for a
grace. One that an operator has revoked goes at once and is never taken again, whatever the provider publishes.
"""

import base64
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sidecar.contract.snapshot import Jwk

from .keys import MAX_KEYS

DEFAULT_GRACE_S = 3600


@dataclass(frozen=True, slots=True)
class HeldKey:
    """``gone_at``: when it was first missed, or None while the provider publishes it."""

    jwk: Jwk
    gone_at: int | None = None

    @property
    def kid(self) -> str:
        """Its name, or "" if it has none."""
        return self.jwk.get("kid", "")


def thumbprint(jwk: Jwk) -> str:
    """What the key is, whatever it is called: SHA-256 of its required members (RFC 7638), numbers without the zeros in
    front that RFC 7518 section 2 does not allow and readers do."""
    required = {name: jwk[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in jwk}
    for name in required.keys() & {"e", "n"}:
        required[name] = _shortest(required[name])
    return hashlib.sha256(json.dumps(required, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _shortest(number: str) -> str:
    """Base64url of the same number. What is not base64url stays: it is no key that could count."""
    try:
        digits = base64.urlsafe_b64decode(number + "=" * (-len(number) % 4))
    except ValueError:
        return number
    return base64.urlsafe_b64encode(digits.lstrip(b"\0")).rstrip(b"=").decode()


def _identity(jwk: Jwk) -> tuple[str, str]:
    return jwk.get("kid", ""), thumbprint(jwk)


def merge(
    held: Sequence[HeldKey], published: Sequence[Jwk], now: float, grace_s: int, revoked: Collection[str] = ()
) -> tuple[HeldKey, ...]:
    """What counts from now on, in a stable order: a provider that only shuffles its keys changes nothing. A ``kid``
    that now names another key names that one alone; a key without ``kid`` has no grace, since a second one beside it
    would leave a token in doubt."""
    seen = {_identity(jwk): jwk for jwk in published if thumbprint(jwk) not in revoked}
    kids = {jwk.get("kid") for jwk in seen.values()}
    kept: list[HeldKey] = []
    for key in held:
        again = seen.pop(_identity(key.jwk), None)
        if again is not None:
            kept.append(HeldKey(again))
        elif thumbprint(key.jwk) not in revoked and key.kid and key.kid not in kids:
            kept.append(key if key.gone_at is not None else replace(key, gone_at=int(now)))
    return still_held((*kept, *map(HeldKey, seen.values())), now, grace_s)


def still_held(held: Sequence[HeldKey], now: float, grace_s: int) -> tuple[HeldKey, ...]:
    """Without those whose grace is over, and never more than a set may hold: the longest gone leave first."""
    kept = [key for key in held if key.gone_at is None or now < key.gone_at + grace_s]
    surplus = sorted((key for key in kept if key.gone_at is not None), key=lambda key: key.gone_at or 0)
    for key in surplus[: max(0, len(kept) - MAX_KEYS)]:
        kept.remove(key)
    return tuple(kept[:MAX_KEYS])
