"""Which addresses a provider's name may lead to.

A provider's name, and more so a URL in a provider's own document, is a stranger's word about whom control should call.
A public name that leads into a private network is refused (server-side request forgery, DNS rebinding), unless the
operator has named that network. Names that only a private network has (``keycloak``, ``sso.internal``, an address
written out) may lead there when the policy itself names them.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PRIVATE_SUFFIXES = (".test", ".internal", ".local", ".localhost", ".home.arpa")
"""RFC 6761, RFC 6762, RFC 8375, and ICANN's reservation of ``.internal``."""
_EMBEDDING = tuple(map(IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
"""An IPv4 address in the last 32 bits: RFC 4291 section 2.5.5.1, RFC 2765 section 2.1, RFC 6052 section 2.1."""
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
"""RFC 8215: where in it the IPv4 address stands is known to that network alone."""


def is_private_name(host: str) -> bool:
    """Is ``host`` a name that means nothing to the public DNS: one label, a reserved ending, an address?"""
    try:
        ip_address(host)
    except ValueError:
        name = host.rstrip(".").lower()
        return "." not in name or name.endswith(_PRIVATE_SUFFIXES)
    return True


def is_loopback_name(host: str) -> bool:
    """Does ``host`` say by itself that it is this machine?"""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        name = host.rstrip(".").lower()
        return name == "localhost" or name.endswith(".localhost")


def may_connect(address: str, host: str, *, named_by_policy: bool, networks: Sequence[Network]) -> bool:
    """May ``host``, which was resolved to ``address``, be called? ``networks`` are those that the operator allows."""
    reached = _reached(ip_address(address.partition("%")[0]))
    if any(reached.version == network.version and reached in network for network in networks):
        return True
    if reached.is_multicast or reached.is_unspecified or reached.is_link_local:
        return False  # 169.254.169.254 and its like hand out a cloud's credentials
    return _is_public(reached) or (named_by_policy and is_private_name(host))


def _is_public(reached: Address) -> bool:
    """``is_global`` says yes to two that are not: site-local (RFC 3879) and a network's own NAT64."""
    if isinstance(reached, IPv6Address) and (reached.is_site_local or reached in _LOCAL_NAT64):
        return False
    return reached.is_global


def _reached(address: Address) -> Address:
    """Where a packet to it ends: an IPv6 address may stand for an IPv4 one."""
    if isinstance(address, IPv6Address):
        if any(address in network for network in _EMBEDDING) and int(address) > 1:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address
