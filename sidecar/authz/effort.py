"""What a regular expression costs, before it is ever run.

CEL's library builds the automaton of a ``matches()`` anew for every request. It reads its text in one pass, so that no
caller can make it slow; but a counted repetition of a class with thousands of characters is milliseconds, each time.
"""

import re

MAX_EFFORT = 300
"""About three milliseconds."""
_HEAVY = {"w": 30, "W": 30, "p": 30, "P": 30, "D": 10, "d": 3, "s": 3, "S": 3, "b": 3, "B": 3}
"""``\\w`` is 130,000 characters and ``\\d`` 760; a dozen of written ones is 1."""
_RANGES = 8

_LITERAL = re.compile(r"([rR]?)(\"\"\"|'''|\"|')(.*)\2", re.DOTALL)
_PIECE = re.compile(
    r"\\(?P<escape>[pP])(?:\{[^}]*\}|.)|\\(?P<letter>.)|\{(?P<least>[0-9]+)(?:,(?P<most>[0-9]*))?\}"
    r"|\(\?(?P<flags>[a-zA-Z-]*)[:)]|\[\^?\]?(?:\[:\^?[a-z]+:\])?|.",
    re.DOTALL,
)


def pattern_in(literal: str) -> str:
    """The regular expression in a CEL string, as it is written there."""
    parts = _LITERAL.fullmatch(literal)
    if parts is None:
        return literal
    return parts[3] if parts[1] else re.sub(r"\\(.)", r"\1", parts[3], flags=re.DOTALL)


def effort(pattern: str) -> int:
    """How large its automaton becomes. Rough; what is no regular expression is found elsewhere. ValueError, with a
    sentence, for one that says how its own text is to be read."""
    sums, last, classes = [0], 0, 0
    for piece in _PIECE.finditer(pattern):
        text = piece[0]
        if classes:
            # Brackets and braces are characters there, but for those of a class within the class.
            if text == "]":
                classes -= 1
                inner = sums.pop()
                last = inner if classes else max(1, inner // _RANGES)
                sums[-1] += last
            elif text[0] == "[":
                classes += 1
                sums.append(0)
            else:
                sums[-1] += _RANGES * _weight(piece) if text[0] == "\\" else len(text)
            continue
        if piece["least"] is not None:
            more = last * (max(int(piece["least"][:6]), int((piece["most"] or "0")[:6])) - 1)
            last += more
            sums[-1] += more
        elif piece["flags"] is not None and "x" in piece["flags"]:
            raise ValueError("the flag x is not offered: spaces and comments change what it repeats")
        elif text[0] == "[":
            classes = 1
            sums.append(0)
        elif text[0] == "(":
            if text[-1] != ")":  # flags alone open no group
                sums.append(0)
        elif text in "*+?":  # another repetition may follow, and is of the same
            sums[-1] += 1
        else:
            last = sums.pop() if text == ")" and len(sums) > 1 else _weight(piece)
            sums[-1] += last
    return sum(sums)


def _weight(piece: re.Match[str]) -> int:
    return _HEAVY.get(piece["escape"] or piece["letter"] or "", 1)
