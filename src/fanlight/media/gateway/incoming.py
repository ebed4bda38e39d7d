"""One layer of a machine's picture on its way in: packets to frames, and who needs a key frame.

Pure but for the clock that is handed in with every call (seconds).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .frames import Codec, Frame, FrameAssembler
from .key_frames import KeyFrameRequests
from .limits import Limits
from .rtp import RtpPacket

ANEW_S = 0.3
"""Another SSRC is taken for the layer's when the one before was silent for so long."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a packet came to."""

    frame: Frame | None = None
    is_damaged: bool = False
    """What follows cannot be decoded before a key frame, since this packet or once more."""


class Incoming:
    """A layer's stream. `frame.layer` is its number."""

    def __init__(self, layer: Literal[0, 1], codec: Codec, limits: Limits) -> None:
        self.layer = layer
        self.assembler = FrameAssembler(codec, layer)
        self.requests = KeyFrameRequests(
            interval_s=limits.key_frame_interval_s, patience_s=limits.key_frame_patience_s
        )
        self.ssrc: int | None = None
        self._heard_at = 0.0
        self.key_frames = self.foreign = 0

    def take(self, packet: RtpPacket, now: float) -> Taken:
        """Take one packet of this layer's source."""
        if packet.ssrc != self.ssrc and (self.ssrc is None or now - self._heard_at > ANEW_S):
            # The encoder was made again: only one at a time can send from this layer's port.
            self.ssrc, self.assembler = packet.ssrc, self.assembler.anew()
        if packet.ssrc != self.ssrc:
            self.foreign += 1
            return Taken()
        self._heard_at = now
        was_damaged = self.assembler.damaged
        frame = self.assembler.feed(packet)
        if frame is not None and frame.key:
            self.key_frames += 1
            self.requests.arrived()
        ends_vainly = packet.marker and frame is None
        is_damaged = self.assembler.damaged and (not was_damaged or ends_vainly)
        return Taken(frame, is_damaged)
