"""Points of Ed25519 and Ed448 (RFC 8032): is an encoded public key one that only its owner can sign for?

A key of small order is not: whoever likes can make signatures that verify with it, and libraries do not ask. With
``a x² + y² = 1 + d x² y²`` the square of x follows from y, and so does the y of the doubled point; so neither a root
nor the sign of x is needed. Runs when a key is loaded; nothing here is secret.
"""

_P25519 = 2**255 - 19
_P448 = 2**448 - 2**224 - 1
_CURVES = {
    "Ed25519": (_P25519, -1, -121665 * pow(121666, -1, _P25519) % _P25519),
    "Ed448": (_P448, 1, -39081),
}
"""Curve -> the prime, a and d."""
_DOUBLINGS = 3  # 2**3 = 8, Ed25519's cofactor; Ed448's is 4


def point_fault(curve: str, encoded: bytes) -> str | None:
    """Why ``encoded`` is no point that a public key may be, or None."""
    prime, a, d = _CURVES[curve]
    y = int.from_bytes(encoded, "little") & ~(1 << (len(encoded) * 8 - 1))  # the highest bit is the sign of x
    if y >= prime or not _is_square(_x_squared(y, prime, a, d), prime):
        return "not a point of its curve"
    for _ in range(_DOUBLINGS):
        x2, y2 = a * _x_squared(y, prime, a, d), y * y
        y = (y2 - x2) * pow(2 - x2 - y2, -1, prime) % prime
    return "a point of small order, for which anyone can sign" if y == 1 else None


def _x_squared(y: int, prime: int, a: int, d: int) -> int:
    return (1 - y * y) * pow(a - d * y * y, -1, prime) % prime


def _is_square(number: int, prime: int) -> bool:
    return pow(number, (prime - 1) // 2, prime) in (0, 1)
