"""What is known of one exchange when it is over: the access log's line, and what metrics are made of."""

from dataclasses import dataclass


@dataclass(slots=True)
class Record:
    """One exchange, filled in as it goes. ``path`` has no query, since queries carry secrets; ``detail`` is the
    private reason of a refusal, for this log alone."""

    time: float
    decision_id: str
    peer: str
    """The address at the other end of the connection."""
    address: str = ""
    """The client's: the peer, or the one that the proxies who are trusted vouch for."""
    request_id: str = ""
    method: str = ""
    path: str = ""
    status: int = 0
    reason: str = ""
    detail: str = ""
    shadow: tuple[str, ...] = ()
    """What rules that are only recorded would have said."""
    route: str = ""
    subject: str = ""
    issuer: str = ""
    client: str = ""
    version: int | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    duration_ms: float = 0.0
    upstream_ms: float | None = None
    complete: bool = True
    """Was the response passed on to its last byte?"""
    lasting: bool = False
    """Was it a tunnel or an event stream, whose duration tells nothing of how fast anybody answers?"""
