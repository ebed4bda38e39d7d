"""Where a machine and its host meet: addresses and ports, the same in every machine.

All of it is in the machine's own network namespace, so that the socket, never the address, says
whose packets these are. A sandbox meets its host on its loopback; a virtual machine at the two
ends of its tap.
"""

from __future__ import annotations

from dataclasses import dataclass

RTP_PORT, RTCP_PORT = 5004, 5005
"""Where the media gateway receives the picture, and reports about it."""
GUEST_RTP_PORTS = 5006, 5008
"""Where a machine's layers come from."""
GUEST_RTCP_PORT = 5007
EGRESS_PORT = 3128
"""Where the egress proxy listens."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Place:
    """The two addresses, IPv4."""

    host: str
    guest: str

    @property
    def rtp(self) -> Address:
        """The media gateway's, for the picture."""
        return self.host, RTP_PORT

    @property
    def rtcp(self) -> Address:
        """The media gateway's, for reports."""
        return self.host, RTCP_PORT

    @property
    def egress(self) -> Address:
        """The egress proxy's."""
        return self.host, EGRESS_PORT

    @property
    def guest_rtcp(self) -> Address:
        """The sender's, for key frame requests and targets."""
        return self.guest, GUEST_RTCP_PORT

    @property
    def layers(self) -> dict[Address, int]:
        """The layer that comes from each of the sender's addresses."""
        return {(self.guest, port): layer for layer, port in enumerate(GUEST_RTP_PORTS)}


SANDBOX = Place("127.0.0.1", "127.0.0.1")
VM = Place("10.98.0.1", "10.98.0.2")
"""A /30 of its own (RFC 1918) in a namespace of its own: it means nothing anywhere else."""
VM_PREFIX = 30

PLACES = {"sandbox": SANDBOX, "vm": VM}


def place_of(host: str) -> Place | None:
    """Give the place whose host end has this address."""
    return next((each for each in PLACES.values() if each.host == host), None)
