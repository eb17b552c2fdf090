"""How each kind of setting is spelt: text to a value, or a sentence. Knows nothing of flags, variables and files."""

import re
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from .contract.join import JoinToken, parse_join_token
from .contract.strict import ContractError
from .proxy.origin import Network


class SettingsError(ValueError):
    """A setting that cannot be used. The text names it and says what to do."""


def service_name(text: str) -> str:
    """A DNS label (RFC 1123), because callers reach the service by it."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text):
        raise SettingsError("is not a DNS label: lower-case letters, digits and inner hyphens, 63 at most")
    return text


def address(text: str) -> tuple[str, int]:
    """``host:port`` or ``[v6]:port`` as (host, port); port 0 lets the system choose."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]]+)):(\d{1,5})", text)
    if not match or int(match[3]) > 65535:
        raise SettingsError(f"is not HOST:PORT: {text!r}")
    return match[1] or match[2], int(match[3])


def listen(text: str) -> str:
    """An address to listen on."""
    address(text)
    return text


def reachable(text: str) -> str:
    """An address to connect to, or ``unix:/path``."""
    if text.startswith("unix:"):
        if not text.startswith("unix:/"):
            raise SettingsError("needs an absolute path: unix:/path")
        return text
    if address(text)[1] == 0:
        raise SettingsError("needs a port")
    return text


def controls(text: str) -> tuple[str, ...]:
    """Several of these, separated by commas."""
    return tuple(reachable(part.strip()) for part in text.split(",") if part.strip())


def upstream(text: str) -> str:
    """``http://host:port``, ``https://host:port`` or ``unix:/path``."""
    if text.startswith("unix:"):
        return reachable(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError("is not http://HOST:PORT, https://HOST:PORT or unix:/PATH")
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise SettingsError("takes a host and a port only: paths are forwarded as they were authorised")
    if port == 0:
        raise SettingsError("has a bad port")
    return text


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration_s(text: str) -> float:
    """``250ms``, ``10s``, ``5m``, ``2h``, ``1d``, or a bare number of seconds, as seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", text)
    if not match or float(match[1]) == 0:
        raise SettingsError("is not a duration such as 250ms, 10s or 5m")
    return float(match[1]) * _UNITS[match[2] or "s"]


_SIZES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def size(text: str) -> int:
    """A count or a number of bytes: ``65536``, ``64k``, ``10m``, ``1g``."""
    match = re.fullmatch(r"(\d+)([kmg]?)(?:ib)?", text.lower())
    if not match or int(match[1]) == 0:
        raise SettingsError("is not a size such as 65536, 64k or 10m")
    return int(match[1]) * _SIZES[match[2]]


MAX_WORKERS = 64


def workers(text: str) -> int:
    """A number of processes."""
    if not re.fullmatch(r"\d{1,4}", text) or not 1 <= int(text) <= MAX_WORKERS:
        raise SettingsError(f"is not a number of processes from 1 to {MAX_WORKERS}")
    return int(text)


def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by commas."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return tuple(ip_network(part) for part in parts)
    except ValueError as error:
        raise SettingsError(f"is not a list of addresses and networks such as 10.0.0.0/8: {error}") from error


def style(text: str) -> str:
    """In which words hops are told."""
    if text not in ("x-forwarded", "rfc7239", "both"):
        raise SettingsError("is none of x-forwarded, rfc7239, both")
    return text


def switch(text: str) -> bool:
    """``on`` or ``off``."""
    if text not in ("on", "off"):
        raise SettingsError("is none of on, off")
    return text == "on"


def lane(text: str) -> str:
    """Who reads plain heads."""
    if text not in ("express", "h11"):
        raise SettingsError("is none of express, h11")
    return text


def path(text: str) -> Path:
    """The name of a file."""
    if not text or "\0" in text:
        raise SettingsError("is not the name of a file")
    return Path(text)


def join_token(text: str) -> JoinToken:
    """The token itself; an error never quotes it."""
    try:
        return parse_join_token(text)
    except ContractError as error:
        raise SettingsError(str(error)) from None


def no_egress(_text: str) -> str:
    """What is not in this version is refused, not ignored."""
    raise SettingsError("egress is not in this version; leave it out")
