"""The admin endpoint: five paths over http1, bounded, for operators and probes. Never a secret, never a token.

It stands on an address of its own and has no authentication: whoever reaches it may see what it shows, and drain.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from sidecar.contract.reasons import status_of
from sidecar.http1.errors import DisconnectedError, RequestError
from sidecar.http1.fields import values
from sidecar.http1.limits import Limits, Timeouts
from sidecar.http1.request import RequestHead
from sidecar.http1.server import ServerConnection

from .pages import Pages

_log = logging.getLogger("sidecar.admin")
_JSON = b"application/json"
_TEXT = b"text/plain; charset=utf-8"
_PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
_LIMITS = Limits(head_bytes=16 * 1024, connections=64, body_bytes=64 * 1024)
_TIMEOUTS = Timeouts(keep_alive_idle_s=30, write_idle_s=10)
_PHRASES = {200: b"OK", 403: b"Forbidden", 404: b"Not Found", 405: b"Method Not Allowed", 503: b"Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Page:
    """What one path answers."""

    status: int
    kind: bytes
    body: bytes
    allow: bytes = b""


class Admin:
    """``pages`` knows what there is to say."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._connections = 0

    async def serve(
        self,
        listeners: Sequence[trio.abc.Listener[trio.SocketStream]],
        *,
        task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled."""
        await trio.serve_listeners(self.handle, list(listeners), task_status=task_status)

    async def handle(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end, and close it."""
        connection = ServerConnection(stream, _TIMEOUTS, _LIMITS)
        self._connections += 1
        try:
            while self._connections <= _LIMITS.connections and await connection.wait_for_request():
                if not await self._one(connection):
                    break
        except DisconnectedError:
            pass
        except Exception:  # a bug here must not take the data plane down
            _log.exception("the admin endpoint failed")
        finally:
            self._connections -= 1
            await connection.aclose()

    async def _one(self, connection: ServerConnection) -> bool:
        try:
            head = await connection.read_request()
        except RequestError as error:
            body = f"{error.reason}\n".encode()
            status = status_of(error.reason)
            kind = ((b"content-type", _TEXT),)
            await connection.send_head(status, b"Refused", kind, len(body), close=True, first=body)
            await connection.linger()
            return False
        if head is None:
            return False
        page = await self.page(head)
        headers = [(b"content-type", page.kind), (b"cache-control", b"no-store")]
        if page.allow:
            headers.append((b"allow", page.allow))
        framing, first = (None, b"") if head.method == b"HEAD" else (len(page.body), page.body)
        last = not head.keep_alive or connection.expects_continue
        await connection.send_head(page.status, _PHRASES[page.status], headers, framing, close=last, first=first)
        await connection.finish()
        return not last and await connection.discard_body(_LIMITS.discard_bytes)

    async def page(self, head: RequestHead) -> Page:
        """The answer to one request."""
        path = head.target.partition(b"?")[0]
        wanted = (b"POST",) if path == b"/drain" else (b"GET", b"HEAD")
        if path not in (b"/live", b"/ready", b"/metrics", b"/snapshot", b"/drain"):
            return Page(404, _TEXT, b"/live /ready /metrics /snapshot /drain\n")
        if head.method not in wanted:
            return Page(405, _TEXT, b"another method\n", b", ".join(wanted))
        match path:
            case b"/live":
                return Page(200, _TEXT, b"live\n")
            case b"/ready":
                report = await self._pages.ready()
                return Page(200 if report["ready"] else 503, _JSON, _json(report))
            case b"/metrics":
                return Page(200, _PROMETHEUS, await self._pages.metrics())
            case b"/snapshot":
                snapshot = await self._pages.snapshot()
                return Page(404 if snapshot is None else 200, _JSON, _json(snapshot or {"reason": "no_snapshot"}))
            case _ if values(head.headers, b"origin"):  # only browsers send it: a page's own request, not its user's
                return Page(403, _TEXT, b"not for web pages\n")
            case _:
                self._pages.drain()
                return Page(200, _JSON, _json({"draining": True}))


def _json(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"
