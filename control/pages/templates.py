"""Jinja2 over our templates, and over an operator's own, which take the place of ours by name.

Every template is read once, before anything is served, and tried with each of its examples (``shown``): one that does
not compile, wants what it is not handed, or has lost a field or a button that the page needs, keeps control from
starting. Ours stay at hand under ``default/``, so that one of an operator's may extend the one that it replaces. Every
value is escaped; what is not printable, or turns the direction of reading around, is a ``?``.
"""

import difflib
import hashlib
import time
from collections.abc import Mapping
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from jinja2 import DictLoader, Environment, StrictUndefined, TemplateError, TemplateSyntaxError
from markupsafe import Markup

from .shown import EXAMPLES

BASE, STYLE = "base.html", "style.css"
SHARED = (BASE, "wanted.html")
"""What pages are made of, and none by itself."""
MAX_BYTES = 256 * 1024


class BrokenTemplate(Exception):  # noqa: N818 - reads as the sentence it is
    """A template that cannot be used. The text names the file and says what to do."""


class Templates:
    """Thread-safe. ``directory``: an operator's own; BrokenTemplate. ``site``: what the pages call themselves."""

    def __init__(self, site: str, directory: Path | None = None) -> None:
        ours = {name: _ours(name) for name in (*SHARED, STYLE, *EXAMPLES)}
        theirs = {} if directory is None else _read(directory, ours)
        texts = {**ours, **theirs}
        self.style = texts.pop(STYLE)
        self.style_version = hashlib.sha256(self.style.encode()).hexdigest()[:16]
        originals = {f"default/{name}": text for name, text in ours.items() if name != STYLE}
        self._environment = _environment({**texts, **originals}, self._base(site))
        if theirs:
            self._try(directory, set(theirs), _environment(ours, self._base(site)))

    @classmethod
    def for_issuer(cls, url: str, directory: Path | None = None) -> Self:
        """The pages call themselves by the host of the issuer's URL."""
        return cls(urlsplit(url).netloc, directory)

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """The page."""
        return self._environment.get_template(name).render(values)

    def _base(self, site: str) -> dict[str, str]:
        return {"site": site, "style_url": f"/account/style.css?v={self.style_version}"}

    def _try(self, directory: Path | None, theirs: set[str], ours: Environment) -> None:
        for name, examples in EXAMPLES.items():
            shared = [one for one in SHARED if one in theirs]
            if name not in theirs and not shared:
                continue
            file = f"{directory}/{name if name in theirs else shared[0]}"
            for values in examples:
                try:
                    page = self.render(name, values)
                except TemplateSyntaxError as error:
                    raise BrokenTemplate(f"{directory}/{error.name}, line {error.lineno}: {error.message}") from None
                except Exception as error:  # a template is a program: whatever it raises, it is broken
                    said = error.message if isinstance(error, TemplateError) else error
                    raise BrokenTemplate(f"{file}: {said} (as {name} is shown)") from None
                lost = sorted(controls(ours.get_template(name).render(values)) - controls(page))
                if lost:
                    raise BrokenTemplate(f"{file}: {name} lacks {', '.join(lost)}, which the page needs")


def controls(page: str) -> set[str]:
    """The forms, fields and buttons of a page, each as ``element name``."""
    parser = _Controls()
    parser.feed(page)
    parser.close()
    return parser.found


class _Controls(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "form":
            self.found.add(f"a form with method={said.get('method')} and action={said.get('action')}")
        elif tag in ("input", "button") and said.get("name"):
            value = f"={said.get('value')}" if said.get("name") in ("form", "token") else ""
            self.found.add(f"{tag} {said['name']}{value}")


def _environment(texts: Mapping[str, str], base: Mapping[str, str]) -> Environment:
    made = Environment(
        loader=DictLoader(texts),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    made.globals.update(base)
    made.filters["moment"] = _moment
    return made


def _printable(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return "".join(c if c.isprintable() else "?" for c in value)
    return value


def _moment(unix_s: float) -> str:
    """In UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(unix_s))


def _ours(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _read(directory: Path, known: Mapping[str, str]) -> dict[str, str]:
    try:
        return {path.name: _text(path, known) for path in sorted(directory.iterdir())}
    except OSError as error:
        raise BrokenTemplate(f"{error.filename}: {error.strerror}") from None


def _text(path: Path, known: Mapping[str, str]) -> str:
    if path.name not in known:
        near = difflib.get_close_matches(path.name, known, 1)
        raise BrokenTemplate(f"{path}: there is no page of that name" + (f"; {near[0]}?" if near else ""))
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        raise BrokenTemplate(f"{path}: is larger than {MAX_BYTES} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise BrokenTemplate(f"{path}: is not UTF-8") from None
