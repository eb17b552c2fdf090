"""An operator's own templates take the place of ours by name, and what is wrong with them is told before anything is
served."""

import re
from pathlib import Path

import pytest

from control.pages import BrokenTemplate, Templates
from control.pages.shown import EXAMPLES
from control.pages.templates import controls

DOCS = (Path(__file__).parents[3] / "docs" / "pages.md").read_text()
SIGNED_OUT = {
    "signed_out.html": "{% extends 'base.html' %}{% block content %}<h1>Bye from {{ site }}</h1>{% endblock %}"
}


def theirs(folder: Path, texts: dict[str, str]) -> Path:
    """A directory with these."""
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def broken(folder: Path, texts: dict[str, str]) -> str:
    """What is said of them."""
    with pytest.raises(BrokenTemplate) as refused:
        Templates("shop.test", theirs(folder, texts))
    return str(refused.value)


def test_theirs_instead_of_ours(tmp_path: Path) -> None:
    """One page, the frame of all, the style; what they leave alone is ours."""
    style = {"style.css": "body { color: red }"}
    frame = {"base.html": "<title>{% block title %}{% endblock %}</title>SHOP {% block content %}{% endblock %}"}
    made = Templates("shop.test", theirs(tmp_path, {**SIGNED_OUT, **style, **frame}))
    assert made.render("signed_out.html", {}) == "<title></title>SHOP <h1>Bye from shop.test</h1>"
    assert made.style == style["style.css"] and made.style_version != Templates("shop.test").style_version
    ours = made.render("device_done.html", {"client": "tv", "allowed": True})
    assert ours.startswith("<title>Allowed</title>SHOP") and "tv goes on by itself" in ours


def test_ours_can_be_extended(tmp_path: Path) -> None:
    """A page that adds to the one that it replaces."""
    text = "{% extends 'default/sign_in.html' %}{% block content %}{{ super() }}<p>Call 123.</p>{% endblock %}"
    made = Templates("shop.test", theirs(tmp_path, {"sign_in.html": text}))
    page = made.render("sign_in.html", EXAMPLES["sign_in.html"][0])
    assert "Call 123." in page and "input password" in controls(page)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"signed_out.html": "\n{% if %}"}, r"signed_out.html, line 2: "),
        ({"signed_out.html": "{{ nothing }}"}, r"signed_out.html: 'nothing' is undefined"),
        ({"signed_out.html": "{{ 1 / 0 }}"}, r"signed_out.html: division by zero"),
        ({"signed_out.html": "{% extends 'other.html' %}"}, r"signed_out.html: other.html"),
        ({"sign_inn.html": ""}, r"sign_inn.html: there is no page of that name; sign_in.html\?"),
        ({"base.html": "{% block title %}{% endblock %}"}, r"base.html: sign_in.html lacks a form .*, which"),
        ({"base.html": "{{ nothing }}"}, r"base.html: 'nothing' is undefined \(as sign_in.html is shown\)"),
        ({"style.css": "x" * 300_000}, r"style.css: is larger than 262144 bytes"),
    ],
)  # fmt: skip
def test_what_is_broken(tmp_path: Path, texts: dict[str, str], said: str) -> None:
    """The file, and what is wrong with it."""
    assert re.search(said, broken(tmp_path, texts))


def test_a_page_that_lost_its_no(tmp_path: Path) -> None:
    """A consent page without a button to deny is no consent page; nor is one whose form lost its token."""
    ours = (Path(__file__).parents[3] / "control/pages/templates/consent.html").read_text()
    without = re.sub(r".*name=\"deny\".*", "", ours)
    assert "consent.html lacks button deny" in broken(tmp_path, {"consent.html": without})
    without = re.sub(r".*name=\"token\".*", "", ours)
    assert "consent.html lacks input token=t" in broken(tmp_path, {"consent.html": without})


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """No directory, and no text."""
    with pytest.raises(BrokenTemplate, match="none: No such file or directory"):
        Templates("shop.test", tmp_path / "none")
    (tmp_path / "style.css").write_bytes(b"\xff")
    with pytest.raises(BrokenTemplate, match=r"style\.css: is not UTF-8"):
        Templates("shop.test", tmp_path)


def test_values_are_text() -> None:
    """Markup is escaped; what cannot be seen, or turns reading around, is a question mark."""
    page = Templates("shop.test").render("device_done.html", {"client": "<b>\u202ex\x1b", "allowed": True})
    assert "&lt;b&gt;?x? goes on" in page


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_template_is_documented(name: str) -> None:
    """Each is a row of the table in docs/pages.md, with all that it is handed."""
    row = next(line for line in DOCS.splitlines() if line.startswith(f"| `{name}` |"))
    handed = {key for values in EXAMPLES[name] for key in values}
    assert all(set(values) == handed for values in EXAMPLES[name])
    assert set(re.findall(r"`(\w+)`", row.split("|")[3])) == handed


@pytest.mark.parametrize("name", EXAMPLES)
def test_people_who_cannot_see_can_use_it(name: str) -> None:
    """Every field has a label, every page one heading of the first order, a title and a language; errors are announced
    and name their field; nothing is told by a script, or by colour alone."""
    for values in EXAMPLES[name]:
        page = Templates("shop.test").render(name, values)
        assert (
            '<html lang="en">' in page
            and page.count("<h1>") == 1
            and re.search(r"<title>\S.* - shop.test</title>", page)
        )
        fields = [field for field in re.findall(r"<input [^>]*>", page) if "hidden" not in field]
        for field in fields:
            assert f'<label for="{re.search(r"id=.([a-z_]+)", field)[1]}"' in page  # type: ignore[index]
        assert "<script" not in page and " style=" not in page and " on" not in " ".join(re.findall(r"<[^>]*>", page))
        if values.get("error"):
            assert 'role="alert"' in page and "<title>Error: " in page
        identifiers = re.findall(r' id="([^"]+)"', page)
        assert len(set(identifiers)) == len(identifiers)
        for described in re.findall(r'aria-describedby="([^"]+)"', page):
            assert set(described.split()) <= set(identifiers)
