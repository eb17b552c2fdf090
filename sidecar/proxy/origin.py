"""Where a request came from, as far as anybody here can vouch for it, and how that is told to the service.

What a client says of its own way here is worth nothing. What a trusted proxy says is believed hop by hop, from the
right, up to the first address that is not trusted: that one is the client. One family of headers is believed,
``Forwarded`` (RFC 7239) or ``X-Forwarded-*``; a proxy that writes one family passes on whatever a client wrote in the
other, so the other is always written anew.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

from sidecar.http1.fields import TOKEN, Headers, values

Style = Literal["x-forwarded", "rfc7239", "both"]
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_HOPS = 64
"""How far back a chain of trusted hops is followed."""

_HOST = re.compile(rb"(?:[A-Za-z0-9_.~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_PORT = re.compile(r"(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::[A-Za-z0-9._-]+)?")
_QUOTED = rb'"(?:[^"\\]|\\.)*"'
_PAIR = re.compile(rb"[ \t]*(" + TOKEN + rb")=(" + TOKEN + rb"|" + _QUOTED + rb")[ \t]*([;,]|\Z)")


@dataclass(frozen=True, slots=True)
class Origin:
    """``client``: the rightmost untrusted hop. ``headers``: what the service is told."""

    client: str
    headers: tuple[tuple[bytes, bytes], ...]
    trusted: bool
    """Is the peer a proxy that is believed?"""
    scheme: str = "http"
    """How the client reached the first hop that is believed."""


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Which peers are believed, in which words the service is told, and how callers reach us (http or https)."""

    trusted: tuple[Network, ...] = ()
    style: Style = "x-forwarded"
    scheme: bytes = b"http"

    def origin(self, peer: str, host: bytes, headers: Headers) -> Origin:
        """Where a request with these headers came from, if ``peer`` is at the other end of the connection."""
        believed = self.trusts(peer)
        received = headers if believed else ()
        if self.style == "rfc7239":
            elements = b", ".join(values(received, b"forwarded"))
            nodes_said = forwarded_elements(elements)
            hops = [hop for hop, _ in nodes_said]
            own = _element(peer, host, self.scheme)
            said: tuple[tuple[bytes, bytes], ...] = ((b"forwarded", b"%b, %b" % (elements, own) if hops else own),)
        else:
            hops = _members(values(received, b"x-forwarded-for"))
            scheme = _scheme(values(received, b"x-forwarded-proto")) or self.scheme
            outer = _host(values(received, b"x-forwarded-host")) or host
            said = (
                (b"x-forwarded-for", ", ".join([*hops, peer]).encode("latin-1", "replace")),
                (b"x-forwarded-proto", scheme),
                (b"x-forwarded-host", outer),
            )
            if self.style == "both":
                first, *others = [*hops, peer]
                nodes = [_element(first, outer, scheme), *(b"for=" + _node(hop) for hop in others)]
                said += ((b"forwarded", b", ".join(nodes)),)
        client, steps = self._client(peer, hops) if believed else (peer, 0)
        if self.style == "rfc7239":
            scheme = (nodes_said[-steps][1] if steps else b"") or self.scheme
        return Origin(client, said, believed, scheme.decode())

    def trusts(self, peer: str) -> bool:
        """Is this the address of a trusted proxy?"""
        address = parse_address(peer) if self.trusted else None
        return address is not None and any(address in network for network in self.trusted)

    def _client(self, peer: str, hops: list[str]) -> tuple[str, int]:
        """The client, and how many hops from the right it was found."""
        client, steps = peer, 0
        for hop in reversed(hops[-MAX_HOPS:]):
            address = parse_address(hop)
            if address is None:
                break  # a hop that hides: the last one that did not is all that is known
            client, steps = str(address), steps + 1
            if not any(address in network for network in self.trusted):
                break
        return client, steps


def parse_address(text: str) -> Address | None:
    """``1.2.3.4``, ``::1``, either with a port, or None. An IPv4 address that came in IPv6 clothes is itself."""
    match = _PORT.fullmatch(text)
    try:
        address = ip_address(match[1] or match[2] if match else text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def forwarded_elements(elements: bytes) -> list[tuple[str, bytes]]:
    """The ``for`` and ``proto`` of each element of a Forwarded value (RFC 7239 section 4), ``unknown`` and b"" where it
    has none (or a scheme that is not HTTP's); nothing at all if any part of it is malformed."""
    found: list[tuple[str, bytes]] = []
    hop, proto, position = "unknown", b"", 0
    while position < len(elements):
        match = _PAIR.match(elements, position)
        if not match:
            return []
        if match[1].lower() == b"for":
            hop = match[2].decode("latin-1").strip('"')
        elif match[1].lower() == b"proto":
            proto = _scheme([match[2].strip(b'"')]) or b""
        if match[3] != b";":
            found.append((hop, proto))
            hop, proto = "unknown", b""
        position = match.end()
        if position == len(elements) and match[3]:
            return []
    return found


def _members(received: Iterable[bytes]) -> list[str]:
    members = (member.strip(b" \t") for value in received for member in value.split(b","))
    return [member.decode("latin-1") for member in members if member]


def _scheme(received: list[bytes]) -> bytes | None:
    return received[0].lower() if len(received) == 1 and received[0].lower() in (b"http", b"https") else None


def _host(received: list[bytes]) -> bytes | None:
    return received[0] if len(received) == 1 and _HOST.fullmatch(received[0]) else None


def _element(hop: str, host: bytes, scheme: bytes) -> bytes:
    text = host if re.fullmatch(TOKEN, host) else b'"%b"' % host
    return b"for=%b;host=%b;proto=%b" % (_node(hop), text, scheme)


def _node(hop: str) -> bytes:
    address = parse_address(hop)
    if address is None:
        return b"unknown"
    return f'"[{address}]"'.encode() if address.version == 6 else str(address).encode()
