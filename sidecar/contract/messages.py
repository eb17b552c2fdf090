"""The frames of the push socket, and nothing of how they travel. ``docs/protocol.md`` is the prose.

A frame is a 4-byte big-endian length and one msgpack map whose ``type`` names the message. Each direction has
its own vocabulary and its own limit; an unknown type, an unknown or missing key, a wrong type or trailing bytes
end the connection.

    sidecar -> control   hello, ack, nack, refresh, ping; report, from protocol 3 on
    control -> sidecar   welcome, refuse, snapshot, increments, ping
"""

from dataclasses import dataclass, field

from .envelope import Sealed
from .snapshot import MAX_SNAPSHOT_BYTES
from .strict import ContractError, Fields, pack, unpack

PROTOCOL = 3
OLDEST_PROTOCOL = 2
"""Both ends still speak it. A message that came later names the protocol that it came with."""
REPORT_SINCE = 3
LENGTH_BYTES = 4
MAX_FRAME_TO_CONTROL = 64 * 1024
MAX_FRAME_TO_SIDECAR = MAX_SNAPSHOT_BYTES + 1024 * 1024
CONTROL_NAME = "control.sidegate.internal"
"""The DNS name in control's own certificate: what a sidecar asks for and checks, wherever control listens."""


@dataclass(frozen=True, slots=True)
class Join:
    """Proof for a first connection: which join token, and its secret."""

    token_id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InUse:
    """What a sidecar enforces: the version, and the digest of the chain up to there (see ``increment.Chain``), which
    for a snapshot alone is the SHA-256 of its payload."""

    version: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame. ``join`` on a first connection, else None and the TLS client certificate speaks.
    ``csr``: a PKCS #10 request in DER when a certificate is wanted (joining or renewal). ``in_use``: what the
    sidecar enforces now, and under which signing key, or None."""

    service: str
    instance: str
    agent: str
    capabilities: tuple[str, ...]
    join: Join | None = None
    csr: bytes | None = None
    in_use: InUse | None = None
    key_id: str | None = None
    protocol: int = PROTOCOL


@dataclass(frozen=True, slots=True)
class Welcome:
    """Control's answer. ``signing_key``: 32 bytes, pinned at joining. ``certificate``: DER, when a CSR was sent.
    Silence of either end for three ``heartbeat_s`` means that it is gone."""

    sidecar_id: str
    signing_key: bytes
    heartbeat_s: int
    certificate: bytes | None = None
    protocol: int = PROTOCOL


@dataclass(frozen=True, slots=True)
class Refuse:
    """Control's last frame: why this sidecar may not stay. ``code`` is stable, ``message`` is for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Push:
    """A snapshot to apply together with the increments after it, which lead to ``version``. The nonce belongs to this
    connection, the version outlives it."""

    nonce: int
    version: int
    sealed: Sealed
    increments: tuple[Sealed, ...] = ()


@dataclass(frozen=True, slots=True)
class Increments:
    """Revocations to add, oldest first: they lead from the version in use to ``version``."""

    nonce: int
    version: int
    increments: tuple[Sealed, ...]


@dataclass(frozen=True, slots=True)
class Ack:
    """``version``, sent with ``nonce``, is in force; ``digest`` is the chain's, up to there."""

    nonce: int
    version: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Nack:
    """``version`` was refused for ``reason``; ``in_use`` (a version, or 0) goes on."""

    nonce: int
    version: int
    in_use: int
    reason: str


@dataclass(frozen=True, slots=True)
class Refresh:
    """A token named a key that ``issuer`` (its name in the policy) does not have here: look whether it has new ones."""

    issuer: str


