"""Whatever people, or who says to be one, type in: an answer, and never a crash."""

import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.errors import ControlError, Invalid
from control.identity.people import NotSignedIn, Throttled, WeakPassword
from control.identity.people.usernames import checked_email, checked_name, checked_username, folded
from control.identity.people.weak import MIN_PASSWORD, check
from control.store.tables import PersonRow
from tests.control.identity.people.rig import PASSWORD, Rig

QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FEW = settings(QUICK, max_examples=40)
ANY = st.text(max_size=60) | st.text(st.characters(codec=None), max_size=60)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One for all, with somebody in it."""
    path: Path = tmp_path_factory.mktemp("people")
    made = Rig(path / "data")
    made.enrol(made.add().id)
    yield made
    made.database.close()


@QUICK
@given(name=ANY)
def test_any_username(name: str) -> None:
    """Folding is done once and for all, in every form of Unicode alike; what is taken fits its column."""
    form = folded(name)
    assert folded(form) == form == folded(unicodedata.normalize("NFKD", name) if len(name) < 20 else name)
    try:
        shown = checked_username(name)
    except Invalid:
        return
    assert folded(shown) and len(folded(shown)) <= PersonRow.__table__.c.folded.type.length


@QUICK
@given(text=ANY)
def test_any_name_and_address(text: str) -> None:
    """Taken as it is, or refused."""
    for checked in (checked_name, checked_email):
        with suppress(Invalid):
            assert checked(text) == text and text.isprintable()


@QUICK
@given(password=ANY, names=st.lists(ANY, max_size=3))
def test_any_password(password: str, names: list[str]) -> None:
    """Weak or not, whatever people are called; a short one always is."""
    try:
        check(password, names)
    except WeakPassword as error:
        assert str(error).startswith(("A password has at ", "That password "))  # and says nothing of it
    else:
        assert len(password) >= MIN_PASSWORD


@FEW
@given(username=ANY, password=ANY, address=ANY)
def test_any_sign_in(rig: Rig, username: str, password: str, address: str) -> None:
    """Nobody gets in."""
    rig.now += 600
    assert isinstance(rig.try_password(username, password, address), NotSignedIn | Throttled)
    assert isinstance(rig.try_password("ann", password, address, known=True), NotSignedIn | Throttled)


@FEW
@given(code=ANY | st.text("0123456789- ", max_size=12), ticket=ANY)
def test_any_code_and_ticket(rig: Rig, code: str, ticket: str) -> None:
    """Nobody gets in, with a ticket that counts and without."""
    rig.now += 3600
    good = rig.ticket("ann", PASSWORD)
    assert isinstance(rig.second(good, code), NotSignedIn | Throttled)
    assert rig.second(ticket, code) == NotSignedIn()


@FEW
@given(text=ANY)
def test_any_cookie_and_link(rig: Rig, text: str) -> None:
    """Nobody's."""
    assert rig.sessions.find(text) is None and not rig.sessions.knew(text, text)
    assert rig.passwords.reset_subject(text) is None
    assert rig.users.find(text) is None
    rig.sessions.end(text)
    for call in (rig.users.get, rig.people.scopes.get):
        with pytest.raises(ControlError):
            call(text)
