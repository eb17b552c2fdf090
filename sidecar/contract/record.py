"""Frozen dataclasses as maps and back: the one codec of a snapshot, driven by the fields' own types.

``plain`` leaves out what has its default, so that a snapshot which uses nothing new is read by an older sidecar as
well; ``reader`` refuses an unknown key, a missing one, a wrong type, and an empty string where none is meant. Bounds
stand in the type (``Annotated[int, Range(0, 600)]``), invariants in ``__post_init__`` as ContractError.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .strict import ContractError

T = TypeVar("T")
Reader = Callable[[object, str], Any]


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a whole number, both included."""

    low: int = 0
    high: int = 2**53


@dataclass(frozen=True, slots=True)
class _MayBeEmpty:
    """An empty string is a value here."""


@dataclass(frozen=True, slots=True)
class _NotEmpty:
    """A list with something in it."""


Text = Annotated[str, _MayBeEmpty()]
"""A string that may be empty. A bare ``str`` may not."""
ClaimPath = Annotated[tuple[str, ...], _NotEmpty()]
"""Steps into the claims: ``("realm_access", "roles")``. A claim name with dots in it is one step; ``[]`` steps into
every member of a list."""
Count = Annotated[int, Range()]


def plain(record: Any) -> dict[str, Any]:
    """The record as a map of what differs from its defaults. Values compare type-strictly: 1 is not True."""
    tree: dict[str, Any] = {}
    for name, default in _defaults(record.__class__):
        value = getattr(record, name)
        if default is dataclasses.MISSING or repr(value) != repr(default) or value != default:
            tree[name] = _plain_value(value)
    return tree


def _plain_value(value: Any) -> Any:
    if isinstance(value, str | int | bytes | None):
        return value
    if isinstance(value, tuple | list):
        return [_plain_value(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else plain(value)


@cache
def _defaults(record_type: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.default) for field in dataclasses.fields(record_type))


def read(record_type: type[T], value: object, where: str) -> T:
    """The record in ``value``; ContractError names the place that is wrong."""
    kind: Any = record_type
    found: T = _reader(kind)(value, where)
    return found


@cache
def _reader(kind: Any) -> Reader:
    if dataclasses.is_dataclass(kind):
        return _record_reader(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated_reader(arguments[0], arguments[1])
    if origin is Literal:
        return _choice_reader(arguments)
    if origin in (Union, types.UnionType):
        return _union_reader(arguments)
    if origin is tuple:
        return _list_reader(arguments)
    if origin is Mapping:
        return _map_reader
    return {str: _text, int: _number, bool: _flag}[kind]


def _record_reader(kind: Any) -> Reader:
    hints = get_type_hints(kind, include_extras=True)
    known = [(name, _reader(hints[name]), default is dataclasses.MISSING) for name, default in _defaults(kind)]
    names = frozenset(hints)

    def read_record(value: object, where: str) -> Any:
        if not isinstance(value, dict):
            raise ContractError("malformed", f"{where}: not a map")
        strange = value.keys() - names
        if strange:
            raise ContractError("unknown_key", f"{where}: unknown key {str(min(strange, key=str))[:40]!r}")
        given = {}
        for name, reader, needed in known:
            if name in value:
                given[name] = reader(value[name], f"{where}.{name}")
            elif needed:
                raise ContractError("malformed", f"{where}: {name} is missing")
        try:
            return kind(**given)
        except ContractError as error:
            raise ContractError(error.code, f"{where}: {error}") from None

    return read_record


def _annotated_reader(kind: Any, mark: object) -> Reader:
    if isinstance(mark, _MayBeEmpty):
        return _any_text
    inner = _reader(kind)

    def within(value: object, where: str) -> Any:
        found = inner(value, where)
        if isinstance(mark, Range) and not mark.low <= found <= mark.high:
            raise ContractError("malformed", f"{where}: not within {mark.low}..{mark.high}")
        if isinstance(mark, _NotEmpty) and not found:
            raise ContractError("malformed", f"{where}: empty")
        return found

    return within


def _choice_reader(words: tuple[str, ...]) -> Reader:
    def choose(value: object, where: str) -> str:
        if not isinstance(value, str) or value not in words:
            raise ContractError("malformed", f"{where}: not one of {', '.join(words)}")
        return value

    return choose


def _union_reader(kinds: tuple[Any, ...]) -> Reader:
    """``X | None``, or a union of scalars."""
    if type(None) in kinds:
        (kind,) = (one for one in kinds if one is not type(None))
        inner = _reader(kind)
        return lambda value, where: None if value is None else inner(value, where)

    def scalar(value: object, where: str) -> object:
        if type(value) not in kinds:
            raise ContractError("malformed", f"{where}: not {' or '.join(kind.__name__ for kind in kinds)}")
        return value

    return scalar


def _list_reader(kinds: tuple[Any, ...]) -> Reader:
    """``tuple[X, ...]``, or ``tuple[X, Y]``."""
    readers = tuple(_reader(kind) for kind in kinds if kind is not Ellipsis)

    def each(value: object, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ContractError("malformed", f"{where}: not a list")
        if Ellipsis in kinds:
            return tuple(readers[0](item, f"{where}[{n}]") for n, item in enumerate(value))
        if len(value) != len(readers):
            raise ContractError("malformed", f"{where}: not a list of {len(readers)}")
        return tuple(reader(item, f"{where}[{n}]") for n, (reader, item) in enumerate(zip(readers, value, strict=True)))

    return each


def _map_reader(value: object, where: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for pair in value.items() for item in pair):
        raise ContractError("malformed", f"{where}: not a map of strings")
    return value


def _any_text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ContractError("malformed", f"{where}: not a string")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ContractError("malformed", f"{where}: not a non-empty string")
    return value


def _number(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ContractError("malformed", f"{where}: not a whole number")
    return value


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise ContractError("malformed", f"{where}: not a boolean")
    return value
