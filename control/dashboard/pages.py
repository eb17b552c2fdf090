"""HTML from values. ``Html`` is markup; every other value that is put into markup is escaped."""

import base64
import hashlib
import html
import time
from collections.abc import Sequence

STYLE = """
:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}
body{max-width:72rem;margin:2rem auto;padding:0 1rem}
header{display:flex;justify-content:space-between;align-items:baseline}
table{border-collapse:collapse;width:100%;margin-bottom:2rem}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8884;overflow-wrap:anywhere}
th{font-weight:600;overflow-wrap:normal}
.bad{color:#c22}
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""The Content-Security-Policy that these pages need, and no more."""


class Html(str):
    """Markup, as opposed to text."""

    __slots__ = ()


def escaped(value: object) -> Html:
    """``value`` as markup. What is not printable (and what turns the direction of reading around) is a ``?``."""
    if isinstance(value, Html):
        return value
    text = "-" if value is None or value == "" else str(value)
    return Html(html.escape("".join(c if c.isprintable() else "?" for c in text)))


def page(title: str, *parts: Html) -> str:
    """A whole document."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escaped(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def heading(text: str) -> Html:
    """A section's heading."""
    return Html(f"<h2>{escaped(text)}</h2>")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> Html:
    """Rows under their names, or the sentence ``empty``."""
    if not rows:
        return Html(f"<p>{escaped(empty)}</p>")
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return Html(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def notice(text: str) -> Html:
    """A sentence that wants attention."""
    return Html(f'<p role="alert">{bad(text)}</p>')


def bad(text: str) -> Html:
    """Text that wants attention."""
    return Html(f'<span class="bad">{escaped(text)}</span>')


def moment(unix_s: float | None) -> str:
    """A time in UTC."""
    return "" if not unix_s else time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(unix_s))


def sign_in(sentence: str = "") -> str:
    """The form that asks for the operator credential."""
    said = f'<p role="alert">{bad(sentence)}</p>' if sentence else ""
    return page(
        "Sign in - control",
        Html(
            f"<h1>control</h1>{said}"
            '<form method="post" action="/login"><label>Operator credential '
            '<input type="password" name="credential" autocomplete="current-password" required autofocus></label> '
            '<button type="submit">Sign in</button></form>'
        ),
    )


def top() -> Html:
    """The page's head line, with the way out."""
    return Html(
        "<header><h1>control</h1>"
        '<form method="post" action="/logout"><button type="submit">Sign out</button></form></header>'
    )
