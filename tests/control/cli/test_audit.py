"""``control audit``: who changed what, for people and for programs."""

from .conftest import Run


def test_the_trail(control: Run) -> None:
    """Newest first, narrowed and in parts; a secret that was printed is not in it."""
    secret = control("app", "add", "audited", "-o", "json").json["client_secret"]
    key = control("key", "add", "--subject", "s", "--name", "audited-key", "-o", "json").json["key"]
    said = control("audit", "-o", "json")
    newest, before = said.json["entries"][:2]
    assert (newest["actor"], newest["action"], newest["subject"]) == ("environment", "api_key.create", "audited-key")
    assert newest["detail"]["version"] > 0
    assert before["action"] == "application.create"
    assert secret not in said.out
    assert key.rsplit("_", 1)[1] not in said.out
    text = control("audit", "--limit", "1", "--before", str(newest["id"])).out
    assert text.splitlines()[0].split() == ["ID", "TIME", "ACTOR", "ACTION", "SUBJECT", "DETAIL"]
    assert "application.create" in text
    assert "api_key" not in text
    assert "audited-key" in control("audit", "--action", "api_key").out
    assert "no entry is like that" in control("audit", "--actor", "nobody").out
    assert control("audit", "--limit", "0").code == 2


def test_what_was_changed_is_told_in_words(control: Run) -> None:
    """A detail that has parts is written as the others are, and not as a program's data."""
    control("key", "add", "--subject", "s", "--name", "before-it")
    control("key", "update", "before-it", "--rename", "after-it")
    assert "changes (name after-it)" in control("audit", "--action", "api_key.update", "--limit", "1").out
