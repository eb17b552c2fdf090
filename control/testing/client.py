"""The caller's side: one request, one response, on a connection of its own."""

import h11
import trio

from .messages import Headers, Response, headers_of

READ_BYTES = 65536


async def exchange(
    stream: trio.abc.Stream, method: str, target: str, host: str, headers: Headers, body: bytes
) -> Response:
    """Sends one request and reads its response to the end; h11.RemoteProtocolError if it is cut short."""
    wire = h11.Connection(h11.CLIENT)
    fields = [("Host", host), *headers.items()]
    if body:
        fields.append(("Content-Length", str(len(body))))
    async with stream:
        await stream.send_all(wire.send(h11.Request(method=method, target=target, headers=fields)) or b"")
        if body:
            await stream.send_all(wire.send(h11.Data(data=body)) or b"")
        wire.send(h11.EndOfMessage())
        return await _response(wire, stream)


async def _response(wire: h11.Connection, stream: trio.abc.Stream) -> Response:
    status, headers, body = 0, {}, b""
    while True:
        match event := wire.next_event():
            case h11.NEED_DATA:
                wire.receive_data(bytes(await stream.receive_some(READ_BYTES)))
            case h11.Response():
                status = event.status_code
                headers = headers_of([(bytes(name), bytes(value)) for name, value in event.headers])
            case h11.Data():
                body += event.data
            case h11.EndOfMessage():
                return Response(status, body, headers)
            case h11.ConnectionClosed():
                raise h11.RemoteProtocolError("the connection was closed before an answer")
