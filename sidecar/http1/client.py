"""The upstream connection: a request out, a response in. Every fault of the service is an UpstreamError.

    send_head -> send_body* -> finish -> read_head (1xx*, then one) -> receive_body* -> (reusable, or aclose)
                                                       (a 101 that was asked for: -> wire, and HTTP is over)

Sending and receiving may run side by side: a service may answer before it has read everything.
"""

import contextlib
import select

import trio

from sidecar.contract.reasons import Reason

from .body import Decoder, LengthDecoder, decoder
from .chunked import encode_chunk, encode_last
from .errors import UpstreamError
from .fields import Headers, MalformedError, render
from .framing import Framing, Unsized
from .limits import Limits, Timeouts
from .response import ResponseHead, parse_response
from .upgrade import granted_upgrade
from .wire import HeadTooLongError, Wire, has_spoken

MAX_INTERIM = 10
"""1xx responses before one final response."""
_NO_TIME_S = 1e-9


class ClientConnection:
    """One connection to the service over ``stream``, which it closes in the end."""

    def __init__(self, stream: trio.abc.Stream, timeouts: Timeouts, limits: Limits, opened_at: float) -> None:
        self.wire = Wire(stream)
        self.opened_at = opened_at
        self.exchanges = 0
        """Requests begun on this connection."""
        self._timeouts = timeouts
        self._limits = limits
        self._method = b""
        self._upgrade = b""
        self._chunked = False
        self._request_finished = True
        self._decoder: Decoder = LengthDecoder(0)
        self._response: ResponseHead | None = None
        self._interim = 0
        self._received_before = 0
        self._poll: select.poll | None = None

    async def send_head(
        self, method: bytes, target: bytes, headers: Headers, framing: Framing, *, upgrade: bytes = b""
    ) -> None:
        """A request's head. ``headers`` say nothing of framing and ask for no upgrade: both are added here."""
        self.exchanges += 1
        self._method, self._upgrade, self._response, self._interim = method, upgrade, None, 0
        self._received_before = self.wire.bytes_in
        self._chunked = framing is Unsized.CHUNKED
        self._request_finished = framing == 0
        fields = list(headers)
        if upgrade:
            fields += [(b"connection", b"Upgrade"), (b"upgrade", upgrade)]
        if self._chunked:
            fields.append((b"transfer-encoding", b"chunked"))
        elif isinstance(framing, int) and (framing or method in (b"POST", b"PUT", b"PATCH")):
            # RFC 9110 section 8.6: a method that gives a body a meaning says so even of an empty one.
            fields.append((b"content-length", b"%d" % framing))
        await self._write(render(b"%b %b HTTP/1.1" % (method, target), fields))

    def sent_elsewhere(self, method: bytes, *, whole: bool) -> None:
        """A request of a known length has been sent on this connection's socket by somebody else, who hands it back
        before its response: what comes next is ``read_head``, or, if it is not ``whole``, ``send_body``."""
        self._method, self._upgrade, self._response, self._interim = method, b"", None, 0
        self._received_before = self.wire.bytes_in
        self._chunked, self._request_finished = False, whole

    def received_elsewhere(self, response: ResponseHead, left: int) -> None:
        """After ``sent_elsewhere``: the response has been read, too, but for ``left`` bytes of its body."""
        self._response, self._decoder = response, LengthDecoder(left)

    async def send_raw(self, data: bytes) -> None:
        """What of a request was rendered elsewhere and is still to go."""
        await self._write(data)

    async def send_body(self, data: bytes) -> None:
        """One piece of the body."""
        await self._write(encode_chunk(data) if self._chunked else data)

    async def finish(self) -> None:
        """The request is whole."""
        if self._chunked:
            await self._write(encode_last())
        self._request_finished = True

    @property
    def answered(self) -> bool:
        """Has any byte come in answer to the current request?"""
        return self.wire.bytes_in > self._received_before

    async def read_head(self) -> ResponseHead:
        """The next response head, interim ones included. Waits without end: how long is the caller's affair."""
        try:
            raw = await self.wire.read_head(self._limits.head_bytes, float("inf"))
        except HeadTooLongError as error:
            raise _broke(str(error)) from error
        except trio.BrokenResourceError as error:
            raise _broke("the connection broke before a response") from error
        if raw is None:
            raise _broke("the connection ended before a response")
        head = parse_response(raw, self._method, self._limits)
        if head.interim:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise _broke("interim responses without end")
            return head
        if head.switching and not granted_upgrade(head.headers, self._upgrade):
            raise _broke("a 101 to another protocol than was asked for, if any was")
        self._response = head
        self._decoder = decoder(head.framing)
        return head

    @property
    def response_finished(self) -> bool:
        """Is the whole response read?"""
        return self._decoder.finished

    def body_at_hand(self) -> bytes:
        """What there is of the body without waiting."""
        try:
            return self._decoder.decode(self.wire.buffer)
        except MalformedError as error:
            raise _broke(str(error)) from error

    @property
    def trailers(self) -> Headers:
        """What came after a chunked body that is whole."""
        return self._decoder.trailers

    async def receive_body(self, within_s: float | None = None) -> bytes:
        """The body's next piece; b"" when it is whole. ``within_s`` takes the place of ``response_idle_s``."""
        while not self._decoder.finished:
            if data := self.body_at_hand():
                return data
            if self.response_finished:
                break
            if not await self._fill(self._timeouts.response_idle_s if within_s is None else within_s):
                if self._response and self._response.framing is Unsized.UNTIL_CLOSE:
                    break
                raise _broke("the response was cut short")
        return b""

    async def _fill(self, within_s: float) -> bool:
        try:
            return await self.wire.fill(within_s)
        except trio.TooSlowError:
            raise UpstreamError(Reason.UPSTREAM_TIMEOUT, "the response stood still") from None
        except trio.BrokenResourceError as error:
            raise _broke("the connection broke within a response") from error

    @property
    def reusable(self) -> bool:
        """Did both sides finish cleanly, and may another request follow?"""
        response = self._response
        return (
            response is not None
            and response.keep_alive
            and self._request_finished
            and self._decoder.finished
            and not self.wire.buffer
        )

    def descriptor(self) -> int:
        """Of the plain socket that this is on."""
        if type(self.wire.stream) is not trio.SocketStream:
            raise AssertionError("asked of what is no plain socket")
        return self.wire.stream.socket.fileno()

    def has_spoken(self) -> bool:
        """As ``gone``, of a plain socket."""
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self.descriptor(), select.POLLIN)
        return bool(self._poll.poll(0))

    async def gone(self) -> bool:
        """Has the service closed this idle connection, or said something unasked? Does not wait. A socket shows it;
        what TLS has received and not yet given out shows only to one who begins to read."""
        stream = self.wire.stream
        socket = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        if isinstance(socket, trio.SocketStream):
            readable = has_spoken(socket.socket.fileno())
            if readable or socket is stream:
                return readable
        with trio.CancelScope() as waiting:
            # Set within: over before anything is waited for, but not before it is tried.
            waiting.deadline = trio.current_time() + _NO_TIME_S
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.receive_some(1)
            return True
        return False

    async def _write(self, data: bytes) -> None:
        try:
            await self.wire.write(data, self._timeouts.write_idle_s)
        except trio.TooSlowError:
            raise UpstreamError(Reason.UPSTREAM_TIMEOUT, "the service takes nothing") from None
        except trio.BrokenResourceError as error:
            raise _broke("the connection broke within a request") from error

    async def aclose(self) -> None:
        """Close."""
        await self.wire.aclose()


def _broke(detail: str) -> UpstreamError:
    return UpstreamError(Reason.UPSTREAM_BROKE, detail)
