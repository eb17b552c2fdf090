"""The table of settings: how each is called and spelt, and what it means. Knows nothing of where one was said."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import spelling
from .http1.limits import Limits, Timeouts

PREFIX = "SIDECAR_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: its name, how text becomes a value, what that text looks like, and a line of help."""

    name: str
    parse: Callable[[str], Any]
    form: str
    help: str
    default: str = ""
    secret: bool = False

    @property
    def flag(self) -> str:
        """As it is typed. A secret has none: a process list shows flags to everyone."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """As it stands in the environment."""
        return PREFIX + self.name.upper()


MAIN = (
    Setting("service", spelling.service_name, "NAME", "the name of the service it stands beside"),
    Setting("listen", spelling.listen, "HOST:PORT", "where callers come in", "0.0.0.0:8000"),
    Setting(
        "upstream", spelling.upstream, "URL", "the service: http://, https:// or unix:/path", "http://127.0.0.1:8080"
    ),
    Setting("admin", spelling.listen, "HOST:PORT", "/live /ready /metrics /snapshot /drain", "127.0.0.1:8001"),
    Setting("egress", spelling.no_egress, "HOST:PORT", "not in this version"),
    Setting("control", spelling.controls, "HOST:PORT,...", "one or more, or unix:/path, tried in turn"),
    Setting("join_token", spelling.join_token, "TOKEN", "enrolment with control (variable or file only)", secret=True),
    Setting("join_token_file", spelling.path, "FILE", "file that holds the join token"),
    Setting("snapshot", spelling.path, "FILE", "run without control, from this file that control compile wrote"),
    Setting("state_dir", spelling.path, "DIR", "identity and last-good snapshot", "./state"),
    Setting("workers", spelling.workers, "N", "processes sharing the port", "1"),
    Setting(
        "max_staleness", spelling.duration_s, "WAIT", "refuse with 503 when control has been silent this long", "never"
    ),
    Setting("tls_cert", spelling.path, "FILE", "certificate chain in PEM: the port speaks TLS"),
    Setting("tls_key", spelling.path, "FILE", "its private key in PEM"),
    Setting(
        "trusted_proxies", spelling.networks, "NET,...", "peers whose X-Forwarded-* or Forwarded is believed", "none"
    ),
    Setting("forwarded", spelling.style, "WORDS", "how hops are told: x-forwarded, rfc7239 or both", "x-forwarded"),
    Setting("decisions", spelling.switch, "WORD", "on: a line on stdout for each decision, for control replay", "off"),
    Setting("http1", spelling.lane, "WORD", "who reads plain heads: express, or h11 for all of them", "express"),
)

_MEANING = {
    "tls_handshake_s": "for a client's TLS handshake",
    "head_read_s": "for a request's head",
    "keep_alive_idle_s": "for the next request on a connection",
    "body_idle_s": "for the next piece of a request's body",
    "connect_s": "for a connection to the service",
    "continue_s": "for the service to ask for a body that is held back",
    "response_head_s": "for the response's head",
    "response_idle_s": "for the next piece of a response's body",
    "tunnel_idle_s": "for the next byte of an upgraded connection or event stream",
    "write_idle_s": "for a peer to take a piece",
    "drain_s": "for exchanges under way to end",
    "linger_s": "for a client to see an early answer",
    "head_bytes": "a whole head",
    "request_line_bytes": "a request line",
    "body_rate": "bytes a second of a request's body, on average, at least",
    "header_count": "header fields in a head",
    "body_bytes": "a request's body",
    "connections": "connections of callers",
    "in_flight": "exchanges under way",
    "tunnels": "upgraded connections",
    "upstream_connections": "connections to the service",
    "idle_upstream": "of these, idle ones kept",
    "discard_bytes": "of a refused body, read so that the connection lives on",
    "linger_bytes": "of an unfinished request, read before closing",
}


def _rows(of: type[Timeouts] | type[Limits], parse: Callable[[str], Any], form: str) -> tuple[Setting, ...]:
    return tuple(
        Setting(
            item.name, parse, form, _MEANING.get(item.name, ""), "none" if item.default is None else f"{item.default}"
        )
        for item in dataclasses.fields(of)
    )


TIMEOUTS = _rows(Timeouts, spelling.duration_s, "WAIT")
LIMITS = _rows(Limits, spelling.size, "SIZE")
SETTINGS = (*MAIN, *TIMEOUTS, *LIMITS)
BY_NAME = {setting.name: setting for setting in SETTINGS}
