"""The keys that count as a provider rotates, and when control looks again."""

import base64

from control.issuers import schedule
from control.issuers.held import HeldKey, merge, still_held, thumbprint
from sidecar.contract.snapshot import Jwk

A, B, C = ({"kty": "EC", "crv": "P-256", "x": name, "y": name, "kid": name} for name in "abc")


def kids(held: tuple[HeldKey, ...]) -> list[tuple[str, int | None]]:
    """Name and absence."""
    return [(key.kid, key.gone_at) for key in held]


def test_one_number_has_one_thumbprint() -> None:
    """A key that comes back with a zero in front is the key that was revoked."""
    number, padded = (base64.urlsafe_b64encode(data).decode().rstrip("=") for data in (b"\1\0\1", b"\0\1\0\1"))
    plain = {"kty": "RSA", "n": number, "e": number}
    assert thumbprint(plain) == thumbprint({"kty": "RSA", "n": padded, "e": padded, "kid": "other"})
    assert thumbprint(plain) != thumbprint({"kty": "RSA", "n": "AQAC", "e": number})


def test_a_key_that_vanished_stays_for_the_grace() -> None:
    """And comes back whole if the provider publishes it again."""
    held = merge((), [A, B], 100, 60)
    gone = merge(held, [B], 110, 60)
    assert kids(gone) == [("a", 110), ("b", None)]
    assert kids(merge(gone, [B], 150, 60)) == [("a", 110), ("b", None)]
    assert kids(still_held(gone, 169, 60)) == [("a", 110), ("b", None)]
    assert kids(still_held(gone, 170, 60)) == [("b", None)]
    assert kids(merge(gone, [A, B], 160, 60)) == [("a", None), ("b", None)]


def test_another_order_changes_nothing() -> None:
    """Snapshots would be news to every sidecar otherwise."""
    held = merge((), [A, B], 0, 60)
    assert merge(held, [B, A], 1, 60) == held


def test_a_revoked_key_is_never_taken_again() -> None:
    """Neither kept for a grace nor believed under another name."""
    held = merge((), [A, B], 0, 60)
    revoked = {thumbprint(A)}
    assert kids(merge(held, [A, B], 1, 60, revoked)) == [("b", None)]
    assert kids(merge(held, [{**A, "kid": "new"}, B], 1, 60, revoked)) == [("b", None)]
    assert kids(merge(held, [B], 1, 60, revoked)) == [("b", None)]


def test_a_kid_names_one_key() -> None:
    """A key that takes another's kid takes its place; one without a kid leaves nothing behind."""
    reused: Jwk = {**C, "kid": "a"}
    assert merge(merge((), [A], 0, 60), [reused], 1, 60) == (HeldKey(reused),)
    nameless: Jwk = {name: value for name, value in A.items() if name != "kid"}
    assert kids(merge(merge((), [nameless], 0, 60), [B], 1, 60)) == [("b", None)]


def test_one_key_under_two_names() -> None:
    """Both names count: providers do this while they move."""
    both = merge((), [A, {**A, "kid": "a2"}], 0, 60)
    assert kids(both) == [("a", None), ("a2", None)]


def test_a_provider_that_invents_keys_fills_nothing() -> None:
    """Never more than a set may hold; the longest gone leave first."""
    held: tuple[HeldKey, ...] = ()
    for number in range(300):
        held = merge(held, [{**A, "x": str(number), "kid": str(number)}], number, 10_000)
    assert len(held) == 100
    assert held[-1] == HeldKey({**A, "x": "299", "kid": "299"})


def test_when_to_look_again() -> None:
    """What the provider says, between five minutes and an hour, a little sooner by chance."""
    assert schedule.after_success(0, None, 0) == 300
    assert schedule.after_success(0, 900, 0) == 900
    assert schedule.after_success(0, 900, 1) == 720
    assert schedule.after_success(0, 10**9, 0) == 3600


def test_a_provider_that_is_down_is_asked_less_and_less() -> None:
    """One second, two, four, until five minutes."""
    waits = [schedule.after_failure(0, failures, 0) for failures in range(1, 14)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 300
    assert schedule.after_failure(0, 10**6, 1) == 150


def test_an_unknown_kid_is_worth_one_look_in_ten_seconds() -> None:
    """Sooner than usual, never sooner than that; and a clock turned back an hour delays nothing for long."""
    assert schedule.due(1000, 1300, 900, asked=True) == 1000
    assert schedule.due(1000, 1300, 995, asked=True) == 1005
    assert schedule.due(1000, 1300, 995, asked=False) == 1300
    assert schedule.due(1000, 1000 + 7200, 1000 + 3600, asked=False) == 1000 + 3600
    assert schedule.due(1000, 1000 + 7200, 1000 + 3600, asked=True) == 1010