@dataclass(frozen=True, slots=True)
class Report:
    """What came of the requests that ``version`` decided within the last ``seconds``: so many in all, so many denied by
    its policy, so many failed (5xx, made by the service or by the sidecar)."""

    version: int
    requests: int
    denied: int
    failed: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Control sends it; the sidecar answers with the same number."""

    number: int


ToControl = Hello | Ack | Nack | Refresh | Report | Ping
ToSidecar = Welcome | Refuse | Push | Increments | Ping

MAX_REASON = 500


def frame(message: ToControl | ToSidecar) -> bytes:
    """The message with its length before it."""
    body = pack(_plain(message))
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def without_nonce(message: Push | Increments) -> bytes:
    """Packed once for all connections: ``with_nonce`` makes the frame of one of them."""
    fields = _plain(message)
    del fields["nonce"]
    return pack(fields)


def with_nonce(packed: bytes, nonce: int) -> bytes:
    """The frame of what ``without_nonce`` packed."""
    # A map of fewer than 16 members begins with one byte, 0x80 and their number.
    head = bytes((packed[0] + 1,)) + pack("nonce") + pack(nonce)
    length = len(head) + len(packed) - 1
    return b"".join((length.to_bytes(LENGTH_BYTES, "big"), head, memoryview(packed)[1:]))


def _plain(message: ToControl | ToSidecar) -> dict[str, object]:
    match message:
        case Hello():
            join, use = message.join, message.in_use
            return {
                "type": "hello",
                "protocol": message.protocol,
                "service": message.service,
                "instance": message.instance,
                "agent": message.agent,
                "capabilities": message.capabilities,
                "join": None if join is None else {"token_id": join.token_id, "secret": join.secret},
                "csr": message.csr,
                "in_use": None if use is None else {"version": use.version, "digest": use.digest},
                "key_id": message.key_id,
            }
        case Welcome():
            return {
                "type": "welcome",
                "protocol": message.protocol,
                "sidecar_id": message.sidecar_id,
                "signing_key": message.signing_key,
                "heartbeat_s": message.heartbeat_s,
                "certificate": message.certificate,
            }
        case Refuse():
            return {"type": "refuse", "code": message.code, "message": message.message}
        case Push():
            sealed = message.sealed
            return {
                "type": "snapshot",
                "nonce": message.nonce,
                "version": message.version,
                **_sealed_plain(sealed),
                "increments": [_sealed_plain(one) for one in message.increments],
            }
        case Increments():
            return {
                "type": "increments",
                "nonce": message.nonce,
                "version": message.version,
                "increments": [_sealed_plain(one) for one in message.increments],
            }
        case Ack():
            return {"type": "ack", "nonce": message.nonce, "version": message.version, "digest": message.digest}
        case Nack():
            return {
                "type": "nack",
                "nonce": message.nonce,
                "version": message.version,
                "in_use": message.in_use,
                "reason": message.reason[:MAX_REASON],
            }
        case Refresh():
            return {"type": "refresh", "issuer": message.issuer}
        case Report():
            return {
                "type": "report",
                "version": message.version,
                "requests": message.requests,
                "denied": message.denied,
                "failed": message.failed,
                "seconds": message.seconds,
            }
        case Ping():
            return {"type": "ping", "number": message.number}


def _sealed_plain(sealed: Sealed) -> dict[str, object]:
    return {"payload": sealed.payload, "signature": sealed.signature, "key_id": sealed.key_id}


def decode_to_control(body: bytes) -> ToControl:
    """What a sidecar said; ContractError if it is not exactly one message of its vocabulary."""
    kind, fields = _typed(body)
    with fields as f:
        match kind:
            case "hello":
                return _hello(f)
            case "ack":
                return Ack(f.number("nonce"), f.number("version", 1), f.blob("digest"))
            case "nack":
                return Nack(
                    f.number("nonce"), f.number("version", 1), f.number("in_use"), f.text("reason")[:MAX_REASON]
                )
            case "refresh":
                return Refresh(f.text("issuer"))
            case "report":
                return _report(f)
            case "ping":
                return Ping(f.number("number"))
            case _:
                raise ContractError("unknown_type", f"a sidecar does not send {kind[:40]!r}")


def decode_to_sidecar(body: bytes) -> ToSidecar:
    """What control said; ContractError if it is not exactly one message of its vocabulary."""
    kind, fields = _typed(body)
    with fields as f:
        match kind:
            case "welcome":
                return _welcome(f)
            case "refuse":
                return Refuse(f.text("code")[:MAX_REASON], f.text("message")[:MAX_REASON])
            case "snapshot":
                sealed = Sealed(f.blob("payload"), f.blob("signature"), f.text("key_id"))
                return Push(f.number("nonce"), f.number("version", 1), sealed, f.each("increments", _sealed))
            case "increments":
                found = Increments(f.number("nonce"), f.number("version", 1), f.each("increments", _sealed))
                if not found.increments:
                    raise ContractError("malformed", "message.increments: none")
                return found
            case "ping":
                return Ping(f.number("number"))
            case _:
                raise ContractError("unknown_type", f"control does not send {kind[:40]!r}")


def _typed(body: bytes) -> tuple[str, Fields]:
    fields = Fields(unpack(body), "message")
    return fields.text("type"), fields


def _hello(f: Fields) -> Hello:
    return Hello(
        protocol=f.number("protocol", 1, 2**16),
        service=f.text("service"),
        instance=f.text("instance"),
        agent=f.text("agent"),
        capabilities=f.texts("capabilities"),
        join=f.maybe("join", _join),
        csr=f.maybe("csr", _blob),
        in_use=f.maybe("in_use", _in_use),
        key_id=f.maybe("key_id", _name),
    )


def _report(f: Fields) -> Report:
    version, requests = f.number("version", 1), f.number("requests", 1)
    report = Report(version, requests, f.number("denied"), f.number("failed"), f.number("seconds", 1))
    if report.denied + report.failed > requests:
        raise ContractError("malformed", "message: more were denied and failed than there were requests")
    return report


def _join(value: object, where: str) -> Join:
    with Fields(value, where) as f:
        return Join(f.text("token_id"), f.blob("secret"))


def _in_use(value: object, where: str) -> InUse:
    with Fields(value, where) as f:
        return InUse(f.number("version", 1), f.blob("digest"))


def _welcome(f: Fields) -> Welcome:
    return Welcome(
        protocol=f.number("protocol", 1, 2**16),
        sidecar_id=f.text("sidecar_id"),
        signing_key=f.blob("signing_key"),
        heartbeat_s=f.number("heartbeat_s", 1, 3600),
        certificate=f.maybe("certificate", _blob),
    )


def _sealed(value: object, where: str) -> Sealed:
    with Fields(value, where) as f:
        return Sealed(f.blob("payload"), f.blob("signature"), f.text("key_id"))


def _blob(value: object, where: str) -> bytes:
    if not isinstance(value, bytes):
        raise ContractError("malformed", f"{where}: not bytes")
    return value


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ContractError("malformed", f"{where}: not a non-empty string")
    return value
