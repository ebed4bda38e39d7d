"""What a filter has to know of an IP packet: its protocol and ports. Pure."""

from __future__ import annotations

from dataclasses import dataclass

TCP, UDP, FRAGMENT_V6 = 6, 17, 44
_PORTS_END = 4


@dataclass(frozen=True, slots=True)
class Kind:
    """The protocol's number and the ports; None where there are none to be read."""

    protocol: int
    source: int | None = None
    target: int | None = None


def kind_of(packet: bytes) -> Kind:
    """Read an IPv4 (RFC 791) or IPv6 packet (RFC 8200).

    Later fragments carry no ports. Of IPv6's extension headers only the fragment's is looked
    through: nothing here sends others before TCP or UDP.
    """
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        start, protocol = (packet[0] & 0xF) * 4, packet[9]
        is_later = int.from_bytes(packet[6:8], "big") & 0x1FFF != 0
    elif version == 6 and len(packet) >= 40:
        start, protocol, is_later = 40, packet[6], False
        if protocol == FRAGMENT_V6 and len(packet) >= 48:
            start, protocol = 48, packet[40]
            is_later = int.from_bytes(packet[42:44], "big") >> 3 != 0
    else:
        return Kind(-1)
    ports = packet[start : start + _PORTS_END]
    if protocol not in (TCP, UDP) or is_later or len(ports) < _PORTS_END:
        return Kind(protocol)
    return Kind(protocol, int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:], "big"))
