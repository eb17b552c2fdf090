"""Applications and operators: secrets shown once, hashes kept, changes audited."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from control.errors import Conflict, Invalid, NotFound
from control.identity import Applications, Operators
from control.store import Database, open_database
from control.store.audit import newest
from control.store.tables import ApplicationSecretRow, OperatorRow


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A fresh one."""
    opened = open_database(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def applications(database: Database) -> Applications:
    """None yet."""
    return Applications(database, lambda: 100.5)


@pytest.fixture
def operators(database: Database) -> Operators:
    """None yet."""
    return Operators(database, lambda: 100.5)


def test_a_secret_is_shown_once_and_kept_as_a_hash(applications: Applications, database: Database) -> None:
    """No column holds it, and the audit trail does not either."""
    app, secret = applications.create("web", "ann", scopes=["orders:read"])
    assert secret.startswith("sgs_")
    assert applications.authenticate(app.client_id, secret) == app
    with database.read() as session:
        row = session.scalars(select(ApplicationSecretRow)).one()
        assert secret.encode() not in row.secret_hash
        assert secret not in repr(newest(session, 10))


@pytest.mark.parametrize("secret", ["", "sgs_", "sgs_" + "A" * 43, "\ud800", "é"])
def test_another_secret_is_refused(applications: Applications, secret: str) -> None:
    """Whatever it is made of."""
    app, _ = applications.create("web", "ann")
    assert applications.authenticate(app.client_id, secret) is None


@pytest.mark.parametrize("client_id", ["", "nobody", "x" * 1000, "a\0b", "é"])
def test_an_unknown_client_is_refused(applications: Applications, client_id: str) -> None:
    """Whatever it is called."""
    _, secret = applications.create("web", "ann")
    assert applications.authenticate(client_id, secret) is None


def test_a_rotated_secret_replaces_the_old_one(applications: Applications) -> None:
    """From now on."""
    app, old = applications.create("web", "ann")
    now, new = applications.rotate_secret("web", "ann")
    assert applications.authenticate(app.client_id, old) is None
    assert applications.authenticate(app.client_id, new) == now
    assert now.revision == app.revision + 1


def test_an_inactive_application_is_nobody(applications: Applications) -> None:
    """Until it is made active again."""
    app, secret = applications.create("web", "ann")
    assert not applications.update("web", "ann", active=False).active
    assert applications.authenticate(app.client_id, secret) is None
    applications.update("web", "ann", active=True)
    assert applications.authenticate(app.client_id, secret) is not None


def test_found_by_name_id_and_client_id(applications: Applications) -> None:
    """Whichever is at hand."""
    app, _ = applications.create("web", "ann")
    assert applications.get("web") == applications.get(app.id) == applications.get(app.client_id) == app
    assert applications.list() == [app]


def test_a_name_is_given_once(applications: Applications) -> None:
    """Nor may it be another's id, which would make a key ambiguous."""
    app, _ = applications.create("web", "ann")
    for taken in ("web", app.id, app.client_id):
        with pytest.raises(Conflict):
            applications.create(taken, "ann")


def test_a_client_id_never_comes_again(applications: Applications) -> None:
    """Tokens of the application that was removed are not the new one's."""
    first, _ = applications.create("Web Shop!", "ann")
    applications.remove("Web Shop!", "ann")
    second, _ = applications.create("Web Shop!", "ann")
    assert first.client_id.startswith("web-shop-")
    assert first.client_id != second.client_id


def test_update_changes_what_is_named_and_nothing_else(applications: Applications) -> None:
    """None for services means all of them, which is not the same as leaving them be."""
    applications.create("web", "ann", scopes=["a"], services=["orders"])
    assert applications.update("web", "ann", scopes=["b", "b"]).services == ["orders"]
    changed = applications.update("web", "ann", services=None, name="shop")
    assert (changed.name, changed.scopes, changed.services) == ("shop", ["b"], None)


def test_every_change_is_audited(applications: Applications, database: Database) -> None:
    """Who, what and to whom."""
    applications.create("web", "ann")
    applications.update("web", "bob", scopes=["a"])
    applications.rotate_secret("web", "bob")
    applications.remove("web", "cid")
    with database.read() as session:
        assert [(e.actor, e.action, e.subject) for e in reversed(newest(session, 10))] == [
            ("ann", "application.create", "web"),
            ("bob", "application.update", "web"),
            ("bob", "application.rotate_secret", "web"),
            ("cid", "application.remove", "web"),
        ]


@pytest.mark.parametrize("name", ["", " web", "a\nb", "x" * 101])
def test_names_that_are_refused(applications: Applications, name: str) -> None:
    """They go into logs and lists."""
    with pytest.raises(Invalid):
        applications.create(name, "ann")


@pytest.mark.parametrize("scope", ["", "a b", 'a"b', "a\\b", "é", "a\n"])
def test_scopes_that_are_refused(applications: Applications, scope: str) -> None:
    """What RFC 6749 section 3.3 does not call a scope-token."""
    with pytest.raises(Invalid):
        applications.create("web", "ann", scopes=[scope])


def test_what_does_not_exist_is_not_found(applications: Applications, operators: Operators) -> None:
    """For each verb."""
    for key in ("web", "", "a\0b", "\ud800"):
        with pytest.raises(NotFound):
            applications.get(key)
    with pytest.raises(NotFound):
        applications.update("web", "ann", active=False)
    with pytest.raises(NotFound):
        applications.remove("web", "ann")
    with pytest.raises(NotFound):
        operators.revoke("nobody", "ann")


def test_the_first_start_makes_an_operator_once(operators: Operators, database: Database) -> None:
    """The credential is returned once and works; a second start makes none."""
    token = operators.ensure(None)
    assert token is not None
    assert operators.ensure(None) is None
    found = operators.authenticate(token)
    assert found is not None
    with database.read() as session:
        assert token.encode() not in session.scalars(select(OperatorRow)).one().token_hash


def test_a_given_token_replaces_the_one_given_before(operators: Operators) -> None:
    """At each start the environment says which."""
    for token in ("a" * 32, "b" * 32, "b" * 32, "a" * 32):
        assert operators.ensure(token) is None
        assert operators.authenticate(token) is not None
    assert operators.authenticate("b" * 32) is None
    assert len(operators.list()) == 2


def test_a_short_token_is_refused(operators: Operators) -> None:
    """It could be guessed."""
    with pytest.raises(Invalid):
        operators.ensure("a" * 31)
    assert operators.list() == []


def test_a_revoked_operator_is_out(operators: Operators) -> None:
    """At once; others stay."""
    ann, ann_token = operators.create("ann", "system")
    _, bob_token = operators.create("bob", "ann")
    operators.revoke(ann.id, "bob")
    assert operators.authenticate(ann_token) is None
    assert operators.authenticate(bob_token) is not None


@pytest.mark.parametrize("token", ["", "nothing", "x" * 100_000, "\ud800"])
def test_no_token_no_operator(operators: Operators, token: str) -> None:
    """Nothing is open without one."""
    operators.ensure("a" * 32)
    assert operators.authenticate(token) is None
