"""Each verb against a control that runs: what people read, what programs read, and exit codes."""

import io
import stat
import sys
from pathlib import Path

import pytest

from .conftest import POLICY, Run


def test_policy_verbs(control: Run, policy: Path) -> None:
    """diff, push, get, history, rollback: the life of a policy."""
    assert "web" not in control("diff", str(policy)).out
    pushed = control("push", str(policy), "--wait", "--note", "first")
    assert pushed.code == 0
    assert "no sidecar is connected" in pushed.out
    assert control("get").out == POLICY
    policy.write_text(POLICY.replace("orders:read", "orders:audit"))
    assert "orders:audit" in control("diff", str(policy)).out
    made = control("push", str(policy), "-o", "json").json
    assert control("push", str(policy), "--expect", "1").code == 1
    history = control("-o", "json", "history").json["versions"]
    assert [(one["version"], one["note"]) for one in history][-1] == (1, "first")
    assert history[0]["version"] == made["version"]
    back = control("rollback", "1", "--wait", "-o", "json").json
    assert back["rollout"]["complete"] is True
    assert control("get").out == POLICY
    assert "orders:audit" in control("get", str(made["version"])).out
    assert control("diff", str(policy)).code == 0


def test_a_bad_policy_is_not_pushed(control: Run, policy: Path) -> None:
    """Exit 1, with the line, and history as it was."""
    before = control("history", "-o", "json").json
    policy.write_text(POLICY.replace("access: public", "acess: public"))
    said = control("push", str(policy))
    assert (said.code, said.out) == (1, "")
    assert f"{policy}:8: " in said.err
    assert control("history", "-o", "json").json == before


def test_a_rollback_to_nowhere(control: Run) -> None:
    """Exit 1 and a sentence."""
    said = control("rollback", "999999")
    assert said.code == 1
    assert "999999" in said.err


def test_join_tokens(control: Run, tmp_path: Path) -> None:
    """Alone on stdout, or in a new file that nobody else reads; listed; ended."""
    said = control("join-token", "orders", "--uses", "2")
    assert said.out.startswith("sgj1_")
    assert len(said.out.splitlines()) == 1
    file = tmp_path / "token"
    assert control("join-token", "orders", "--out", str(file)).out == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("sgj1_")
    assert control("join-token", "orders", "--out", str(file)).code == 1
    listed = control("join-token", "--list", "-o", "json").json["join_tokens"]
    assert len(listed) == 2
    assert control("join-token", "--revoke", listed[0]["id"]).code == 0
    assert "yes" in control("join-token", "--list").out
    for name in ("not a service", "Orders"):
        assert "lower-case letters" in control("join-token", name).err


def test_a_slip_in_a_name_is_pointed_out(control: Run, policy: Path) -> None:
    """A join token for a service that the policy does not know is made, with a warning."""
    control("push", str(policy))
    assert "does not name the service 'ordres'" in control("join-token", "ordres").err
    assert control("join-token", "orders").err == ""


def test_a_revocation_names_an_application_that_there_is_or_was(control: Run, policy: Path) -> None:
    """A misspelt name gets no receipt, an application that is removed takes its tokens along and may still be named."""
    control("push", str(policy))
    control("app", "add", "clerk", "--scope", "orders:read")
    token = control("token", "issue", "--app", "clerk").out.strip()
    said = control("revoke", "--app", "clrek", "--wait")
    assert (said.code, said.out, "no application 'clrek'" in said.err) == (1, "", True)
    assert "\nallowed" in control("explain", "orders", "GET", "/orders/7", "--token", token).out
    control("app", "remove", "clerk")
    assert "token_revoked" in control("explain", "orders", "GET", "/orders/7", "--token", token).out
    assert control("revoke", "--app", "clerk", "--wait").code == 0
    assert "token_revoked" in control("explain", "orders", "GET", "/orders/7", "--token", token).out


