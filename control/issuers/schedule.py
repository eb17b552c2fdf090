"""When to look at a provider again. Pure: the time and the chance are arguments.

What the provider says (``Cache-Control``) counts within bounds: a key that it adds is worth learning of in minutes, and
a key set is worth asking for once an hour. Waits are shortened by chance, so that many controls do not ask at once.
"""

LEAST_S = 300
MOST_S = 3600
FIRST_RETRY_S = 1.0
ASKED_EVERY_S = 10.0
"""An unknown ``kid`` is worth one look in so many seconds; whoever invents more of them gets no more."""


def after_success(now: float, fresh_s: int | None, chance: float) -> int:
    """``chance`` is in 0..1."""
    wait = min(max(fresh_s or 0, LEAST_S), MOST_S)
    return int(now + wait * (1 - 0.2 * chance))


def after_failure(now: float, failures: int, chance: float) -> int:
    """``failures`` in a row, this one included."""
    wait = min(FIRST_RETRY_S * 2 ** min(failures - 1, 20), LEAST_S)
    return int(now + max(1.0, wait * (1 - 0.5 * chance)))


def due(now: float, due_at: int, tried_at: int, asked: bool) -> float:
    """When to look. ``asked``: a sidecar has met an unknown ``kid``. A clock that was turned back delays nothing beyond
    the longest wait."""
    usual = min(float(due_at), now + MOST_S)
    if not asked:
        return usual
    return min(usual, max(now, min(tried_at + ASKED_EVERY_S, now + ASKED_EVERY_S)))
