"""A route's path, compiled: ``*`` is one segment, ``{name}`` one segment by name, ``**`` the rest.

``**`` stands last and matches zero segments too, so that ``/admin/**`` guards ``/admin`` itself. Everything else
is literal and compared as ``target`` reads a path: case-sensitive, escapes decoded, a trailing slash of no
account. A pattern that no path could ever match is refused with a sentence, for it would guard nothing.
"""

import re
from dataclasses import dataclass

from .target import MAX_SEGMENTS, canonical_segment

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_RAW = re.compile(r"[^\x21-\x7e]")


@dataclass(frozen=True, slots=True)
class Pattern:
    """``segments``: a literal, or None for any one segment. ``rest``: does ``**`` follow? ``names``: (index, name)."""

    text: str
    segments: tuple[str | None, ...]
    rest: bool
    names: tuple[tuple[int, str], ...] = ()

    def matches(self, segments: tuple[str, ...]) -> bool:
        """Does a path with these segments match? (The router asks its index instead; this is what it must equal.)"""
        if len(segments) < len(self.segments) or (len(segments) > len(self.segments) and not self.rest):
            return False
        return all(own is None or own == other for own, other in zip(self.segments, segments, strict=False))

    def parameters(self, segments: tuple[str, ...]) -> dict[str, str]:
        """The named segments of a path that matches."""
        return {name: segments[index] for index, name in self.names}


def compile_pattern(text: str) -> Pattern:
    """The pattern in ``text``; ValueError with a sentence if it can never match or is not well formed."""
    if not text.startswith("/"):
        raise ValueError(f"path {text!r} does not begin with '/'")
    for mark, meaning in (("?", "a query"), ("#", "a fragment"), ("\\", "a backslash"), (";", "';' parameters")):
        if mark in text:
            raise ValueError(f"path {text!r} holds {meaning}, which a normalised path never does")
    parts = text[1:].split("/")
    if len(parts) > MAX_SEGMENTS:
        raise ValueError(f"path {text[:80]!r} has more than {MAX_SEGMENTS} segments, which a normalised path never has")
    if parts[-1] == "":  # a trailing slash, or the root
        parts.pop()
    rest = bool(parts) and parts[-1] == "**"
    if rest:
        parts.pop()
    segments: list[str | None] = []
    names: list[tuple[int, str]] = []
    for index, part in enumerate(parts):
        named = _NAME.fullmatch(part)
        if named is not None:
            names.append((index, named[1]))
        segments.append(None if named is not None or part == "*" else _literal(part, text))
    if len({name for _, name in names}) != len(names):
        raise ValueError(f"path {text!r} uses a name twice")
    return Pattern(text, tuple(segments), rest, tuple(names))


def _literal(part: str, text: str) -> str:
    if part == "**":
        raise ValueError(f"path {text!r}: '**' may only stand last")
    if part == "":
        raise ValueError(f"path {text!r} holds '//', which a normalised path never does")
    if any(mark in part for mark in "*{}"):
        raise ValueError(f"path {text!r}: '*' and '{{name}}' stand for a whole segment, which {part!r} mixes with text")
    try:
        escaped = _RAW.sub(_percent, part)
        canonical, decoded = canonical_segment(escaped.encode("ascii"))
    except ValueError as error:
        raise ValueError(f"path {text!r} can never match: {error}") from None
    if canonical in (b".", b".."):
        raise ValueError(f"path {text!r} holds a dot segment, which a normalised path never does")
    if ";" in decoded:
        raise ValueError(f"path {text!r} holds an encoded ';', and a path with one in a literal is refused")
    return decoded


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8"))
