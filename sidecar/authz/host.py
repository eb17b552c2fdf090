"""The host that a request names, in one spelling (RFC 9110 section 7.2), and the hosts that a rule names."""

import re

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*)\.?(?::[0-9]*)?", re.ASCII)


def normalise_host(authority: str) -> str:
    """Lower case, without port and trailing dot; "" if it is no host, and then no rule that names hosts is for it."""
    match = _AUTHORITY.fullmatch(authority)
    return match[1].lower() if match else ""


def compile_host(text: str) -> str:
    """A rule's host, ``orders.shop.test`` or ``*.shop.test`` (any one label), as it is looked up; ValueError with a
    sentence if no request could name it."""
    name = text.removeprefix("*.")
    normal = normalise_host(name)
    if not normal or (name != text and name.startswith("[")):
        raise ValueError(f"host {text!r} is neither a name nor '*.' and a name; '*' stands for one whole label")
    if len(name.removesuffix(".")) != len(normal):
        raise ValueError(f"host {text!r} names a port, and a request's port is not looked at")
    return normal if name == text else f"*.{normal}"


def wildcard_of(host: str) -> str:
    """The one wildcard that stands for ``host``: its first label is any."""
    return f"*.{host.partition('.')[2]}"


def host_holds(host: str, wanted: frozenset[str]) -> bool:
    """Is ``host`` one of ``wanted``?"""
    return host in wanted or wildcard_of(host) in wanted
