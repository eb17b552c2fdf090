"""Passwords: which are taken, changed with the old one, set by a link."""

import pytest

from control.errors import Conflict, Invalid
from control.identity.people import SpentLink, TooManyTries, WeakPassword, WrongPassword
from control.identity.people.passwords import LINK_LIFETIME_S
from control.identity.people.throttle import ACCOUNT
from control.identity.people.weak import check
from control.store.tables import PasswordLinkRow, PersonRow

from .rig import OTHER, PASSWORD, Rig

NAMES = ("ann.smith", "Ann Smith", "ann@shop.test", "sidegate")


@pytest.mark.parametrize(
    "password",
    [
        *("", "short", "elevenchars", "x" * 257, "\ud800" * 12),
        *("password1234", "Passw0rd!2024", "P@$$w0rd12345", "iloveyou12345", "qwertyuiop123", "letmeinletmein"),
        *("aaaaaaaaaaaa", "abcdefghijkl", "123456789012", "abababababab", "000000000000000", "zyxwvutsrqponm"),
        *("annsmithannsmith", "Ann.Smith.2024", "sidegate2024!", "shop.test.shop"),
        *("Summer2024!!!!", "welcome2welcome", "correcthorsebatterystaple"),
    ],
)
def test_what_guessers_try_first_is_refused(password: str) -> None:
    """Short, common, a run, or one's own name, also with digits for letters."""
    with pytest.raises(WeakPassword):
        check(password, NAMES)


@pytest.mark.parametrize(
    "password",
    [PASSWORD, OTHER, "tJ8#kqZv2!Lm", "mein hut der hat drei ecken", "Кот идёт домой", "日本語の長い合言葉です、はい"],
)
def test_what_people_make_up_is_taken(password: str) -> None:
    """In any script, with spaces, without rules about kinds of characters."""
    check(password, NAMES)


def test_a_change_takes_the_old_one_and_ends_every_session(rig: Rig) -> None:
    """Wrong, or weak: nothing changes."""
    ann = rig.add()
    cookie = rig.cookie()
    with pytest.raises(WrongPassword):
        rig.passwords.change(ann.id, "wrong", OTHER)
    with pytest.raises(WeakPassword):
        rig.passwords.change(ann.id, PASSWORD, "password1234")
    assert rig.sessions.find(cookie) is not None
    rig.passwords.change(ann.id, PASSWORD, OTHER)
    assert rig.sessions.find(cookie) is None
    assert rig.sign_in("ann", OTHER).person.revision == ann.revision + 1


def test_the_old_one_is_not_guessed_through_a_session(rig: Rig) -> None:
    """Who holds a stolen session has no more tries than anybody."""
    ann = rig.add()
    for _ in range(int(ACCOUNT.tries)):
        with pytest.raises(WrongPassword):
            rig.passwords.change(ann.id, "wrong", OTHER)
    with pytest.raises(TooManyTries) as refused:
        rig.passwords.change(ann.id, PASSWORD, OTHER)
    assert 0 < refused.value.retry_after_s <= ACCOUNT.refill_s


def test_a_link_counts_once_and_looking_does_not_count(rig: Rig) -> None:
    """A weak password leaves it good; a used one is spent."""
    ann = rig.users.create("ann", "op")
    _, link, expires_at = rig.passwords.link("ann", "op")
    assert expires_at == int(rig.now) + LINK_LIFETIME_S
    for _ in range(3):
        assert rig.passwords.reset_subject(link) == ann
    with pytest.raises(WeakPassword):
        rig.passwords.reset(link, "short")
    assert rig.passwords.reset(link, PASSWORD).has_password
    assert rig.passwords.reset_subject(link) is None
    with pytest.raises(SpentLink):
        rig.passwords.reset(link, OTHER)
    assert rig.sign_in().person.id == ann.id


def test_links_that_are_spent(rig: Rig) -> None:
    """Too old, in place of which there is a newer one, of somebody turned off, made up."""
    rig.users.create("ann", "op")
    _, old, _ = rig.passwords.link("ann", "op")
    _, new, expires_at = rig.passwords.link("ann", "op", 60)
    assert rig.passwords.reset_subject(old) is None
    rig.now = expires_at
    assert rig.passwords.reset_subject(new) is None
    _, newest, _ = rig.passwords.link("ann", "op")
    rig.users.update("ann", "op", active=False)
    with pytest.raises(Conflict):
        rig.passwords.link("ann", "op")
    rig.users.update("ann", "op", active=True)
    for link in (old, new, newest, "", "sgl_", "\ud800", "x" * 10_000):
        with pytest.raises(SpentLink):
            rig.passwords.reset(link, PASSWORD)
    for lifetime_s in (0, -1, 10**9):
        with pytest.raises(Invalid):
            rig.passwords.link("ann", "op", lifetime_s)


def test_neither_passwords_nor_links_are_stored(rig: Rig) -> None:
    """A hash of each, by the parameters that are documented."""
    ann = rig.add()
    _, link, _ = rig.passwords.link("ann", "op")
    with rig.database.read() as session:
        kept = session.get_one(PersonRow, ann.id).password_hash
        rows = session.query(PasswordLinkRow).all()
    assert kept is not None and kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert len(rows) == 1 and link.encode() not in rows[0].hash
