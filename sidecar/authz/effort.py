"""What a regular expression costs, before it is ever run.

CEL's library builds the automaton of a ``matches()`` anew for every request. It reads its text in one pass, so that no
caller can make it slow; but a counted repetition of a class with thousands of characters is milliseconds, each time.
"""

import re

MAX_EFFORT = 300
"""About three milliseconds."""
_HEAVY = 30
"""``\\w`` is 130,000 characters; a dozen of written ones is 1."""

_LITERAL = re.compile(r"([rR]?)(\"\"\"|'''|\"|')(.*)\2", re.DOTALL)
_PIECE = re.compile(r"\\[pP](?:\{[^}]*\}|.)|\\.|\{([0-9]+)(?:,([0-9]*))?\}|.", re.DOTALL)


def pattern_in(literal: str) -> str:
    """The regular expression in a CEL string, as it is written there."""
    parts = _LITERAL.fullmatch(literal)
    if parts is None:
        return literal
    return parts[3] if parts[1] else re.sub(r"\\(.)", r"\1", parts[3], flags=re.DOTALL)


def effort(pattern: str) -> int:
    """How large its automaton becomes. Rough, and never an error: what is no regular expression is found elsewhere."""
    sums, last = [0], 0
    for piece in _PIECE.finditer(pattern):
        text = piece[0]
        if piece[1] is not None:
            more = last * (max(int(piece[1][:6]), int((piece[2] or "0")[:6])) - 1)
            last += more
            sums[-1] += more
            continue
        if text in ("(", "["):
            sums.append(0)
            continue
        if text in (")", "]") and len(sums) > 1:
            inner = sums.pop()
            last = inner if text == ")" else _HEAVY if inner >= _HEAVY else 1
        else:
            last = _HEAVY if text[:2] in ("\\w", "\\W", "\\p", "\\P") else 1
        sums[-1] += last
    return sum(sums)
