"""Attacks on how people sign in, over SQLite and PostgreSQL: OWASP's session and authentication cheat sheets, and the
attacks of NIST SP 800-63B section 8."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from control.errors import ControlError
from control.identity.people import NotSignedIn, SignedIn, Throttled
from control.store.audit import newest
from tests.control.either_store import either_store
from tests.control.identity.people.rig import ELSEWHERE, HOME, OTHER, PASSWORD, Rig

__all__ = ["either_store"]
MANY = 8


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """The people who are attacked."""
    made = Rig(tmp_path / "data")
    yield made
    made.database.close()


def _at_once(call: Callable[[], object]) -> list[object]:
    together, found = threading.Barrier(MANY), list[object]()

    def one() -> None:
        together.wait()
        try:
            found.append(call())
        except ControlError as error:
            found.append(error.code)

    threads = [threading.Thread(target=one) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_one_link_used_by_many_in_parallel(rig: Rig) -> None:
    """One sets the password; the others are told that the link is spent."""
    rig.users.create("ann", "op")
    _, link, _ = rig.passwords.link("ann", "op")
    numbers = iter(range(MANY))
    found = _at_once(lambda: rig.passwords.reset(link, f"{PASSWORD} {next(numbers)}") and "set")
    assert sorted(map(str, found)) == ["set", *["spent_link"] * (MANY - 1)]
    worked = [n for n in range(MANY) if isinstance(rig.try_password("ann", f"{PASSWORD} {n}"), SignedIn)]
    assert len(worked) == 1


def test_one_code_used_by_many_in_parallel(rig: Rig) -> None:
    """Of an authenticator and of the recovery codes alike, over one ticket and over several: one gets in."""
    secret, codes = rig.enrol(rig.add().id)
    for code in (rig.code(secret), codes[0]):
        tickets = iter([rig.ticket() for _ in range(MANY)])
        found = _at_once(lambda code=code, tickets=tickets: rig.second(next(tickets), code))  # type: ignore[misc]  # bound now
        assert len([one for one in found if isinstance(one, SignedIn)]) == 1
    rig.now += 3600
    ticket, code = rig.ticket(), rig.code(secret)
    found = _at_once(lambda: rig.second(ticket, code))
    assert len([one for one in found if isinstance(one, SignedIn)]) == 1


def test_guesses_that_come_together_are_counted_together(rig: Rig) -> None:
    """No more are heard than one after the other."""
    rig.add()
    for _ in range(3):
        _at_once(lambda: rig.try_password("ann", "wrong", ELSEWHERE))
    rig.hasher.computed = 0
    assert isinstance(rig.try_password("ann", PASSWORD, ELSEWHERE), Throttled)
    assert rig.hasher.computed == 0


def test_enumeration_by_what_is_told_and_done(rig: Rig) -> None:
    """Somebody and nobody are alike: answer, hashes computed, tries that are left, writes to the audit trail."""
    rig.add("ann")
    seen = list[object]()
    for name in ("ann", "nobody"):
        rig.hasher.computed = 0
        with rig.database.read() as session:
            before = len(newest(session, 100))
        outcomes = [type(rig.try_password(name, "wrong", ELSEWHERE)).__name__ for _ in range(12)]
        with rig.database.read() as session:
            written = len(newest(session, 100)) - before
        seen.append((outcomes, rig.hasher.computed, written))
        rig.now += 3600
    assert seen[0] == seen[1]


def test_a_session_that_the_attacker_chose(rig: Rig) -> None:
    """Fixation: what a browser brought is never a session, before a sign-in and after it."""
    rig.add()
    planted = "sgw_" + "A" * 43
    cookie = rig.cookie()
    assert cookie != planted and rig.sessions.find(planted) is None
    again = rig.cookie()
    assert again != cookie


def test_what_is_good_for_one_thing_is_good_for_no_other(rig: Rig) -> None:
    """A ticket, a link, a cookie and a session's id are each refused in the others' places."""
    ann = rig.add()
    cookie = rig.cookie()
    session = rig.sessions.find(cookie)
    assert session is not None
    secret, codes = rig.enrol(ann.id)
    ticket = rig.ticket()
    _, link, _ = rig.passwords.link("ann", "op")
    for one in (ticket, link, session.id, codes[0], secret.hex()):
        assert rig.sessions.find(one) is None
    for one in (ticket, cookie, session.id, codes[0]):
        assert rig.passwords.reset_subject(one) is None
    for one in (cookie, link, session.id, ann.id):
        assert rig.second(one, rig.code(secret)) == NotSignedIn()


def test_a_password_that_leaked_is_not_enough_and_not_tried_for_ever(rig: Rig) -> None:
    """The second factor holds, and each right password brings no fresh tries."""
    rig.enrol(rig.add().id)
    outcomes = [rig.second(rig.ticket(), f"{number:06}") for number in range(30)]
    assert not any(isinstance(one, SignedIn) for one in outcomes)
    assert isinstance(outcomes[-1], Throttled)


def test_a_stolen_session_dies_with_the_password(rig: Rig) -> None:
    """And with a link that an operator gave; a sign-in that was under way comes to nothing."""
    ann = rig.add()
    stolen, begun = rig.cookie(), rig.sign_in()
    rig.passwords.change(ann.id, PASSWORD, OTHER)
    assert rig.sessions.find(stolen) is None
    with pytest.raises(ControlError):
        rig.sessions.begin(begun, ELSEWHERE, "")
    stolen = rig.cookie("ann", OTHER)
    rig.passwords.reset(rig.passwords.link("ann", "op")[1], PASSWORD)
    assert rig.sessions.find(stolen) is None


def test_two_names_that_look_alike(rig: Rig) -> None:
    """Another form of the same letters is the same name, so that nobody registers beside somebody."""
    rig.add("ann")
    for twin in ("\uff21NN", "\u1d2cnn", "aN\u207f"):
        with pytest.raises(ControlError):
            rig.users.create(twin, "op")


def test_nothing_secret_is_logged_or_shown(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Neither what was typed, also where the name belongs, nor what was given; nor in what is printed of a value."""
    with caplog.at_level("DEBUG"):
        ann = rig.add()
        rig.try_password(PASSWORD, "ann")
        rig.try_password("ann", "wrong password of ann")
        enrolment = rig.factors.begin(ann.id)
        _, codes = rig.enrol(ann.id)
        outcome = rig.try_password("ann", PASSWORD)
        ticket = rig.ticket()
        rig.second(ticket, codes[0])
        _, link, _ = rig.passwords.link("ann", "op")
    with rig.database.read() as session:
        told = repr(newest(session, 100)) + caplog.text + repr(outcome) + repr(enrolment) + repr(rig.users.get("ann"))
    for one in (PASSWORD, "wrong password", enrolment.secret_base32, *codes, ticket, link, "argon2id"):
        assert one not in told


def test_the_browser_of_somebody_else_makes_nobody_known(rig: Rig) -> None:
    """A device that is known for one account guesses for another as a stranger does."""
    rig.add("ann")
    rig.add("mallory")
    cookie = rig.cookie("mallory")
    assert not rig.sessions.knew(cookie, "ann")
    while not isinstance(rig.try_password("ann", "wrong", HOME), Throttled):
        pass
    assert isinstance(rig.try_password("ann", PASSWORD, HOME), Throttled)
