"""Before any route: who may come in, how large a request may be and how slowly it may arrive.

One ASGI middleware, so that no route can forget it. Everything under ``/v1`` needs the operator credential, and is
asked for it before a byte of the body is read. A body is taken whole, within its limit and its time, and handed on.
"""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import trio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control.mesh import Mesh

from .problems import UNAVAILABLE, Refusal, begin_request, too_many, unauthorized, unavailable
from .rate import Attempts

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_OPEN_BODY_BYTES = 64 * 1024
"""For whoever has not shown the credential."""
BODY_TIMEOUT_S = 10.0
GUARDED = "/v1"
ANSWERING = "control.answering"
"""In the scope: a context manager to be in while a request that was let in is answered."""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}


class Gate:
    """Wraps the application. ``scope["state"]["operator"]`` is the Operator wherever one was asked for."""

    def __init__(self, app: ASGIApp, mesh: Mesh, attempts: Attempts) -> None:
        self._app, self._mesh, self._attempts = app, mesh, attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send, begin_request())
        try:
            _refuse_other_versions(scope)
            _refuse_ambiguous(scope)
            guarded = is_guarded(scope["path"])
            if guarded:
                scope.setdefault("state", {})["operator"] = await self._operator(scope)
            limit = MAX_BODY_BYTES if guarded else MAX_OPEN_BODY_BYTES
            body = await _whole_body(scope, receive, limit)
        except Refusal as refusal:
            await refusal.response()(scope, receive, send)
            return
        except UNAVAILABLE as error:
            await unavailable(error).response()(scope, receive, send)
            return
        if body is not None:
            with scope.get(ANSWERING, nullcontext)():
                await self._app(scope, replay(body, receive), send)

    async def _operator(self, scope: Scope) -> Any:
        given = Headers(scope=scope).getlist("authorization")
        if not given:
            raise unauthorized("This needs the operator credential: Authorization: Bearer CREDENTIAL.")
        scheme, _, credential = given[0].partition(" ")
        credential = credential.strip(" ")
        if len(given) > 1 or scheme.lower() != "bearer" or not credential:
            raise unauthorized("The Authorization header should be one, and of the form: Bearer CREDENTIAL.")
        operator = await try_credential(self._mesh, self._attempts, address_of(scope), credential)
        if operator is None:
            raise unauthorized("This is not the operator credential of this control.")
        return operator


def is_guarded(path: str) -> bool:
    """Whether ``path``, as the router sees it, is the admin API."""
    return path == GUARDED or path.startswith(GUARDED + "/")


def address_of(scope: Scope) -> str:
    """Where the request comes from; "" on a unix socket."""
    client = scope.get("client")
    return str(client[0]) if client else ""


async def try_credential(mesh: Mesh, attempts: Attempts, address: str, credential: str) -> Any:
    """The Operator whose credential it is, or None. A Refusal (429) from an address that failed too often."""
    shown = credential.encode("utf-8", "surrogatepass")
    wait_s = attempts.begin(address, trio.current_time(), shown)
    if wait_s > 0:
        raise too_many(wait_s)
    operator = await trio.to_thread.run_sync(mesh.operators.authenticate, credential)
    if operator is None:
        attempts.failed(address, trio.current_time(), shown)
    else:
        attempts.succeeded(address, shown)
    return operator


def _refuse_other_versions(scope: Scope) -> None:
    """RFC 9110 section 15.6.6; the preface of HTTP/2 is a request of that version (RFC 9113 section 3.4)."""
    if scope.get("http_version", "1.1") not in ("1.0", "1.1"):
        raise unsupported_version()


def unsupported_version() -> Refusal:
    """505, and the connection ends."""
    return Refusal(505, "Control speaks HTTP/1.1.", headers={"Connection": "close"})


def _refuse_ambiguous(scope: Scope) -> None:
    """RFC 9112 section 6.1: what has two lengths may be two requests to a proxy before us. Hypercorn would mend it."""
    headers = Headers(scope=scope)
    if "transfer-encoding" in headers and "content-length" in headers:
        raise Refusal(400, "The length of the request is ambiguous.", headers={"Connection": "close"})


async def _whole_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The body, or None if the client went away; Refusal 413 or 408."""
    length = Headers(scope=scope).get("content-length", "0")
    too_large = Refusal(413, f"The body is larger than {limit} bytes.")
    if length.isascii() and length.isdigit() and (len(length) > 12 or int(length) > limit):
        raise too_large
    body = bytearray()
    with trio.move_on_after(BODY_TIMEOUT_S) as waiting:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > limit:
                raise too_large
            if not message.get("more_body", False):
                break
    if waiting.cancelled_caught:
        raise Refusal(408, f"The body did not arrive within {BODY_TIMEOUT_S:.0f} s.")
    return bytes(body)


def replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """``receive`` with all of the body in its first message."""
    handed = False

    async def replayed() -> Message:
        nonlocal handed
        if handed:
            return await receive()
        handed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _with_headers(send: Send, request_id: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = request_id
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
