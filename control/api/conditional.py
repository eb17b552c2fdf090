"""Every JSON answer to a GET has an ETag, and one that the caller has already is 304 (RFC 9110 section 13.1.2).

An endpoint whose value can be changed sets its own tag, which If-Match is compared with; any other answer's is a hash
of its bytes. Streams are left alone.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .preconditions import read_tags, tag_of_bytes
from .problems import Refusal

_DROPPED = ("content-length", "content-type")


class Conditional:
    """Wraps an application whose JSON answers are small."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        try:
            held = read_tags(Headers(scope=scope).getlist("if-none-match"), "If-None-Match")
        except Refusal as refusal:
            await refusal.response()(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(held, send).take)


class _Answer:
    """Holds an answer back until it is whole, if it is one of JSON."""

    def __init__(self, held: tuple[str, ...] | None, send: Send) -> None:
        self._held, self._send = held, send
        self._start: Message | None = None
        self._body = bytearray()

    async def take(self, message: Message) -> None:
        """What the application sends."""
        if message["type"] == "http.response.start" and _is_json(message):
            self._start = message
            return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        headers = MutableHeaders(scope=start)
        tag = headers.setdefault("ETag", tag_of_bytes(bytes(self._body)))
        if self._held is not None and ("*" in self._held or tag in (one.removeprefix("W/") for one in self._held)):
            kept = [(name, value) for name, value in start["headers"] if name.decode("latin-1").lower() not in _DROPPED]
            await self._send({**start, "status": 304, "headers": kept})
            self._body.clear()
        else:
            await self._send(start)
        await self._send({"type": "http.response.body", "body": bytes(self._body)})


def _is_json(start: Message) -> bool:
    kind = Headers(scope=start).get("content-type", "")
    return start["status"] == 200 and kind.partition(";")[0].strip() == "application/json"
