"""Header names as others read them."""

_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_PLAIN = bytes(byte if byte in _LETTERS else ord("-") for byte in range(256))


def plain(name: bytes) -> bytes:
    """A lower-cased name as the most careless reader sees it: CGI (RFC 3875 section 4.1.18) and its like make one
    character of ``-``, ``_`` and, some of them, of everything that is no letter or digit."""
    return name.translate(_PLAIN)
