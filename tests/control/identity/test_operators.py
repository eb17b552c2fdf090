"""Who may administer: roles, scopes and ends; and that nobody is shut out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.errors import Conflict, Denied, Invalid, NotFound
from control.identity import Operators, Role
from control.identity.roles import SCOPES, covers, suffices, within
from control.store import Database, open_database

GIVEN = "given-at-start-credential-of-32-chars"


class Clock:
    """Time that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A fresh one."""
    opened = open_database(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    """At 100."""
    return Clock()


@pytest.fixture
def operators(database: Database, clock: Clock) -> Operators:
    """None yet."""
    return Operators(database, clock)


def test_roles_are_rungs_and_scopes_narrow() -> None:
    """Who may do more may do all that is below; writing includes reading; no scopes are all of them."""
    assert [suffices(Role.EDITOR, needed) for needed in Role] == [True, True, False]
    assert covers(["policy:write"], "policy:read") and not covers(["policy:read"], "policy:write")
    assert all(covers(None, scope) for scope in SCOPES)
    assert not within(Role.OPERATOR, None, Role.OPERATOR, ["operators:write"])
    assert within(Role.VIEWER, ["policy:read"], Role.EDITOR, ["policy:write"])


def test_a_credential_ends_when_it_was_to(operators: Operators, clock: Clock) -> None:
    """At the second that was said, whatever the real time is; and never again."""
    made, token = operators.create("ann", "test", role="viewer", lifetime_s=60)
    assert made.expires_at == 160
    clock.now = 159.9
    assert operators.authenticate(token) == made
    clock.now = 160.0
    assert operators.authenticate(token) is None
    assert not operators.is_live(made.id)


def test_the_last_credential_that_may_do_everything_stays(operators: Operators) -> None:
    """Viewers, narrowed ones and expired ones do not count as another."""
    ann, _ = operators.create("ann", "test")
    operators.create("bob", "test", role="viewer")
    operators.create("ci", "test", scopes=["operators:write"])
    with pytest.raises(Conflict, match="last credential"):
        operators.revoke("ann", "test")
    assert operators.is_live(ann.id)
    operators.create("eve", "test")
    operators.revoke("ann", "test")
    assert not operators.is_live(ann.id)


def test_what_control_was_started_with_stays(operators: Operators, database: Database, clock: Clock) -> None:
    """It would be back at the next start; once control is started otherwise it can go."""
    operators.ensure(GIVEN)
    operators.create("ann", "test")
    for change in (operators.revoke, operators.rotate):
        with pytest.raises(Conflict, match="CONTROL_TOKEN"):
            change("environment", "test")
    later = Operators(database, clock)
    assert later.ensure(None) is None
    later.revoke("environment", "test")
    assert later.authenticate(GIVEN) is None


def test_when_all_have_expired_the_next_start_makes_one(operators: Operators, clock: Clock) -> None:
    """No lock-out needs a hand on the database."""
    first = operators.ensure(None)
    assert first is not None
    operators.create("ann", "test", lifetime_s=60)
    operators.revoke("first", "test")
    clock.now = 1000.0
    again = operators.ensure(None)
    assert again is not None and operators.authenticate(again) is not None
    assert operators.authenticate(first) is None


def test_a_rotated_credential_ends_at_once(operators: Operators, clock: Clock) -> None:
    """What it may do and when it ends are kept, or lengthened if that is said."""
    made, old = operators.create("ci", "test", role="editor", scopes=["policy:write"], lifetime_s=60)
    new, token = operators.rotate("ci", "test")
    assert operators.authenticate(old) is None and operators.authenticate(token) == new
    assert (new.role, new.scopes, new.expires_at) == (made.role, made.scopes, made.expires_at)
    clock.now = 500.0
    with pytest.raises(Conflict):
        operators.rotate("ci", "test")
    assert operators.rotate("ci", "test", lifetime_s=60)[0].expires_at == 560


def test_nobody_gives_what_they_do_not_have(operators: Operators) -> None:
    """A narrowed credential makes, rotates and removes none that may do more."""
    operators.create("root", "test")
    helper, _ = operators.create("helper", "test", scopes=["operators:write", "policy:read"])
    for role, scopes in (("operator", None), ("viewer", None), ("viewer", ["keys:read"])):
        with pytest.raises(Denied):
            operators.create("new", "helper", role=role, scopes=scopes, giver=helper)
    for change in (operators.rotate, operators.revoke):
        with pytest.raises(Denied):
            change("root", "helper", giver=helper)
    operators.create("new", "helper", role="viewer", scopes=["policy:read"], giver=helper)


@pytest.mark.parametrize("name", ["", " ", "environment", "first", "system", "a\nb", "x" * 101])
def test_names_are_readable_and_free(operators: Operators, name: str) -> None:
    """Nobody is called like those whom control makes, or like somebody else."""
    with pytest.raises(Invalid):
        operators.create(name, "test")
    ann, _ = operators.create("ann", "test")
    for taken in ("ann", ann.id):
        with pytest.raises(Conflict):
            operators.create(taken, "test")


@pytest.mark.parametrize(("role", "scopes"), [("root", None), ("viewer", []), ("viewer", ["policy"])])
def test_roles_and_scopes_are_a_closed_set(operators: Operators, role: str, scopes: list[str] | None) -> None:
    """A slip is an error, and never a credential that may do something else."""
    with pytest.raises(Invalid):
        operators.create("ann", "test", role=role, scopes=scopes)


@pytest.mark.parametrize("key", ["nobody", "\x00", ""])
def test_nobody_is_not_found(operators: Operators, key: str) -> None:
    """And a removed one is nobody."""
    operators.create("ann", "test")
    operators.create("bob", "test")
    operators.revoke("bob", "test")
    for missing in (key, "bob"):
        with pytest.raises(NotFound):
            operators.get(missing)
