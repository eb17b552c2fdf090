"""What looks like a credential, made unreadable wherever a line is written for people.

A caller who puts a token into a path, or into a header where none belongs, must not find it in a log that others read.
Knows shapes and no meaning: a compact JWS or JWE (its header is JSON, so that it begins ``eyJ``), whole or cut off in
its second part, and what control issues (``sgk_<id>_<secret>``, of which the id stays, ``sgj1_``, and ``sg``, a letter
and ``_``: secrets of applications and operators, codes, refresh and registration tokens, links, cookies).
"""

import re

MASK = "***"

_DOT = r"(?:\.|%(?:25)*2[Ee])"
_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=%20))"
_SHAPES = re.compile(
    rf"eyJ[A-Za-z0-9_-]{{10,}}{_DOT}(?:[A-Za-z0-9_-]|{_DOT})*"
    rf"|{_BEGINS}(sgk_[0-9A-Za-z-]{{1,64}}_)[0-9A-Za-z_-]+|{_BEGINS}(sg(?:j1|[cdlmorstw])_)[0-9A-Za-z_-]+"
)


def masked(text: str) -> str:
    """``text``, with ``***`` in the place of each credential in it."""
    if "eyJ" not in text and "sg" not in text:  # nearly always: no shape has neither
        return text
    return _SHAPES.sub(lambda found: (found[1] or found[2] or "eyJ") + MASK, text)
