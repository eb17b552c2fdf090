"""Reading what came from outside: msgpack that is bounded, unambiguous and whole.

``unpack`` refuses extension types, duplicate keys, non-string keys, trailing bytes and deep nesting.
``Fields`` takes a map apart key by key, checks each type, and refuses what is left over: a message with a
key that this version does not know is an error and never half understood.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgpack

T = TypeVar("T")

MAX_DEPTH = 32


class ContractError(ValueError):
    """Bytes that are not what the contract says. ``code`` is stable, the text names the place."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def pack(value: object) -> bytes:
    """One msgpack value. Deterministic for equal values whose maps are built in the same order."""
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def unpack(data: bytes) -> object:
    """The one value in ``data``; raises ContractError for anything else."""
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True, object_pairs_hook=_unique, ext_hook=_no_extension)
    except ContractError:
        raise
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise ContractError("malformed", f"not one whole msgpack value ({type(error).__name__})") from error
    _bound_depth(value, MAX_DEPTH)
    return value


def _unique(pairs: list[tuple[object, object]]) -> dict[object, object]:
    result = dict(pairs)
    if not all(isinstance(key, str) for key in result):  # strict_map_key lets bytes pass
        raise ContractError("malformed", "a map has a key that is not a string")
    if len(result) != len(pairs):
        raise ContractError("malformed", "a map names a key twice")
    return result


def _no_extension(code: int, _data: bytes) -> object:
    raise ContractError("malformed", f"extension type {code}")


def _bound_depth(value: object, left: int) -> None:
    if left == 0:
        raise ContractError("malformed", f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        for item in value.values():
            _bound_depth(item, left - 1)
    elif isinstance(value, list):
        for item in value:
            _bound_depth(item, left - 1)
    elif not (value is None or isinstance(value, str | bytes | bool | int | float)):
        raise ContractError("malformed", f"a {type(value).__name__}")


class Fields:
    """One map being read. ``where`` names it in errors. Use as a context manager: leaving refuses leftovers."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise ContractError("malformed", f"{where}: not a map")
        self._left = dict(value)
        self.where = where

    def __enter__(self) -> "Fields":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and self._left:
            key = str(next(iter(self._left)))[:40]
            raise ContractError("unknown_key", f"{self.where}: unknown key {key!r}")

    def _take(self, key: str, kind: type[T]) -> T:
        if key not in self._left:
            raise ContractError("malformed", f"{self.where}: {key} is missing")
        value = self._left.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ContractError("malformed", f"{self.where}.{key}: not {kind.__name__}")
        return value

    def text(self, key: str) -> str:
        """A non-empty string."""
        value = self._take(key, str)
        if not value:
            raise ContractError("malformed", f"{self.where}.{key}: empty")
        return value

    def blob(self, key: str) -> bytes:
        """Bytes."""
        return self._take(key, bytes)

    def flag(self, key: str) -> bool:
        """A boolean."""
        return self._take(key, bool)

    def number(self, key: str, low: int = 0, high: int = 2**53) -> int:
        """A whole number within [low, high]."""
        value = self._take(key, int)
        if not low <= value <= high:
            raise ContractError("malformed", f"{self.where}.{key}: not within {low}..{high}")
        return value

    def choice(self, key: str, among: tuple[str, ...]) -> str:
        """One of the words ``among``."""
        value = self._take(key, str)
        if value not in among:
            raise ContractError("malformed", f"{self.where}.{key}: not one of {', '.join(among)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of non-empty strings."""
        return self.each(key, _text)

    def each(self, key: str, read: Callable[[object, str], T]) -> tuple[T, ...]:
        """A list, each item read by ``read(item, where)``."""
        items = self._take(key, list)
        return tuple(read(item, f"{self.where}.{key}[{n}]") for n, item in enumerate(items))

    def one(self, key: str, read: Callable[[object, str], T]) -> T:
        """A value read by ``read(value, where)``."""
        return read(self.raw(key), f"{self.where}.{key}")

    def maybe(self, key: str, read: Callable[[object, str], T]) -> T | None:
        """As ``one``, or None where the value is nil."""
        value = self.raw(key)
        return None if value is None else read(value, f"{self.where}.{key}")

    def raw(self, key: str) -> Any:
        """The value as it stands; it may be nil but not missing."""
        if key not in self._left:
            raise ContractError("malformed", f"{self.where}: {key} is missing")
        return self._left.pop(key)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ContractError("malformed", f"{where}: not a non-empty string")
    return value


def texts(value: object, where: str) -> tuple[str, ...]:
    """A list of non-empty strings, standing alone."""
    if not isinstance(value, list):
        raise ContractError("malformed", f"{where}: not a list")
    return tuple(_text(item, f"{where}[{n}]") for n, item in enumerate(value))
