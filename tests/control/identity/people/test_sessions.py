"""Browsers in which people have signed in."""

import pytest

from control.errors import Denied
from control.identity.people.sessions import IDLE_S, LIFETIME_S, MAX_SESSIONS
from control.store.tables import PersonSessionRow

from .rig import HOME, OTHER, PASSWORD, Rig


def test_a_session_knows_who_how_when_and_where(rig: Rig) -> None:
    """By its cookie, of which the hash alone is kept."""
    ann = rig.add()
    cookie = rig.cookie()
    found = rig.sessions.find(cookie)
    assert found is not None
    assert (found.person, found.auth_time, found.amr) == (ann, int(rig.now), ("pwd",))
    assert (found.address, found.agent) == (HOME, "Browser/1")
    assert rig.sessions.of(ann.id) == [found]
    with rig.database.read() as session:
        assert cookie.encode() not in session.query(PersonSessionRow).one().hash


@pytest.mark.parametrize("cookie", ["", "sgw_", "\ud800", "x" * 100_000, "a\0"])
def test_what_is_no_cookie_of_ours(rig: Rig, cookie: str) -> None:
    """Nobody."""
    rig.add()
    rig.cookie()
    assert rig.sessions.find(cookie) is None
    assert not rig.sessions.knew(cookie, "ann")
    rig.sessions.end(cookie)


def test_it_ends_when_nobody_uses_it_and_when_it_is_old(rig: Rig) -> None:
    """However often it is used."""
    rig.add()
    idle, used, began = rig.cookie(), rig.cookie(), rig.now
    while rig.now < began + LIFETIME_S - IDLE_S:
        rig.now += IDLE_S - 1
        assert rig.sessions.find(used) is not None
    assert rig.sessions.find(idle) is None
    rig.now = began + LIFETIME_S - 1
    assert rig.sessions.find(used) is not None
    rig.now += 1
    assert rig.sessions.find(used) is None


def test_one_is_ended_or_all_or_all_but_one(rig: Rig) -> None:
    """Only theirs."""
    ann, bob = rig.add("ann"), rig.add("bob")
    cookies, of_bob = [rig.cookie("ann") for _ in range(4)], rig.cookie("bob")
    ids = [found.id for cookie in cookies if (found := rig.sessions.find(cookie))]
    rig.sessions.end(cookies[0])
    assert rig.sessions.end_one(ann.id, ids[1])
    assert not rig.sessions.end_one(ann.id, ids[1])
    assert not rig.sessions.end_one(bob.id, ids[2])
    assert [rig.sessions.find(cookie) is None for cookie in cookies] == [True, True, False, False]
    assert rig.sessions.end_all(ann.id, but=ids[3]) == 1
    assert rig.sessions.find(cookies[3]) is not None
    assert rig.sessions.end_all(ann.id) == 1
    assert rig.sessions.find(of_bob) is not None


def test_nobody_has_more_than_so_many(rig: Rig) -> None:
    """The one that was not used for longest makes room."""
    ann = rig.add()
    signed_in = rig.sign_in()
    cookies = list[str]()
    for _ in range(MAX_SESSIONS + 1):
        rig.now += 60
        cookies.append(rig.sessions.begin(signed_in, HOME, ""))
    assert rig.sessions.find(cookies[0]) is None
    assert len(rig.sessions.of(ann.id)) == MAX_SESSIONS


def test_a_sign_in_from_before_a_change_begins_nothing(rig: Rig) -> None:
    """Whoever signed in with a password that is not theirs any more, or was turned off meanwhile."""
    ann = rig.add()
    before = rig.sign_in()
    rig.passwords.change(ann.id, PASSWORD, OTHER)
    with pytest.raises(Denied):
        rig.sessions.begin(before, HOME, "")
    now = rig.sign_in("ann", OTHER)
    rig.users.update("ann", "op", active=False)
    with pytest.raises(Denied):
        rig.sessions.begin(now, HOME, "")


def test_a_browser_is_known_for_a_while(rig: Rig) -> None:
    """By a session of theirs that is over, which lets nobody in."""
    rig.add("ann")
    rig.add("bob")
    cookie = rig.cookie("ann")
    rig.now += IDLE_S
    assert rig.sessions.find(cookie) is None
    assert (rig.sessions.knew(cookie, "ANN"), rig.sessions.knew(cookie, "bob")) == (True, False)
    rig.sessions.end(cookie)
    assert not rig.sessions.knew(cookie, "ann")
