"""Reading RTP and writing it (RFC 3550), and the few bytes of RTCP that the gateway says.

Pure: bytes in, values out. Whatever a machine sends is either a packet or `NotRtp`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER_BYTES = 12
MAX_PACKET_BYTES = 1500
_HEADER = struct.Struct("!BBHII")
_VERSION = 2
_RTCP_TYPES = range(64, 96)
"""Payload types that an RTCP packet would show (RFC 5761 section 4)."""


class NotRtp(ValueError):
    """The bytes are no RTP packet."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet as it came. `timestamp` in units of 1/90000 s, `payload` without padding."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(data: bytes) -> RtpPacket:
    """Read a packet.

    Raises:
        NotRtp: too short, too long, of another version, or its lengths contradict each other.
    """
    if not HEADER_BYTES <= len(data) <= MAX_PACKET_BYTES:
        raise NotRtp("size")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != _VERSION or second & 0x7F in _RTCP_TYPES:
        raise NotRtp("version or type")
    start = HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        if len(data) < start + 4:
            raise NotRtp("extension")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data)
    if first & 0x20:
        padding = data[-1]
        if padding == 0:
            raise NotRtp("padding")
        end -= padding
    if start >= end:
        raise NotRtp("no payload")
    payload = data[start:end]
    return RtpPacket(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, payload)


@dataclass(frozen=True, slots=True)
class Stream:
    """How one viewer wants its packets: from its offer, but for the SSRC, which is ours."""

    payload_type: int
    ssrc: int
    playout_delay_id: int | None = None
    """The number of the playout-delay extension in the offer; None: not offered."""
    transport_cc_id: int | None = None
    """The number of the transport-wide sequence numbers in the offer; None: not offered."""


def write(stream: Stream, *, sequence: int, timestamp: int, marker: bool, payload: bytes) -> bytes:
    """Give a packet for a viewer, with the header extensions that it offered."""
    extended = extension(stream)
    header = _HEADER.pack(
        _VERSION << 6 | (0x10 if extended else 0),
        (0x80 if marker else 0) | stream.payload_type,
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        stream.ssrc,
    )
    return header + extended + payload


def extension(stream: Stream) -> bytes:
    """Give the header extensions (RFC 8285, one-byte form) of a stream's packets.

    Playout delay 0/0 says: show each frame at once. The transport-wide sequence number is room
    only: GStreamer's RTP session numbers each packet when it goes out, retransmissions too.
    """
    elements = b""
    if stream.playout_delay_id is not None:
        elements += bytes([stream.playout_delay_id << 4 | 2, 0, 0, 0])
    if stream.transport_cc_id is not None:
        elements += bytes([stream.transport_cc_id << 4 | 1, 0, 0])
    if not elements:
        return b""
    words = -(-len(elements) // 4)
    return struct.pack("!HH", 0xBEDE, words) + elements.ljust(4 * words, b"\0")


def picture_loss(sender_ssrc: int, media_ssrc: int) -> bytes:
    """Give the RTCP packet that asks for a key frame: an empty RR and a PLI (RFC 4585 6.3.1)."""
    receiver_report = struct.pack("!BBHI", _VERSION << 6, 201, 1, sender_ssrc)
    return receiver_report + struct.pack(
        "!BBHII", _VERSION << 6 | 1, 206, 2, sender_ssrc, media_ssrc
    )


def ahead(newer: int, older: int) -> int:
    """How far sequence number `newer` is past `older`, -32768..32767, over the wrap."""
    return ((newer - older + 0x8000) & 0xFFFF) - 0x8000
