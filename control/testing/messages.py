"""What a test sends and receives: one request, one response, held whole because tests are small."""

import json
from dataclasses import dataclass, field
from typing import Any

Headers = dict[str, str]
"""Lower-case names; of a repeated field, the values joined with a comma (RFC 9110 section 5.3)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the simulated service got it. ``target`` is path and query as they came."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target's query, without the question mark."""
        return self.target.partition("?")[2]

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """A response, the service's or the caller's. ``body`` may be given as text, or as anything JSON can hold."""

    status: int = 200
    body: Any = b""
    headers: Headers = field(default_factory=dict)

    def __repr__(self) -> str:
        # What a failing assert shows, which is cut short: what decides comes first.
        why = f" {self.reason}" if self.reason else ""
        return f"<Response {self.status}{why}, body={self.body!r}, headers={self.headers!r}>"

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.content)

    @property
    def reason(self) -> str | None:
        """The stable word of a sidecar's refusal, or None if this is none."""
        if self.headers.get("content-type") != "application/problem+json":
            return None
        word = self.json().get("reason")
        return word if isinstance(word, str) else None


def headers_of(raw: list[tuple[bytes, bytes]]) -> Headers:
    """Header fields as ``Headers``."""
    found: Headers = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
