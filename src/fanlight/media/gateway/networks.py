"""Addresses: which are announced to viewers, and which of the viewers' are checked.

A viewer names candidates of its own choice, and ICE sends packets to them. So that no viewer can
make the gateway knock on doors of the network it stands in, candidates in private, loopback and
link-local ranges are taken only inside the configured viewer networks; names (mDNS, `.local`) are
never resolved. A viewer left without a candidate still connects: its own checks make it known.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_CANDIDATE = re.compile(
    r"(?:a=)?candidate:(?P<foundation>[A-Za-z0-9+/]{1,32}) (?P<component>\d{1,3})"
    r" (?P<transport>[A-Za-z]{3,4}) (?P<priority>\d{1,10}) (?P<address>[0-9A-Za-z:.-]{1,64})"
    r" (?P<port>\d{1,5}) typ (?P<kind>host|srflx|prflx|relay)(?P<rest>[\x20-\x7e]*)"
)
_LOWEST_PORT = 1024
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One ICE candidate (RFC 8839 section 5.1). `address` may be a name."""

    component: int
    transport: str
    priority: int
    address: str
    port: int
    kind: str
    foundation: str
    tcp_type: str = ""

    def line(self) -> str:
        """The candidate as SDP has it, without `a=`; related addresses are left out."""
        tail = f" tcptype {self.tcp_type}" if self.tcp_type else ""
        related = "" if self.kind == "host" else " raddr 0.0.0.0 rport 0"
        return (
            f"candidate:{self.foundation} {self.component} {self.transport} {self.priority}"
            f" {self.address} {self.port} typ {self.kind}{related}{tail}"
        )


def parse_candidate(text: str) -> Candidate | None:
    """Read a candidate; None: it is none."""
    match = _CANDIDATE.fullmatch(text.strip())
    if match is None or int(match["port"]) > 65535 or int(match["priority"]) >= 1 << 32:
        return None
    tcp_type = re.search(r" tcptype (active|passive|so)\b", match["rest"])
    return Candidate(
        component=int(match["component"]),
        transport=match["transport"].lower(),
        priority=int(match["priority"]),
        address=match["address"],
        port=int(match["port"]),
        kind=match["kind"],
        foundation=match["foundation"],
        tcp_type=tcp_type[1] if tcp_type else "",
    )


@dataclass(frozen=True, slots=True)
class ViewerNetworks:
    """The private networks that viewers may be in. Public addresses always may, but the host's."""

    networks: tuple[Network, ...]
    own: tuple[Address, ...] = ()
    """Addresses of this host. A viewer on it is known by its own checks; a candidate here is more
    likely one of the host's services."""

    def takes(self, candidate: Candidate) -> bool:
        """Whether ICE checks may be sent to this candidate of a viewer's."""
        if candidate.transport != "udp" or candidate.component != 1:
            return False
        if candidate.port < _LOWEST_PORT:
            return False
        try:
            address = ipaddress.ip_address(candidate.address)
        except ValueError:
            return False
        if address.version == 6 and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if address in self.own:
            return False
        if any(address in network for network in self.networks):
            return not address.is_multicast and not address.is_unspecified
        return address.is_global and not address.is_multicast


def default_viewer_networks(announced: tuple[Address, ...]) -> tuple[Network, ...]:
    """The private ranges that announced addresses lie in. Not loopback, announced or not."""
    ranges = (ipaddress.ip_network(text) for text in _PRIVATE)
    return tuple(each for each in ranges if any(address in each for address in announced))


def default_addresses() -> tuple[Address, ...]:
    """Loopback, and the address the host would use towards the internet, if it has one."""
    found: list[Address] = [ipaddress.ip_address("127.0.0.1")]
    # Connecting a datagram socket sends nothing; it only asks the routing table.
    for family, far in ((socket.AF_INET, "198.51.100.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((far, 9))
                address = ipaddress.ip_address(probe.getsockname()[0].partition("%")[0])
        except OSError:
            continue
        if not (address.is_link_local or address.is_loopback or address in found):
            found.append(address)
    return tuple(found)


def is_local(address: Address) -> bool:
    """Whether this host has the address; if not, it is announced for a NAT in front of it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
