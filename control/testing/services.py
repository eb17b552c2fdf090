"""Simulated services: a function, an ASGI app or a canned reply, speaking HTTP/1.1 to their sidecar."""

import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes

import h11
import trio

from .messages import Request, Response, headers_of

Reply = Callable[[Request], Any] | Response | dict[str, Any] | list[Any] | str | bytes
"""A function of the request (plain or async) that returns any of the others; or one of them for every request.
Text, bytes and JSON-ready values are the body of a 200."""

Scope = MutableMapping[str, Any]
ASGIApp = Callable[[Scope, Callable[[], Awaitable[Scope]], Callable[[Scope], Awaitable[None]]], Awaitable[None]]

READ_BYTES = 65536


def as_response(value: object) -> Response:
    """What a reply stands for."""
    return value if isinstance(value, Response) else Response(body=value)


async def answer(reply: Reply, request: Request) -> Response:
    """The reply to one request."""
    if not callable(reply):
        return as_response(reply)
    result = reply(request)
    return as_response(await result if inspect.isawaitable(result) else result)


def from_asgi(app: ASGIApp) -> Callable[[Request], Awaitable[Response]]:
    """The reply of an ASGI 3 application (HTTP only; no lifespan is sent). It must run under trio."""

    async def reply(request: Request) -> Response:
        sent: list[Scope] = []
        received = iter([{"type": "http.request", "body": request.body, "more_body": False}])

        async def receive() -> Scope:
            return next(received, {"type": "http.disconnect"})

        async def send(event: Scope) -> None:
            sent.append(event)

        await app(_scope(request), receive, send)
        start = next(event for event in sent if event["type"] == "http.response.start")
        body = b"".join(event.get("body", b"") for event in sent if event["type"] == "http.response.body")
        return Response(start["status"], body, headers_of([tuple(pair) for pair in start.get("headers", [])]))

    return reply


def _scope(request: Request) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote_to_bytes(request.path).decode("utf-8", "replace"),
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in request.headers.items()],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
    }


async def serve(stream: trio.abc.Stream, reply: Reply, seen: list[Request]) -> None:
    """Answers every request on one connection, in order, and notes each in ``seen``; returns when the peer is done."""
    wire = h11.Connection(h11.SERVER)
    async with stream:
        while (request := await _next_request(wire, stream)) is not None:
            seen.append(request)
            response = await answer(reply, request)
            await stream.send_all(_render(wire, request, response))
            if wire.our_state is not h11.DONE or wire.their_state is not h11.DONE:
                return
            wire.start_next_cycle()


async def _next_request(wire: h11.Connection, stream: trio.abc.Stream) -> Request | None:
    head, body = None, b""
    while True:
        match event := wire.next_event():
            case h11.NEED_DATA:
                if wire.they_are_waiting_for_100_continue:
                    await stream.send_all(wire.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                try:
                    wire.receive_data(bytes(await stream.receive_some(READ_BYTES)))
                except trio.BrokenResourceError:
                    return None
            case h11.Request():
                head = event
            case h11.Data():
                body += event.data
            case h11.EndOfMessage() if head is not None:
                raw = [(bytes(name), bytes(value)) for name, value in head.headers]
                return Request(head.method.decode(), head.target.decode(), headers_of(raw), body)
            case _:
                return None


def _render(wire: h11.Connection, request: Request, response: Response) -> bytes:
    content, headers = response.content, dict(response.headers)
    bodiless = request.method == "HEAD" or response.status in (204, 304)
    if "content-length" not in headers and response.status != 204:
        headers["content-length"] = str(len(content))
    if content and "content-type" not in headers and not isinstance(response.body, str | bytes):
        headers["content-type"] = "application/json"
    data = wire.send(h11.Response(status_code=response.status, headers=list(headers.items()))) or b""
    if not bodiless:
        data += wire.send(h11.Data(data=content)) or b""
    return data + (wire.send(h11.EndOfMessage()) or b"")
