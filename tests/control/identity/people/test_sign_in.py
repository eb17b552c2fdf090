"""Signing in, and how often it may be tried."""

import pytest

from control.identity.people import NotSignedIn, SignedIn, Throttled
from control.identity.people.hashing import Hasher
from control.identity.people.throttle import ACCOUNT, ADDRESS

from .rig import ELSEWHERE, HOME, PASSWORD, Rig


def test_the_right_password(rig: Rig) -> None:
    """Who, how and when."""
    ann = rig.add("Ann")
    assert rig.sign_in("aNN") == SignedIn(ann, ("pwd",), int(rig.now))


@pytest.mark.parametrize("name", ["ann", "nobody", "off", "fresh", "", "x" * 100_000, "\ud800", "a\0"])
@pytest.mark.parametrize("password", ["wrong", "", "x" * 100_000, "\ud800", PASSWORD + " "])
def test_whatever_is_wrong_is_one_answer_after_one_hash(rig: Rig, name: str, password: str) -> None:
    """Somebody, nobody, who is turned off, who has no password yet: nothing tells them apart, nor does the work."""
    rig.add("ann")
    rig.add("off")
    rig.users.update("off", "op", active=False)
    rig.users.create("fresh", "op")
    rig.hasher.computed = 0
    assert rig.try_password(name, password) == NotSignedIn()
    assert rig.hasher.computed == 1


def test_who_is_turned_off_is_told_no_more_with_the_right_password(rig: Rig) -> None:
    """The same answer, and one hash."""
    rig.add("off")
    rig.users.update("off", "op", active=False)
    rig.hasher.computed = 0
    assert (rig.try_password("off", PASSWORD), rig.hasher.computed) == (NotSignedIn(), 1)


def test_a_password_in_another_form_of_unicode(rig: Rig) -> None:
    """As another keyboard sends it."""
    rig.add("ann", "caf\u00e9 zebra trombone")
    assert isinstance(rig.try_password("ann", "cafe\u0301 zebra trombone"), SignedIn)


def test_an_older_hash_is_made_anew(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its owner signs in."""
    rig.add()
    monkeypatch.setattr("control.identity.people.hashing.PASSES", 3)
    rig.hasher._argon2id = Hasher()._argon2id
    rig.hasher.computed = 0
    rig.sign_in()
    rig.sign_in()
    assert rig.hasher.computed == 3


def test_guessing_for_one_account_from_many_places(rig: Rig) -> None:
    """So many at once, and then one a while; the account of somebody else is not slowed down."""
    rig.add("ann")
    rig.add("bob")
    for number in range(int(ACCOUNT.tries)):
        assert rig.try_password("ann", "wrong", f"203.0.113.{number}") == NotSignedIn()
    outcome = rig.try_password("Ann", PASSWORD, ELSEWHERE)
    assert isinstance(outcome, Throttled) and 0 < outcome.retry_after_s <= ACCOUNT.refill_s
    assert isinstance(rig.try_password("bob", PASSWORD, ELSEWHERE), SignedIn)
    rig.now += ACCOUNT.refill_s
    assert isinstance(rig.try_password("ann", PASSWORD, ELSEWHERE), SignedIn)


def test_guessing_for_many_accounts_from_one_place(rig: Rig) -> None:
    """An IPv6 network is one place; unknown names count as known ones do."""
    rig.add("ann")
    for number in range(int(ADDRESS.tries)):
        assert rig.try_password(f"user{number}", "wrong", f"2001:db8::{number}") == NotSignedIn()
    assert isinstance(rig.try_password("ann", PASSWORD, "2001:db8::ffff"), Throttled)
    assert isinstance(rig.try_password("ann", PASSWORD, ELSEWHERE), SignedIn)


def test_throttled_looks_at_nothing(rig: Rig) -> None:
    """No hash is computed, and an unknown name is throttled as a known one."""
    for name in ("ann", "nobody"):
        while not isinstance(rig.try_password(name, "wrong", ELSEWHERE), Throttled):
            rig.now += ADDRESS.refill_s
        rig.hasher.computed = 0
        assert isinstance(rig.try_password(name, "wrong", HOME), Throttled)
        assert rig.hasher.computed == 0


def test_who_guesses_locks_nobody_out_where_they_are_known(rig: Rig) -> None:
    """Neither at an address from which they got in, nor in a browser of theirs, however long somebody guesses."""
    rig.add()
    rig.sign_in()
    while not isinstance(rig.try_password("ann", "wrong", ELSEWHERE), Throttled):
        pass
    assert isinstance(rig.try_password("ann", PASSWORD, HOME), SignedIn)
    assert isinstance(rig.try_password("ann", PASSWORD, "203.0.113.7"), Throttled)
    assert isinstance(rig.try_password("ann", PASSWORD, "203.0.113.7", known=True), SignedIn)


def test_a_known_browser_guesses_no_more_than_others(rig: Rig) -> None:
    """It has a bucket of its own, of the same size."""
    rig.add()
    tries = 0
    while not isinstance(rig.try_password("ann", "wrong", HOME, known=True), Throttled):
        tries += 1
    assert tries == ACCOUNT.tries


def test_what_is_right_costs_nothing(rig: Rig) -> None:
    """However many sign in from one place."""
    rig.add()
    for _ in range(int(ADDRESS.tries) + 5):
        rig.sign_in()
