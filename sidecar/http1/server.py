"""The downstream connection: requests in, responses out, one after the other. Knows nothing of why.

    wait_for_request -> read_request -> receive_body* -> send_head -> send_body* -> finish -> (again, or aclose)
                                                      or switch -> wire, and HTTP is over

A client's fault is RequestError, its absence DisconnectedError. Bodies pass in pieces of 64 KiB at most. The interim
response 100 is sent when somebody begins to read the body, never before, so never to a client that was refused.
"""

import math

import trio

from sidecar.contract.reasons import Reason

from .body import Decoder, LengthDecoder, decoder
from .chunked import encode_chunk, encode_last
from .errors import DisconnectedError, RequestError
from .fields import Headers, MalformedError, render
from .framing import Framing
from .limits import Limits, Timeouts
from .request import RequestHead, check_growing, parse_request
from .wire import HeadTooLongError, Wire, Within


class ServerConnection:
    """One client's connection over ``stream``, which it closes in the end."""

    def __init__(self, stream: trio.abc.Stream, timeouts: Timeouts, limits: Limits) -> None:
        self.wire = Wire(stream)
        self._timeouts = timeouts
        self._limits = limits
        self._decoder: Decoder = LengthDecoder(0)
        self.body_limit = limits.body_bytes
        """Bytes that the present request's body may have; its route may lower it once the head is judged."""
        self._body_bytes = 0
        self._patience_s = 0.0
        self.head_waited_s = 0.0
        """For so long somebody else has waited for the next request's head."""
        self._owes_continue = False
        self._version = b"1.1"
        self._chunked = False
        self._left: int | None = 0
        self.responding = False
        """Has a final response begun?"""
        self.asked_head = False
        """Is the request a HEAD, whatever else is wrong with it? Then no response to it has a body."""

    async def wait_for_request(self, within_s: float | None = None) -> bool:
        """Wait for a request's first byte; False when the client has closed, or has nothing to say. ``within_s`` takes
        the place of ``keep_alive_idle_s``."""
        if self.wire.buffer:
            return True
        try:
            return await self.wire.fill(self._timeouts.keep_alive_idle_s if within_s is None else within_s)
        except (trio.TooSlowError, trio.BrokenResourceError):
            return False

    async def read_request(self) -> RequestHead | None:
        """The next request's head. None if the client leaves without one."""
        self.responding = self.asked_head = False
        limits, buffer = self._limits, self.wire.buffer
        left_s, self.head_waited_s = max(0.0, self._timeouts.head_read_s - self.head_waited_s), 0.0
        try:
            raw = None if buffer.startswith(b"\r") else self.wire.head_at_hand(limits.head_bytes)
            if raw is None:
                with Within(left_s):
                    await self._skip_empty_line()
                    raw = await self.wire.read_head(limits.head_bytes, math.inf, self._inspect)
        except trio.TooSlowError:
            if not buffer:
                return None
            raise RequestError(Reason.REQUEST_TIMEOUT, "the head took too long") from None
        except HeadTooLongError as error:
            raise RequestError(Reason.HEAD_TOO_LARGE, str(error)) from error
        except trio.BrokenResourceError:
            return None
        if raw is None:
            return None
        self.asked_head = raw.startswith(b"HEAD ")
        if raw.find(b"\r\n") > limits.request_line_bytes:
            self._inspect(bytearray(raw), 0)
        head = parse_request(raw, limits)
        if isinstance(head.framing, int) and limits.body_bytes is not None and head.framing > limits.body_bytes:
            raise RequestError(Reason.BODY_TOO_LARGE, f"a body of {head.framing} bytes announced")
        self._version = head.version
        self._decoder = decoder(head.framing)
        self.body_limit = limits.body_bytes
        self._body_bytes, self._patience_s = 0, self._timeouts.body_idle_s
        # RFC 9110 section 10.1.1: no 100 is owed to a client that has begun to send, or has nothing to send.
        self._owes_continue = head.expects_continue and head.framing != 0 and not buffer
        return head

    async def _skip_empty_line(self) -> None:
        # RFC 9112 section 2.2: old clients end a body with a CRLF too many. One is skipped.
        buffer = self.wire.buffer
        while (not buffer or buffer == b"\r") and await self.wire.fill(self._timeouts.head_read_s):
            pass
        if buffer == b"\r" or buffer.startswith(b"\r\n"):  # half of one: the client has left
            del buffer[:2]

    def _inspect(self, buffer: bytearray, seen: int) -> None:
        self.asked_head = buffer.startswith(b"HEAD ")
        check_growing(buffer, seen, self._limits)

    async def wait_until_gone(self) -> None:
        """Return when the client has closed its side; not before. Of further requests one piece is read at most."""
        try:
            if not self.wire.buffer and not await self.wire.fill(float("inf")):
                return
        except trio.BrokenResourceError:
            return
        await self.wire.wait_until_ended()

    @property
    def request_finished(self) -> bool:
        """Is the whole request read?"""
        return self._decoder.finished

    @property
    def expects_continue(self) -> bool:
        """Does the client wait for a 100 that it was not sent?"""
        return self._owes_continue

    async def receive_body(self) -> bytes:
        """The body's next piece; b"" when it is whole. Asks for it first (100) where the client waits to be asked."""
        while not self._decoder.finished:
            if data := self._decode():
                return data
            if self.request_finished:
                break
            await self.ask_for_body()
            await self._fill_body()
        return b""

    async def _fill_body(self) -> None:
        """Wait for more. Waiting spends a patience of ``body_idle_s``, and each byte earns some of it back; the time
        that the service takes to read costs the client nothing."""
        wire, began = self.wire, trio.current_time()
        before = wire.bytes_in
        try:
            if not await wire.fill(self._patience_s):
                raise DisconnectedError("the client left in the middle of its body")
        except trio.TooSlowError:
            raise RequestError(Reason.REQUEST_TIMEOUT, "the body stood still, or dripped") from None
        except trio.BrokenResourceError as error:
            raise DisconnectedError("the client's connection broke") from error
        left = self._patience_s - (trio.current_time() - began)
        earned = (wire.bytes_in - before) / self._limits.body_rate
        self._patience_s = min(self._timeouts.body_idle_s, max(0.0, left) + earned)

    def _decode(self) -> bytes:
        try:
            data = self._decoder.decode(self.wire.buffer)
        except MalformedError as error:
            raise RequestError(Reason.MALFORMED_REQUEST, str(error)) from error
        self._body_bytes += len(data)
        if self.body_limit is not None and self._body_bytes > self.body_limit:
            raise RequestError(Reason.BODY_TOO_LARGE, "the body went over the limit")
        return data

    async def ask_for_body(self) -> None:
        """Send the 100 that the client waits for, if it does (RFC 9110 section 10.1.1). To be called by the task that
        writes the response, and before another begins to read the body."""
        if self._owes_continue and not self.responding:
            self._owes_continue = False
            await self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def send_interim(self, status: int, phrase: bytes, headers: Headers) -> None:
        """A 1xx response; HTTP/1.0 knows none and is sent none (RFC 9110 section 15.2)."""
        if self._version != b"1.0":
            await self._write(render(b"HTTP/1.1 %d %b" % (status, phrase), headers))

    async def send_head(
        self,
        status: int,
        phrase: bytes,
        headers: Headers,
        framing: Framing | None,
        *,
        close: bool,
        first: bytes = b"",
    ) -> None:
        """A final response's head, with as much of its body as is at hand. ``framing`` None: it can have no body
        (HEAD, 204, 304) and says nothing of one; a body of unknown size is chunked, or ends with the connection in
        HTTP/1.0. ``close``: say that this is the last response."""
        fields = list(headers)
        self._left = framing if isinstance(framing, int) else None
        self._chunked = self._left is None and framing is not None and self._version != b"1.0"
        if framing is None:
            self._left = 0
        elif self._left is not None:
            fields.append((b"content-length", b"%d" % self._left))
        elif self._chunked:
            fields.append((b"transfer-encoding", b"chunked"))
        if close or self._version == b"1.0":
            fields.append((b"connection", b"close"))
        head = render(b"HTTP/1.1 %d %b" % (status, phrase), fields)
        self.responding = True
        await self._write(head + (self._encode(first) if first else b""))

    def begun_elsewhere(self, data: bytes, waited_s: float) -> None:
        """Of the next request so much was read from this connection's socket by somebody else, in so many seconds."""
        self.wire.buffer += data
        self.wire.bytes_in = len(data)
        self.head_waited_s = waited_s

    def read_elsewhere(
        self, head: RequestHead, size: int, left: int | None, rest: bytes = b"", waited_s: float = 0.0
    ) -> None:
        """The present request's head was read from this connection's socket by somebody else: it and what came of its
        body are ``size`` bytes. ``left``: how much of its body is to be received here, for which ``waited_s`` were
        waited; None: all of it, and ``rest`` has come with the head."""
        self._version, self.asked_head = head.version, head.method == b"HEAD"
        self._decoder = decoder(head.framing) if left is None else LengthDecoder(left)
        self._patience_s = max(0.0, self._timeouts.body_idle_s - waited_s)
        self.wire.bytes_in = size
        self.wire.buffer += rest

    def head_sent_elsewhere(self, left: int) -> None:
        """The head of a final response has been sent on this connection's socket by somebody else, who hands it back
        with ``left`` bytes of the body to go."""
        self.responding, self._left, self._chunked = True, left, False

    async def send_raw(self, data: bytes) -> None:
        """What of a response was rendered elsewhere and is still to go."""
        await self._write(data)

    async def send_body(self, data: bytes) -> None:
        """One piece of the body."""
        await self._write(self._encode(data))

    def _encode(self, data: bytes) -> bytes:
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise AssertionError("more body than its Content-Length")
        return encode_chunk(data) if self._chunked else data

    async def finish(self, trailers: Headers = ()) -> None:
        """The response is whole. ``trailers`` go where the framing has a place for them."""
        if self._left:
            raise AssertionError("less body than its Content-Length")
        if self._chunked:
            await self._write(encode_last(trailers))

    async def switch(self, phrase: bytes, headers: Headers, protocol: bytes) -> None:
        """A 101: from here on the wire carries ``protocol``."""
        self.responding = True
        fields = [*headers, (b"connection", b"Upgrade"), (b"upgrade", protocol)]
        await self._write(render(b"HTTP/1.1 101 %b" % phrase, fields))

    async def discard_body(self, limit: int) -> bool:
        """Read the rest of the request and throw it away: True if that took ``limit`` bytes and ``linger_s`` at most
        and the connection may go on. Drops that keep coming are not waited for: nobody was let in."""
        if self._owes_continue:
            return False
        start = self.wire.bytes_in
        with trio.move_on_after(self._timeouts.linger_s):
            try:
                while await self.receive_body():
                    if self.wire.bytes_in - start > limit:
                        return False
            except (RequestError, DisconnectedError):
                return False
            return True
        return False

    async def linger(self) -> None:
        """Close from our side, then read on for a moment: a socket closed with bytes unread resets, and the client
        would lose the response that is on its way (RFC 9112 section 9.6)."""
        wire, limit = self.wire, self.wire.bytes_in + self._limits.linger_bytes
        with trio.move_on_after(self._timeouts.linger_s):
            try:
                if isinstance(wire.stream, trio.abc.HalfCloseableStream):
                    await wire.stream.send_eof()
                while wire.bytes_in < limit and await wire.fill(self._timeouts.linger_s):
                    wire.buffer.clear()
            except (trio.BrokenResourceError, trio.TooSlowError):
                pass

    async def _write(self, data: bytes) -> None:
        try:
            await self.wire.write(data, self._timeouts.write_idle_s)
        except trio.TooSlowError:
            raise DisconnectedError("the client takes nothing") from None
        except trio.BrokenResourceError as error:
            raise DisconnectedError("the client's connection broke") from error

    async def aclose(self) -> None:
        """Close."""
        await self.wire.aclose()

    async def cut(self) -> None:
        """Close in the middle of a response, unmistakably."""
        await self.wire.cut()
