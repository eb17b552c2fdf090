"""operator and whoami, as a shell calls them."""

import pytest

from .conftest import Run


def test_operators_from_first_to_last(control: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The credential stands alone on stdout, works within its role, and ends when it is rotated or removed."""
    made = control("operator", "add", "ci", "--role", "viewer", "--expires", "30d", "--scope", "policy:read")
    assert made.code == 0
    credential = made.out.strip()
    assert credential.startswith("sgo_") and len(made.out.splitlines()) == 1
    assert "viewer, policy:read" in made.err
    assert credential not in control("operator", "list").out
    assert "environment" in control("operator", "list").out
    with monkeypatch.context() as patch:
        patch.setenv("CONTROL_TOKEN", credential)
        assert control("whoami", "-o", "json").json["name"] == "ci"
        said = control("operator", "list")
        assert said.code == 1
        assert "needs the role operator" in said.err
    rotated = control("operator", "rotate", "ci", "-o", "json").json
    assert rotated["credential"] != credential
    assert "policy:read" in control("operator", "show", "ci").out
    assert control("operator", "remove", "ci").code == 0
    assert control("operator", "show", "ci").code == 1


def test_nobody_shuts_everybody_out(control: Run) -> None:
    """Exit 1 and what to do."""
    said = control("operator", "remove", "environment")
    assert said.code == 1
    assert "CONTROL_TOKEN" in said.err


@pytest.mark.parametrize(
    "words", [("add", "x"), ("add", "x", "--role", "viewer", "--expires", "soon"), ("rotate",), ("show", "a/b")]
)
def test_what_is_not_understood_is_2(control: Run, words: tuple[str, ...]) -> None:
    """Before anything is sent."""
    assert control("operator", *words).code == 2
