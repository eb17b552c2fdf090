"""Tokens of one issuer whose signature was checked, so that a token is verified once and not once a request.

Bounded in entries and in bytes. Two queues, as in 2Q and S3-FIFO: a token comes into the first and asks to be kept in
the second each time it is used; of those that fall out of the first unused, one in ``_ONE_IN`` may ask. Who asks takes
the place of the oldest there if that has expired or was not used since it was last asked, and else makes it the
youngest. So tokens that are used once push out none in use, and of more tokens in turn than there is room for, as many
stay as there is room for, where a plain queue would lose each just before it is due.

Keys are digests, so that no token is held. Tokens with a false signature have a queue of their own, so that no flood of
them pushes out a true one. Knows nothing of keys and revocations, and of time only what is not worth keeping: what it
returns is to be checked again, and it belongs to one set of an issuer's keys and rules.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from .principal import Principal

MAX_ENTRIES = 8192
MAX_BYTES = 8 * 1024 * 1024
"""Of tokens as they were sent. What they decode to is larger, by a factor that ``strict_json`` bounds."""
MAX_FALSE = 1024
_FIRST_SHARE = 8
_ONE_IN = 16


def digest_of(token: str) -> bytes:
    """What a token is known by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


@dataclass(slots=True)
class CacheCounts:
    """What happened in the caches of a process, from one snapshot to the next."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0


@dataclass(slots=True)
class _Entry:
    principal: Principal
    size: int
    used: bool = False


@dataclass(slots=True)
class _Queue:
    """Entries, the oldest first, and their size."""

    max_entries: int
    max_size: int
    entries: OrderedDict[bytes, _Entry] = field(default_factory=OrderedDict)
    size: int = 0

    def has_room(self, entry: _Entry) -> bool:
        return len(self.entries) < self.max_entries and self.size + entry.size <= self.max_size

    def push(self, digest: bytes, entry: _Entry) -> None:
        self.entries[digest] = entry
        self.size += entry.size

    def pop(self, digest: bytes) -> _Entry | None:
        entry = self.entries.pop(digest, None)
        self.size -= entry.size if entry else 0
        return entry

    def oldest(self) -> tuple[bytes, _Entry]:
        return next(iter(self.entries.items()))


class TokenCache:
    """Digest -> Principal, and the digests of tokens whose signature is false."""

    def __init__(
        self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES, counts: CacheCounts | None = None
    ) -> None:
        self._counts = counts or CacheCounts()
        first, first_bytes = max(1, max_entries // _FIRST_SHARE), max_bytes // _FIRST_SHARE
        self._new, self._kept = _Queue(first, first_bytes), _Queue(max(1, max_entries - first), max_bytes - first_bytes)
        self._unused = 0
        self._false: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._new.entries) + len(self._kept.entries)

    def get(self, digest: bytes, now: float) -> Principal | None:
        """The principal of a token that verified before."""
        entry = self._kept.entries.get(digest)
        if entry is not None:
            entry.used = True
            return entry.principal
        entry = self._new.entries.get(digest)
        if entry is None:
            return None
        if self._keep(digest, entry, now):
            self._new.pop(digest)
        else:
            self._new.entries.move_to_end(digest)
        return entry.principal

    def put(self, digest: bytes, principal: Principal, size: int, now: float) -> None:
        """Remember a token of ``size`` bytes that verified."""
        self.drop(digest)
        entry = _Entry(principal, size)
        if size > self._new.max_size:
            return
        while not self._new.has_room(entry):
            fallen, unused = self._new.entries.popitem(last=False)
            self._new.size -= unused.size
            self._unused += 1
            asks = self._unused % _ONE_IN == 0 or self._is_easy(unused, now)
            if not (asks and self._keep(fallen, unused, now)):
                self._counts.evictions += 1
        self._new.push(digest, entry)

    def drop(self, digest: bytes) -> None:
        """Forget a token, if it is known."""
        self._new.pop(digest)
        self._kept.pop(digest)

    def is_false(self, digest: bytes) -> bool:
        """Was this token's signature found to be false?"""
        return digest in self._false

    def put_false(self, digest: bytes) -> None:
        """Remember a token whose signature is false; the oldest goes first."""
        self._false[digest] = None
        if len(self._false) > MAX_FALSE:
            self._false.popitem(last=False)

    def _is_easy(self, entry: _Entry, now: float) -> bool:
        return self._kept.has_room(entry) or self._kept.oldest()[1].principal.expires_at <= now

    def _keep(self, digest: bytes, entry: _Entry, now: float) -> bool:
        kept = self._kept
        while not kept.has_room(entry):
            oldest, other = kept.oldest()
            if other.used and other.principal.expires_at > now:
                other.used = False
                kept.entries.move_to_end(oldest)
                return False
            kept.pop(oldest)
            self._counts.evictions += 1
        kept.push(digest, entry)
        return True
