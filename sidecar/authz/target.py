"""A request target -> the one path that is matched and forwarded (RFC 9112 section 3.2.1, RFC 3986 section 6.2.2).

What the upstream receives is what was authorised: ``Target.forward`` is built from the very segments that the
router saw. A path that another server could read differently (hidden dot segments, encoded separators, a second
layer of encoding) is refused rather than guessed at. ``docs/paths.md`` has every rule with an example. The query
is opaque: it is passed on as it came and never matched.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from sidecar.authn.rejection import Rejection
from sidecar.contract.reasons import Reason

MAX_ENCODING_LAYERS = 3
MAX_SEGMENTS = 256

_VISIBLE = re.compile(rb"[\x21-\x7e]*")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_HEX = "0123456789ABCDEFabcdef"
_ESCAPES = {
    (high + low).encode(): bytes((code,)) if (code := int(high + low, 16)) in _UNRESERVED else b"%%%02X" % code
    for high in _HEX
    for low in _HEX
}
"""Two hexadecimal digits -> what stands for ``%`` and them (RFC 3986 section 6.2.2)."""
_SEPARATOR_OR_CONTROL = re.compile(rb"[/\\\x00-\x1f\x7f]")
_DOTS = (b".", b"..")


@dataclass(frozen=True, slots=True)
class Target:
    """``path`` is the normalised path as forwarded; ``query`` what came after the ``?``; ``segments`` the path's
    segments with every escape decoded, as an upstream will read them: what the router matches."""

    path: str
    query: str
    segments: tuple[str, ...]

    @property
    def hides_slash(self) -> bool:
        """Does a segment hold an encoded slash?"""
        return any("/" in segment for segment in self.segments)

    def forward(self) -> bytes:
        """The request target for the upstream."""
        return (f"{self.path}?{self.query}" if self.query else self.path).encode("ascii")


def normalise(raw_target: bytes, keep_slashes: bool = False) -> Target | Rejection:
    """The target, or why its path has no single meaning. ``keep_slashes``: an encoded slash is text of its segment."""
    if not raw_target.startswith(b"/"):
        return Rejection(Reason.MALFORMED_REQUEST, "the request target is not in origin-form (RFC 9112 section 3.2.1)")
    if not _VISIBLE.fullmatch(raw_target):
        return _bad("a control character, a space or a byte beyond ASCII stands raw in the target")
    if b"#" in raw_target:
        return _bad("a fragment has no place in a request target")
    path, _, query = raw_target.partition(b"?")
    if path.count(b"/") > MAX_SEGMENTS:
        return _bad(f"more than {MAX_SEGMENTS} slashes in the path")
    try:
        forwarded, decoded = _resolve(path[1:].split(b"/"), keep_slashes)
    except ValueError as error:
        return _bad(str(error))
    return Target(forwarded.decode("ascii"), query.decode("ascii"), decoded)


def _bad(detail: str) -> Rejection:
    return Rejection(Reason.BAD_PATH, detail)


def _resolve(raw_segments: list[bytes], keep_slashes: bool) -> tuple[bytes, tuple[str, ...]]:
    """Dot segments resolved (RFC 3986 section 5.2.4), then empty segments dropped; a trailing slash stays."""
    kept: list[tuple[bytes, str]] = []
    last = b""
    for raw in raw_segments:
        last, decoded = canonical_segment(raw, keep_slashes)
        if last == b"..":
            if not kept:
                raise ValueError("the path climbs above its root")
            if kept.pop()[0] == b"":
                # RFC 3986 takes the empty segment away, a file system the one before it.
                raise ValueError("'..' follows an empty segment, which servers read in two ways")
        elif last != b".":
            kept.append((last, decoded))
    full = [segment for segment in kept if segment[0]]
    slash = b"/" if full and last in (b"", *_DOTS) else b""
    return b"/" + b"/".join(text for text, _ in full) + slash, tuple(decoded for _, decoded in full)


def canonical_segment(raw: bytes, keep_slashes: bool = False) -> tuple[bytes, str]:
    """One segment as forwarded (RFC 3986 section 6.2.2: unreserved characters decoded, other escapes in upper
    case) and as read by an upstream (everything decoded). ValueError, with a sentence, if it has two readings."""
    text = _unescape(raw) if b"%" in raw else raw
    if b"\\" in text:
        raise ValueError("a backslash in the path")
    if b";" in text and text.partition(b";")[0] in _DOTS:
        raise ValueError("a dot segment hides behind ';'")
    if b"%" not in text:
        return text, text.decode("ascii")
    decoded = unquote_to_bytes(text)
    for part in decoded.split(b"/") if keep_slashes else (decoded,):
        _refuse_hidden(part)
    try:
        return text, decoded.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the path's escapes are not UTF-8") from None


def _unescape(raw: bytes) -> bytes:
    first, *rest = raw.split(b"%")
    try:
        return first + b"".join([_ESCAPES[part[:2]] + part[2:] for part in rest])
    except KeyError:
        raise ValueError("'%' without two hexadecimal digits") from None


def _refuse_hidden(decoded: bytes) -> None:
    """Refuses what an upstream would find by decoding, or a careless one by decoding again and again."""
    for _ in range(MAX_ENCODING_LAYERS):
        if _SEPARATOR_OR_CONTROL.search(decoded):
            raise ValueError("an encoded slash, backslash, NUL or control character in the path")
        if decoded.partition(b";")[0] in _DOTS:
            raise ValueError("an encoded dot segment")
        again = unquote_to_bytes(decoded)
        if again == decoded:
            return
        decoded = again
    raise ValueError(f"the path is percent-encoded more than {MAX_ENCODING_LAYERS} times over")
