"""From packets to whole frames: what is cut off, where frames end, which are key frames.

Pure. A frame is kept as the payloads it came in (the guest's packets fit every viewer's path), so
nothing is packetised again; VP8's picture ids are taken out, because they would jump when frames
are left out for a viewer or a machine is replaced, and decoders are then content with sequence
numbers (RFC 7741 section 4.2 makes them optional).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .rtp import RtpPacket, ahead

Codec = Literal["vp8", "h264"]

MAX_FRAME_PACKETS = 4096
MAX_AGGREGATED = 16
"""Units of one packet that are looked at: an SPS stands before what it is for."""
_NAL_IDR, _NAL_SPS, _NAL_STAP_A, _NAL_FU_A = 5, 7, 24, 28


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded picture: RTP payloads in order, time in 1/90000 s."""

    timestamp: int
    key: bool
    payloads: tuple[bytes, ...]
    layer: int = 0
    """0 the main picture, 1 the smaller one."""


class FrameAssembler:
    """Takes packets in the order they came and gives the frames that came whole.

    Counters: `packets` taken, `lost` (gaps in the sequence numbers), `malformed` payloads, and
    `damaged`, which is True after a gap until the next key frame: what comes between refers to
    pictures that never came.
    """

    def __init__(self, codec: Codec, layer: int = 0) -> None:
        self._codec, self._layer = codec, layer
        self._next: int | None = None
        self._parts: list[bytes] = []
        self._timestamp = 0
        self._key = self._broken = False
        self.packets = self.lost = self.malformed = 0
        self.damaged = True

    def anew(self) -> FrameAssembler:
        """Give an assembler for another stream of the same layer; the counters go on."""
        other = FrameAssembler(self._codec, self._layer)
        other.packets, other.lost, other.malformed = self.packets, self.lost, self.malformed
        return other

    def feed(self, packet: RtpPacket) -> Frame | None:
        """Take one packet; give the frame that it completes, if it does."""
        if not self._in_order(packet.sequence):
            return None
        self.packets += 1
        if packet.timestamp != self._timestamp or not self._parts:
            self._begin(packet)
        self._add(packet)
        if not packet.marker:
            return None
        return self._finish()

    def _in_order(self, sequence: int) -> bool:
        gap = 0 if self._next is None else ahead(sequence, self._next)
        if gap < 0 and gap > -1000:
            return False  # late or doubled; the frame it belongs to was given up
        if gap:
            self.lost += gap if gap > 0 else 1
            self._broken = self.damaged = True
            self._parts.clear()
        self._next = (sequence + 1) & 0xFFFF
        return True

    def _begin(self, packet: RtpPacket) -> None:
        if self._parts:  # the frame before never said that it ended
            self.damaged = True
        self._parts = []
        self._timestamp = packet.timestamp
        starts, self._key = _start_of_frame(self._codec, packet.payload)
        self._broken = not starts

    def _add(self, packet: RtpPacket) -> None:
        part = _cleaned(self._codec, packet.payload)
        if part is None or len(self._parts) >= MAX_FRAME_PACKETS:
            self.malformed += 1
            self._broken = True
            return
        if self._codec == "h264":
            self._key = self._key or _starts_key_frame_h264(packet.payload)
        self._parts.append(part)

    def _finish(self) -> Frame | None:
        parts, self._parts = tuple(self._parts), []
        if self._broken or not parts:
            self.damaged = True
            self._broken = False
            return None
        if self._key:
            self.damaged = False
        if self.damaged:
            return None
        return Frame(self._timestamp, self._key, parts, self._layer)


def _start_of_frame(codec: Codec, payload: bytes) -> tuple[bool, bool]:
    """Whether a frame starts here, and whether it is a key frame as far as this packet tells."""
    if codec == "h264":
        kind = payload[0] & 0x1F
        is_middle = kind == _NAL_FU_A and len(payload) > 1 and not payload[1] & 0x80
        return not is_middle, _starts_key_frame_h264(payload)
    offset = _vp8_descriptor_bytes(payload)
    if offset is None:
        return False, False
    starts = bool(payload[0] & 0x10) and payload[0] & 0x07 == 0
    return starts, starts and not payload[offset] & 0x01


def _cleaned(codec: Codec, payload: bytes) -> bytes | None:
    """Give the payload as viewers get it; None: not of this codec."""
    if codec == "h264":
        kind = payload[0] & 0x1F
        is_known = 1 <= kind <= _NAL_STAP_A or kind == _NAL_FU_A
        return payload if is_known and not payload[0] & 0x80 else None
    offset = _vp8_descriptor_bytes(payload)
    if offset is None:
        return None
    return bytes([payload[0] & 0x7F]) + payload[offset:]


def _vp8_descriptor_bytes(payload: bytes) -> int | None:
    """How long the VP8 payload descriptor is (RFC 7741 section 4.2); None: longer than all."""
    size = 1
    if payload[0] & 0x80:
        if len(payload) < 2:
            return None
        flags = payload[1]
        size = 2
        if flags & 0x80:
            is_long = len(payload) > size and payload[size] & 0x80
            size += 2 if is_long else 1
        size += bool(flags & 0x40) + bool(flags & 0x30)
    return size if size < len(payload) else None


def _starts_key_frame_h264(payload: bytes) -> bool:
    """Whether an IDR slice or its parameter sets begin in this packet (RFC 6184 section 5.2)."""
    kind = payload[0] & 0x1F
    if kind == _NAL_FU_A:
        return len(payload) > 1 and payload[1] & 0x9F == 0x80 | _NAL_IDR
    if kind == _NAL_STAP_A:
        return any(nal in (_NAL_IDR, _NAL_SPS) for nal in _aggregated(payload))
    return kind in (_NAL_IDR, _NAL_SPS)


def _aggregated(payload: bytes) -> Iterator[int]:
    """The kinds of the first units in a packet; a machine has no reason to send more."""
    at = 1
    for _ in range(MAX_AGGREGATED):
        if at + 2 >= len(payload):
            return
        yield payload[at + 2] & 0x1F
        at += 2 + int.from_bytes(payload[at : at + 2], "big")
