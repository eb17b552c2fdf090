"""TLS on an accepted connection, without trio's own layer between: OpenSSL reads and writes the socket itself.

A push goes to thousands of connections at once, and what each costs is what the last one waits. So there is one copy
less, no buffer while nothing is under way, and ``send_nowait``: what the socket takes at once is sent without waking a
task. As with any TLS stream, one task reads and one writes.
"""

import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")


class TlsStream(trio.abc.Stream):
    """A server's end. Takes the socket over; ``do_handshake`` comes first."""

    def __init__(self, raw: trio.SocketStream, context: ssl.SSLContext) -> None:
        # Told what it is, the socket need not ask the system three times.
        plain = socket.socket(raw.socket.family, raw.socket.type, raw.socket.proto, raw.socket.detach())
        plain.setblocking(False)
        try:
            plain.getpeername()  # or ssl finds out that nobody is there, and forgets to close what it took over
            self._tls = context.wrap_socket(
                plain, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
            )
        except OSError:  # it is gone already
            plain.close()
            raise
        self._unsent: bytes | None = None
        self._has_waited = False

    async def do_handshake(self) -> None:
        """OSError (``ssl.SSLError`` is one) if it fails. It always waits, for the peer's second word."""
        await self._done(self._tls.do_handshake, checkpoint=False)
        self._has_waited = True

    def certificate(self) -> bytes | None:
        """What the peer has shown and TLS has verified, in DER."""
        return self._tls.getpeercert(binary_form=True)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Some bytes, or none at a clean end; BrokenResourceError."""
        try:
            if self._has_waited:  # in the handshake, with which the first word mostly comes
                self._has_waited = False
            elif not self._tls.pending():
                await trio.lowlevel.wait_readable(self._tls)
            else:
                await trio.lowlevel.checkpoint()
            return await self._done(lambda: self._tls.recv(max_bytes or 65536), checkpoint=False)
        except ssl.SSLZeroReturnError:
            return b""
        except OSError as error:
            raise trio.BrokenResourceError from error

    def send_nowait(self, data: bytes) -> bool:
        """Send as much as the socket takes. False if that was not all, or if it failed: ``flush`` must follow, and
        nothing else may be sent before."""
        if self._unsent is not None:
            raise trio.BusyResourceError("the last frame is not out yet")
        self._unsent = data
        try:
            self._tls.send(data)
        except OSError:  # not now, or not ever: flush finds out
            return False
        self._unsent = None
        return True

    async def flush(self) -> None:
        """What ``send_nowait`` left; BrokenResourceError."""
        data = self._unsent
        if data is not None:
            try:
                # OpenSSL wants the same bytes again until it has written the whole record.
                await self._done(lambda: self._tls.send(data))
            except OSError as error:
                raise trio.BrokenResourceError from error
            self._unsent = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """All of it; BrokenResourceError."""
        await trio.lowlevel.checkpoint()
        if data and not self.send_nowait(bytes(data)):
            await self.flush()

    async def wait_send_all_might_not_block(self) -> None:
        """Until the socket takes something."""
        await trio.lowlevel.wait_writable(self._tls)

    async def aclose(self) -> None:
        """Without a farewell: whoever has one to say has framed it."""
        if self._tls.fileno() != -1:
            trio.lowlevel.notify_closing(self._tls)
            self._tls.close()
        await trio.lowlevel.checkpoint()

    async def _done(self, act: Callable[[], T], *, checkpoint: bool = True) -> T:
        if checkpoint:
            await trio.lowlevel.checkpoint()
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                await trio.lowlevel.wait_readable(self._tls)
            except ssl.SSLWantWriteError:
                await trio.lowlevel.wait_writable(self._tls)