def test_applications_and_tokens(control: Run, policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An application is registered, gets a token, and the token is explained until it is revoked."""
    control("push", str(policy))
    made = control("app", "add", "shop", "--scope", "orders:read", "-o", "json").json
    again = control("app", "add", "shop")
    assert (again.code, again.out) == (1, "")
    assert made["client_id"] in control("app", "list").out
    assert made["client_secret"] not in control("app", "show", "shop").out
    token = control("token", "issue", "--app", "shop").out.strip()
    assert token.count(".") == 2
    monkeypatch.setattr(sys, "stdin", io.StringIO(token + "\n"))
    assert "\nallowed" in control("explain", "orders", "GET", "/orders/7", "--token", "-").out
    assert "missing_token" in control("explain", "orders", "GET", "/orders/7").out
    revoked = control("revoke", "--app", "shop", "--wait")
    assert (revoked.code, "in force on 0 of 0" in revoked.out) == (0, True)
    assert "token_revoked" in control("explain", "orders", "GET", "/orders/7", "--token", token).out
    assert control("app", "update", "shop", "--disable").out.endswith("disabled\n")
    assert "client_secret" in control("app", "secret", "shop").out
    assert control("app", "remove", "shop").code == 0
    assert control("token", "issue", "--app", "shop").code == 1


def test_explain_says_when_a_service_is_unknown(control: Run, policy: Path) -> None:
    """A misspelt service is pointed out."""
    control("push", str(policy))
    said = control("explain", "ordres", "GET", "/orders/7")
    assert "does not name the service 'ordres'" in said.err


def test_keys(control: Run, policy: Path) -> None:
    """Listed, rotated, revoked; a second rotation while one waits is refused."""
    control("push", str(policy))
    assert control("keys", "list", "-o", "json").json["keys"][0]["state"] == "active"
    assert control("keys", "rotate").code == 0
    assert control("keys", "rotate").code == 1
    prepared = control("keys", "list", "-o", "json").json["keys"][-1]
    assert prepared["state"] == "prepared"
    assert control("keys", "revoke", prepared["kid"], "--wait").code == 0
    assert control("keys", "revoke", "nobody").code == 1


def test_status_without_sidecars(control: Run) -> None:
    """It says so, and that is no failure."""
    said = control("status")
    assert (said.code, "0 of 0 sidecars" in said.out) == (0, True)
    assert control("status", "-o", "json").json["sidecars"] == []


def test_a_wrong_credential(control: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1, and the credential is not repeated."""
    monkeypatch.setenv("CONTROL_TOKEN", "wrong-credential")
    said = control("status")
    assert said.code == 1
    assert "CONTROL_TOKEN" in said.err
    assert "wrong-credential" not in said.err


def test_what_is_printed_cannot_command_a_terminal(control: Run, policy: Path) -> None:
    """Escape sequences in a note reach a person as harmless marks."""
    control("push", str(policy), "--note", "x\x1b[2Jy")
    assert "\x1b" not in control("history").out


def test_two_operators_do_not_overwrite_each_other(control: Run, policy: Path) -> None:
    """--expect names the version that was seen: exit 1 once there is a newer one, and nothing is changed."""
    control("push", str(policy))
    seen = str(control("get", "-o", "json").json["version"])
    assert control("push", str(policy), "--expect", seen).code == 0
    for late in (("push", str(policy)), ("rollback", seen)):
        said = control(*late, "--expect", seen)
        assert said.code == 1
        assert f"version {int(seen) + 1}" in said.err or f"is {int(seen) + 1}" in said.err


def test_lists_are_followed_to_their_end(control: Run) -> None:
    """Whatever the size of a page, every one is printed."""
    for n in range(3):
        control("app", "add", f"listed-{n}")
    names = [app["name"] for app in control("app", "list", "-o", "json").json["apps"]]
    assert {f"listed-{n}" for n in range(3)} <= set(names)
    assert "next" not in control("app", "list", "-o", "json").json


def test_what_is_taken_away_is_told_to_programs(control: Run) -> None:
    """-o json prints one document for every verb."""
    control("app", "add", "brief")
    assert control("app", "remove", "brief", "-o", "json").json == {"removed": "brief"}
    made = control("join-token", "orders", "-o", "json").json
    assert control("join-token", "--revoke", made["id"], "-o", "json").json == {"revoked": made["id"]}
    said = control("sidecar", "remove", "nobody")
    assert (said.code, said.out) == (1, "")


def test_what_is_revoked_is_listed(control: Run, policy: Path) -> None:
    """With the version that told the sidecars."""
    control("push", str(policy))
    made = control("revoke", "--subject", "listed-ann", "-o", "json").json
    found = control("revoke", "--list", "-o", "json").json["revocations"]
    assert ("listed-ann", made["version"]) in [(one["value"], one["version"]) for one in found]
    control("revoke", "--jti", "listed-jti")
    shown = {line.split()[1]: line for line in control("revoke", "--list").out.splitlines()}
    assert "listed-ann" in shown and shown["listed-jti"].split()[3] == "whenever"
    assert control("revoke", "--list", "--issuer", "nobody").out == "nothing is revoked\n"


def test_status_shows_some_of_them(control: Run) -> None:
    """Of a service or in a state; a state that there is not is exit 1."""
    assert control("status", "--service", "orders", "--state", "nacked").code == 0
    assert control("status", "--state", "lost").code == 1


def test_a_key_stands_alone_with_its_receipt_elsewhere(control: Run, policy: Path) -> None:
    """``KEY=$(control key add --wait)`` is the key and nothing else; who has it is told on stderr."""
    control("push", str(policy))
    made = control("key", "add", "--subject", "alone", "--wait")
    assert len(made.out.splitlines()) == 1
    assert "in force on" in made.err
