"""Users: found by a name however it is typed, changed, turned off by hand and by time."""

import pytest

from control.errors import Conflict, Invalid, NotFound
from control.identity.people import NotSignedIn, SignedIn
from control.identity.people.usernames import folded

from .rig import PASSWORD, Rig


@pytest.mark.parametrize("typed", ["ann", "ANN", " Ann ", "\uff41nn", "\U0001d41ann"])
def test_a_name_is_found_however_it_is_typed(rig: Rig, typed: str) -> None:
    """Without case, in one form of Unicode; and it is taken however it is typed."""
    made = rig.users.create("Ann", "op", name="Ann", email="ann@shop.test")
    assert rig.users.find_by_name(typed) == made == rig.users.get(typed) == rig.users.find(made.id)
    with pytest.raises(Conflict):
        rig.users.create(typed.strip(), "op")


@pytest.mark.parametrize("name", ["", " ", "a b", "a\n", "a\0", "x" * 101, "\u200b", "a\u00a0b", "\ud800"])
def test_names_that_cannot_be(rig: Rig, name: str) -> None:
    """Refused, and nobody is found by them."""
    with pytest.raises(Invalid):
        rig.users.create(name, "op")
    assert rig.users.find_by_name(name) is None


@pytest.mark.parametrize("email", ["a", "@b", "a@", "a b@c", "a@b@c", "a@b\n", "x" * 260 + "@b", "<a@b>"])
def test_addresses_that_cannot_be(rig: Rig, email: str) -> None:
    """Refused."""
    with pytest.raises(Invalid):
        rig.users.create("ann", "op", email=email)


def test_nobody_takes_anothers_id_for_a_name(rig: Rig) -> None:
    """It would be found in its place."""
    ann = rig.users.create("ann", "op")
    with pytest.raises(Conflict):
        rig.users.create(ann.id.upper(), "op")
    eve = rig.users.create("eve", "op")
    with pytest.raises(Conflict):
        rig.users.update(eve.id, "op", username="ANN")
    assert rig.users.update("ann", "op", username="ANN").username == "ANN"


def test_the_id_stays_and_is_never_anybody_elses(rig: Rig) -> None:
    """Through a change of everything; after removal the same name is another person."""
    ann = rig.users.create("ann", "op")
    changed = rig.users.update("ann", "op", username="anna", name="Anna", email="anna@shop.test")
    assert (changed.id, changed.revision) == (ann.id, 1)
    rig.users.remove("anna", "op")
    with pytest.raises(NotFound):
        rig.users.get(ann.id)
    assert rig.users.create("ann", "op").id != ann.id


def test_an_end_turns_off_by_itself(rig: Rig) -> None:
    """At once for signing in, and for good with the next look; coming back takes another end."""
    rig.add()
    rig.users.update("ann", "op", expires_at=int(rig.now) + 60)
    cookie = rig.cookie()
    rig.now += 60
    assert rig.try_password("ann", PASSWORD) == NotSignedIn()
    assert rig.sessions.find(cookie) is None
    assert (rig.users.end_expired("system"), rig.users.end_expired("system")) == (1, 0)
    assert not rig.users.get("ann").active
    with pytest.raises(Invalid):
        rig.users.update("ann", "op", active=True)
    rig.users.update("ann", "op", active=True, expires_at=None)
    assert isinstance(rig.try_password("ann", PASSWORD), SignedIn)
    assert rig.sessions.find(cookie) is None


def test_lists_go_by_name_in_pages(rig: Rig) -> None:
    """Each once, in the order in which names are compared."""
    for name in ("Cid", "ann", "Bob", "dora"):
        rig.users.create(name, "op")
    first = rig.users.list(3)
    assert [one.username for one in first] == ["ann", "Bob", "Cid"]
    assert [one.username for one in rig.users.list(3, folded(first[-1].username))] == ["dora"]


def test_what_is_known_of_them(rig: Rig) -> None:
    """In the words of OpenID Connect; of who may not sign in, nothing."""
    ann = rig.users.create("ann", "op", name="Ann")
    assert rig.people.describe(ann.id) == {"preferred_username": "ann", "name": "Ann"}
    rig.users.update("ann", "op", active=False)
    assert rig.people.describe(ann.id) is None
    assert rig.people.describe("nobody") is None
