"""An address -> a TLS stream to the control that was pinned.

TLS 1.3 always, also on a unix socket. The one trusted root is the CA that the join token carried, and the name
asked for is ``CONTROL_NAME`` wherever control listens (RFC 9525), so that neither DNS nor the system's store of
authorities has a say. No proxy, no fallback.
"""

import socket
import ssl

import trio

from sidecar.contract.messages import CONTROL_NAME
from sidecar.contract.strict import ContractError

from .identity import Identity, der_to_pem
from .state import StateDir

CONNECT_TIMEOUT_S = 5.0
HANDSHAKE_TIMEOUT_S = 10.0
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")  # what OpenSSL makes of plain text


def client_context(ca: bytes, identity: Identity | None, state: StateDir) -> ssl.SSLContext:
    """Trusts ``ca`` (DER) alone; shows the identity's certificate if there is one. Blocking: it writes a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(cadata=ca)
        if identity is not None:
            pem = identity.private_key_pem + der_to_pem(identity.certificate)
            with state.private_file(pem) as path:
                context.load_cert_chain(path)
    except ssl.SSLError as error:
        raise ContractError("bad_certificate", f"TLS cannot use it ({error.reason})") from error
    return context


async def dial(address: str, context: ssl.SSLContext) -> trio.abc.Stream:
    """Connect to ``host:port``, ``[v6]:port`` or ``unix:/path`` and finish the handshake; OSError, TooSlowError or
    BrokenResourceError if that cannot be."""
    with trio.fail_after(CONNECT_TIMEOUT_S):
        raw = await _connect(address)
    stream = trio.SSLStream(raw, context, server_hostname=CONTROL_NAME)
    try:
        with trio.fail_after(HANDSHAKE_TIMEOUT_S):
            await stream.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


async def _connect(address: str) -> trio.SocketStream:
    place = split_address(address)
    if isinstance(place, str):
        return await trio.open_unix_socket(place)
    return await trio.open_tcp_stream(*place)


async def resolve(address: str) -> list[str]:
    """The addresses that ``address`` stands for: several for a name that has several of one family. A name with one of
    each is one control, and the faster of them is taken (RFC 8305). A name that is not found is left to ``dial``."""
    place = split_address(address)
    if isinstance(place, str):
        return [address]
    host, port = place
    try:
        with trio.fail_after(CONNECT_TIMEOUT_S):
            answers = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, trio.TooSlowError):
        return [address]
    families: dict[int, dict[str, None]] = {}
    for family, _, _, _, where in answers:
        families.setdefault(family, {})[str(where[0])] = None
    if all(len(found) == 1 for found in families.values()):
        return [address]
    return [f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for found in families.values() for one in found]


def split_address(address: str) -> str | tuple[str, int]:
    """The path of ``unix:/path``, or host and port of ``host:port`` or ``[v6]:port``; ContractError for others."""
    if address.startswith("unix:/"):
        return address.removeprefix("unix:")
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise ContractError("bad_address", f"{address!r} is neither host:port nor unix:/path")
    return host, int(port)


def said(error: BaseException) -> str:
    """The innermost reason: trio wraps what TLS or the socket said."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(said(inner) for inner in error.exceptions)
    if isinstance(error, ssl.SSLError) and error.reason in _NOT_TLS:
        return "what answers there does not speak TLS: is it control's push address, and not its HTTP one?"
    return str(error) or type(error).__name__
