"""One message of each kind and shape, by name: what the golden frames in ``wire/`` are made of."""

from sidecar.contract.envelope import Sealed
from sidecar.contract.messages import (
    Ack,
    Hello,
    Increments,
    InUse,
    Join,
    Nack,
    Ping,
    Push,
    Refresh,
    Refuse,
    Report,
    ToControl,
    ToSidecar,
    Welcome,
)

WHOLE = Sealed(b"\x81\xa1s\x01", bytes(range(64)), "00112233445566aa")
FIRST = Sealed(b"\x81\xa1i\x01", bytes(range(64, 128)), "00112233445566aa")
SECOND = Sealed(b"\x81\xa1i\x02", bytes(range(128, 192)), "00112233445566aa")
PLACE = InUse(41, bytes(32))
CAPABILITIES = ("api-keys", "cel", "routes")


def of_protocol(protocol: int) -> dict[str, ToControl | ToSidecar]:
    """Every message of a protocol that was ever spoken."""
    messages = _same_in_all(protocol)
    if protocol >= 3:
        messages["report"] = Report(43, 1000, 12, 3, 10)
    return messages


def _same_in_all(protocol: int) -> dict[str, ToControl | ToSidecar]:
    asked = ("orders", "orders-1", "sidegate/0.1", CAPABILITIES)
    return {
        "hello joining": Hello(*asked, Join("jt_1", b"s" * 32), b"csr", None, None, protocol),
        "hello coming back": Hello(*asked, None, None, PLACE, "00112233445566aa", protocol),
        "hello renewing": Hello(*asked, None, b"csr", PLACE, "00112233445566aa", protocol),
        "ack": Ack(7, 43, b"d" * 32),
        "nack": Nack(300, 70_000, 41, "lacks_capability: cel-2 is not known here"),
        "nack of the first": Nack(1, 1, 0, "malformed: snapshot: not a map"),
        "refresh": Refresh("auth0"),
        "echo": Ping(3),
        "welcome joining": Welcome("sc_1", bytes(range(32)), 10, b"certificate", protocol),
        "welcome back": Welcome("sc_1", bytes(range(32)), 10, None, protocol),
        "refuse": Refuse("revoked", "this sidecar was taken out of the mesh"),
        "snapshot": Push(1, 41, WHOLE),
        "snapshot and increments": Push(2, 43, WHOLE, (FIRST, SECOND)),
        "increments": Increments(65_536, 43, (FIRST, SECOND)),
        "ping": Ping(128),
    }
