"""The same bytes without a proxy: what an h11 server makes of a client's, and an h11 client of a service's.

h11 reads one message at a time here, so that an empty line between two requests can be passed over (RFC 9112 section
2.2), which h11 by itself does not do.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import h11

from sidecar.authz.target import Target, normalise

Fields = list[tuple[bytes, bytes]]

ENDING_HERE = frozenset(
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade proxy-authenticate http2-settings "
    b"proxy-authorization host content-length expect x-request-id traceparent forwarded via x-real-ip true-client-ip "
    b"x-client-ip x-cluster-client-ip".split()
)


@dataclass(frozen=True)
class Request:
    """A request whose head is whole; ``body`` None: the body is not."""

    method: bytes
    target: bytes
    fields: Fields
    host: bytes
    body: bytes | None

    def end_to_end(self) -> tuple[bytes, bytes, Fields, bytes | None]:
        """What a proxy may not change; the target as it has to be forwarded."""
        named = {option.strip(b" \t") for n, v in self.fields if n == b"connection" for option in v.lower().split(b",")}
        return self.method, self._normal(), end_to_end(self.fields, named), self.body

    def _normal(self) -> bytes:
        path = self.target
        if not path.startswith(b"/"):
            rest = path.split(b"://", 1)[-1]
            start = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
            path = rest[start:] if rest[start : start + 1] == b"/" else b"/" + rest[start:]
        found = normalise(path)
        return found.forward() if isinstance(found, Target) else path


def end_to_end(fields: Fields, named: set[bytes]) -> Fields:
    """The fields that are neither a hop's own, nor set here, nor named in Connection."""
    plain = [(bytes(c if chr(c).isalnum() and c < 128 else 45 for c in name), name, value) for name, value in fields]
    return [
        (name, value)
        for read, name, value in plain
        if read not in ENDING_HERE | named and name not in named and not read.startswith((b"x-auth-", b"x-forwarded-"))
    ]


def requests(raw: bytes) -> Iterator[Request]:
    """The requests in ``raw``, until one is none."""
    while raw:
        raw = raw.removeprefix(b"\r\n")
        judge, body, head = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20), b"", None
        judge.receive_data(raw)
        try:
            while not isinstance(event := judge.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Request):
                    head = event
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                else:
                    break
        except h11.RemoteProtocolError:
            event = None
        if head is None:
            return
        whole = isinstance(event, h11.EndOfMessage)
        host = next((value for name, value in head.headers if name == b"host"), b"")
        yield Request(head.method, head.target, list(head.headers), host, body if whole else None)
        if not whole or head.http_version == b"1.0":
            return
        raw = judge.trailing_data[0]


@dataclass(frozen=True)
class Response:
    """A final response, with what came before and whether it is whole."""

    interim: list[tuple[int, Fields]]
    status: int
    fields: Fields
    body: bytes
    whole: bool


def response(raw: bytes, method: bytes, ended: bool = True) -> tuple[Response | None, bytes]:
    """The response in ``raw`` to a request with this method, and the bytes behind it. None: there is no head."""
    judge = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    judge.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    judge.send(h11.EndOfMessage())
    judge.receive_data(raw)
    if ended and raw:
        judge.receive_data(b"")
    interim, final, body, whole = list[tuple[int, Fields]](), None, b"", False
    try:
        while not whole:
            event = judge.next_event()
            if isinstance(event, h11.InformationalResponse):
                interim.append((event.status_code, list(event.headers)))
            elif isinstance(event, h11.Response):
                final = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                whole = True
            else:
                break
    except h11.RemoteProtocolError:
        pass
    if final is None:
        return None, b""
    return Response(interim, final.status_code, list(final.headers), body, whole), judge.trailing_data[0]
