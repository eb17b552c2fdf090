"""What a policy removes, sets and adds among header fields: of a request, and of the response to it.

The service's changes come first, then the route's. A policy touches nothing that frames a message, that ends at this
hop, or that is written here so that the service may rely on it. In a request a name is removed and replaced in every
spelling that a careless server reads as the same; what a caller sends never stands beside what the policy sets.
"""

import re
from functools import lru_cache

from sidecar.contract.snapshot import HeaderChanges, Snapshot
from sidecar.contract.strict import ContractError
from sidecar.http1.fields import TOKEN, Headers, plain

from .names import HOP_BY_HOP, SET_HERE, reserved

Fields = list[tuple[bytes, bytes]]

_NAME = re.compile(TOKEN.decode())
_VALUE = re.compile(r"(?:[!-~](?:[ -~\t]*[!-~])?)?")
_FRAMING = HOP_BY_HOP | {b"content-length"}
NOTHING = HeaderChanges()


class Changes:
    """One HeaderChanges, compiled. ``careless``: names are compared as the most careless reader does."""

    def __init__(self, changes: HeaderChanges, careless: bool) -> None:
        self._careless = careless
        gone = (*changes.remove, *(name for name, _ in changes.set))
        self._gone = frozenset(self._read(name.encode("ascii")) for name in gone)
        self._new = [(name.encode("ascii"), value.encode("ascii")) for name, value in (*changes.set, *changes.add)]

    def apply(self, fields: Headers) -> Fields:
        """The fields, changed."""
        return [field for field in fields if self._read(field[0]) not in self._gone] + self._new

    def _read(self, name: bytes) -> bytes:
        return plain(name) if self._careless else name


@lru_cache(maxsize=1024)
def _compiled(changes: HeaderChanges, careless: bool) -> Changes:
    return Changes(changes, careless)


def changed(fields: Headers, *changes: HeaderChanges, careless: bool = False) -> Fields:
    """``fields`` after ``changes``, one after the other."""
    found = list(fields)
    for change in changes:
        if change != NOTHING:
            found = _compiled(change, careless).apply(found)
    return found


def check_changes(snapshot: Snapshot) -> None:
    """ContractError if a change names what no policy may touch, or has a value that is none."""
    forward = snapshot.forward
    taken = frozenset(plain(name.lower().encode("ascii", "replace")) for name, _ in forward.claims)
    rules = [("forward", forward.request_headers, forward.response_headers)]
    rules += [(f"route {n + 1}", r.request_headers, r.response_headers) for n, r in enumerate(snapshot.routes)]
    for where, of_request, of_response in rules:
        for name, value in _all(of_request):
            read = plain(name.encode("ascii", "replace"))
            if read in _FRAMING | SET_HERE | taken or reserved(read):
                raise ContractError("bad_headers", f"{where}: request header {name[:40]!r} is not a policy's to change")
            _check_field(where, name, value)
        for name, value in _all(of_response):
            if name.encode("ascii", "replace") in _FRAMING:
                raise ContractError("bad_headers", f"{where}: response header {name[:40]!r} is no policy's to change")
            _check_field(where, name, value)


def _all(changes: HeaderChanges) -> list[tuple[str, str]]:
    return [*((name, "") for name in changes.remove), *changes.set, *changes.add]


def _check_field(where: str, name: str, value: str) -> None:
    if not _NAME.fullmatch(name) or name != name.lower():
        raise ContractError("bad_headers", f"{where}: {name[:40]!r} is no header name in lower case")
    if not _VALUE.fullmatch(value):
        raise ContractError("bad_headers", f"{where}: the value of {name} is not one line of visible ASCII")
