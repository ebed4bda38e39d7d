"""Which addresses a machine may be connected to. Pure, but for the question which are our own."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

REFUSED: tuple[tuple[str, str], ...] = (
    # IANA's special-purpose registries (RFC 6890 and after), by what a person calls them.
    ("0.0.0.0/8", "this host"),
    ("10.0.0.0/8", "a private network"),
    ("100.64.0.0/10", "a carrier's private network"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
    ("172.16.0.0/12", "a private network"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "reserved for documentation"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "a private network"),
    ("198.18.0.0/15", "reserved for benchmarks"),
    ("198.51.100.0/24", "reserved for documentation"),
    ("203.0.113.0/24", "reserved for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("2001::/23", "reserved, Teredo among it, which hides another address"),
    ("2001:db8::/32", "reserved for documentation"),
    ("2002::/16", "6to4, which hides another address"),
    ("3fff::/20", "reserved for documentation"),
    ("::ffff:0:0/96", "a mapped IPv4 address"),
    ("64:ff9b::/96", "NAT64, which hides another address"),
    ("64:ff9b:1::/48", "NAT64, which hides another address"),
    ("fc00::/7", "a unique-local network"),
    ("fe80::/10", "link-local"),
    ("ff00::/8", "multicast"),
    ("::1/128", "loopback"),
)
GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
"""RFC 4291: the only global unicast space handed out. The rest of IPv6 is refused unread."""

_NETWORKS = tuple((ipaddress.ip_network(text), reason) for text, reason in REFUSED)


def why_refused(
    address: Address, further: Iterable[Network], is_own: Callable[[Address], bool]
) -> str | None:
    """Say why a machine must not reach an address, or None when it may.

    `further`: networks that the operator refuses; `is_own`: whether it is one of this host's.
    """
    for network, reason in _NETWORKS:
        if address in network:
            return reason
    if isinstance(address, ipaddress.IPv6Address) and address not in GLOBAL_V6:
        return "not a public address"
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        return "link-local"
    if any(address in network for network in further):
        return "refused by the operator"
    if is_own(address):
        return "this host"
    return None


def media_addresses(announced: Iterable[str]) -> list[str]:
    """Give the addresses of this host on which the media gateway stands when it announces these.

    The announced ones that are this host's; for those of a NAT, or none at all, what this host
    uses towards the internet, and loopback. As the gateway itself does (media/gateway).
    """
    wanted = [ipaddress.ip_address(text) for text in announced]
    here = [each for each in wanted if is_this_hosts(each)]
    families = {each.version for each in here if not each.is_loopback}
    outer = {each.version for each in wanted if each not in here} - families
    if not wanted:
        outer = {4, 6}
    towards = [a for a in map(_address_towards_internet, sorted(outer)) if a and a not in here]
    loopback = [] if wanted else [ipaddress.ip_address("127.0.0.1")]
    return [str(each) for each in (*loopback, *here, *towards)]


def _address_towards_internet(version: int) -> Address | None:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    far = "198.51.100.1" if version == 4 else "2001:db8::1"
    try:
        # Connecting a datagram socket sends nothing; it only asks the routing table.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            found = ipaddress.ip_address(probe.getsockname()[0].partition("%")[0])
    except OSError:
        return None
    return None if found.is_link_local or found.is_loopback else found


def is_this_hosts(address: Address) -> bool:
    """Whether an address is one of this host's, now, on any interface.

    Asked by binding to it, which needs no list that may be out of date.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
