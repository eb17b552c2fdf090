"""``control user``, ``scope`` and ``credential``."""

import time

from .conftest import Run


def test_user_verbs(control: Run) -> None:
    """Added, listed, shown, changed, given a link, signed out, removed."""
    made = control("user", "add", "ann", "--name", "Ann", "--email", "ann@shop.test", "--expires", "90d")
    assert (made.code, "proof     none yet" in made.out, "active until" in made.out) == (0, True, True)
    assert "ann@shop.test" in control("user", "list").out
    link = control("user", "reset-link", "ann", "--expires", "1h")
    assert (link.code, len(link.out.splitlines()), "/account/reset?token=sgl_" in link.out) == (0, 1, True)
    changed = control("user", "update", "ann", "--rename", "anna", "--never-expires", "-o", "json").json
    assert (changed["username"], changed["expires_at"]) == ("anna", None)
    assert control("user", "show", "ANNA", "-o", "json").json == changed
    assert "anna has no session" in control("user", "sessions", "anna").out
    assert control("user", "end-sessions", "anna", "-o", "json").json == {"ended": 0}
    assert control("user", "end-sessions", "anna", "none").code == 1
    assert control("user", "totp", "remove", "anna").code == 1
    assert "disabled" in control("user", "update", "anna", "--disable").out
    assert control("user", "reset-link", "anna").code == 1
    assert control("user", "update", "anna").code == 2
    assert control("user", "update", "anna", "--expires", "1d", "--never-expires").code == 2
    assert control("user", "remove", "anna").code == 0
    assert control("user", "show", "anna").code == 1


def test_scope_verbs(control: Run) -> None:
    """Described, listed, shown, changed, removed."""
    assert control("scope", "add", "orders:see", "See your orders").code == 0
    assert control("scope", "add", "orders:see", "Twice").code == 1
    assert "See your orders" in control("scope", "list").out
    assert control("scope", "update", "orders:see", "See all", "-o", "json").json["description"] == "See all"
    assert "See all" in control("scope", "show", "orders:see").out
    assert control("scope", "remove", "orders:see").code == 0
    assert control("scope", "show", "orders:see").code == 1


def test_credential_verbs(control: Run) -> None:
    """One more, listed without what is secret, turned off, removed."""
    control("app", "add", "web")
    made = control("credential", "add", "web", "--name", "spring", "--expires", "30d", "-o", "json").json
    assert made["client_secret"].startswith("sgs_")
    listed = control("credential", "list", "web")
    assert ("spring" in listed.out, "sgs_" in listed.out, len(listed.out.splitlines())) == (True, False, 3)
    assert "active until" in control("credential", "show", made["id"]).out
    assert "disabled" in control("credential", "update", made["id"], "--disable", "--never-expires").out
    assert control("credential", "update", made["id"]).code == 2
    assert control("credential", "remove", made["id"]).code == 0
    assert control("credential", "show", made["id"]).code == 1
    assert "client_secret  sgs_" in control("credential", "add", "web").out


def test_control_turns_off_whose_time_is_over(control: Run) -> None:
    """By itself, within seconds; the audit trail has it."""
    control("user", "add", "shortly", "--expires", "1s")
    deadline = time.monotonic() + 30
    while "disabled" not in control("user", "show", "shortly").out:
        assert time.monotonic() < deadline
    assert "user.expire" in control("audit", "--action", "user.expire").out
