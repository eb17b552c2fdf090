"""The file of increments beside ``last-good``: which snapshot they continue, then one record after another.

It only ever grows at its end, so that a revocation costs one short write; a crash can tear the last record, and nothing
else. What is torn, or cannot be trusted, ends the file: control is asked for the rest, since the hello says how far we
are. Pure: bytes in and out.
"""

from collections.abc import Iterable
from dataclasses import replace

from sidecar.contract.envelope import Sealed, decode_sealed, encode_sealed
from sidecar.contract.increment import extended, open_increments
from sidecar.contract.strict import ContractError, Fields, pack, unpack

from .admission import Admitted, admit_sealed

LENGTH_BYTES = 4


def whole(snapshot_digest: bytes, increments: Iterable[Sealed]) -> bytes:
    """A fresh file."""
    return _record(pack({"snapshot": snapshot_digest})) + records(increments)


def records(increments: Iterable[Sealed]) -> bytes:
    """What is added to a file."""
    return b"".join(_record(encode_sealed(one)) for one in increments)


def read(data: bytes, snapshot_digest: bytes) -> tuple[list[Sealed], bool]:
    """The increments that continue this snapshot, and whether the file may be continued: it is whole, and its own."""
    bodies, torn = _bodies(data)
    try:
        if not bodies or _snapshot_of(bodies[0]) != snapshot_digest:
            return [], False
    except ContractError:
        return [], False
    found: list[Sealed] = []
    for body in bodies[1:]:
        try:
            found.append(decode_sealed(body))
        except ContractError:
            return found, False
    return found, not torn


def restored(
    sealed: Sealed, data: bytes, signing_key: bytes, service: str, now: float
) -> tuple[Admitted, ContractError | None]:
    """The snapshot and as many of the increments as can be trusted, and why there are no more. ContractError if the
    snapshot itself cannot be."""
    admitted = admit_sealed(sealed, signing_key, service)
    place, good = replace(admitted.snapshot, revocations=()), list[Sealed]()
    cut: ContractError | None = None
    for one in read(data, sealed.digest)[0]:
        try:
            place = replace(extended(place, open_increments([one], signing_key), now), revocations=())
        except ContractError as error:
            cut = error
            break
        good.append(one)
    return admit_sealed(sealed, signing_key, service, good, now), cut


def _record(body: bytes) -> bytes:
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def _bodies(data: bytes) -> tuple[list[bytes], bool]:
    bodies: list[bytes] = []
    start = 0
    while len(data) - start >= LENGTH_BYTES:
        begin = start + LENGTH_BYTES
        end = begin + int.from_bytes(data[start:begin], "big")
        if end > len(data):
            break
        bodies.append(data[begin:end])
        start = end
    return bodies, start != len(data)


def _snapshot_of(body: bytes) -> bytes:
    with Fields(unpack(body), "increments") as f:
        return f.blob("snapshot")
