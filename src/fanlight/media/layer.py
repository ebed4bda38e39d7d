"""One layer of a machine's picture: when it is due, and the encoder that makes it."""

from __future__ import annotations

import dataclasses

from .damage import Schedule
from .encoder import Encoder, Encoding
from .rtcp import Target
from .x11 import Picture

AMPLE = 2.5
"""A path that carries so many times the encoder's rate carries its peaks too."""


class Layer:
    """An encoder with its schedule, and the target that it keeps to.

    Targets come from outside and only ever lower what the machine was made for.

    Raises:
        EncoderFailed: the encoder cannot be built.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.encoder = Encoder(encoding)
        self.schedule = Schedule(frame_gap_s=1 / encoding.frames_per_s)
        self.target = Target(encoding.bitrate_kbps, encoding.frames_per_s)
        self._is_bound = False

    def apply(self, target: Target) -> None:
        """Encode like this from the next picture on."""
        kept = dataclasses.replace(
            target,
            kbps=min(target.kbps, self.encoding.bitrate_kbps),
            frames_per_s=min(target.frames_per_s, self.encoding.frames_per_s),
        )
        is_bound = target.kbps < AMPLE * self.encoding.bitrate_kbps
        if (kept, is_bound) == (self.target, self._is_bound):
            return
        before, self.target, self._is_bound = self.target, kept, is_bound
        self.encoder.spend(kept.kbps, is_bound=is_bound)
        self.schedule.frame_gap_s = 1 / kept.frames_per_s
        if kept.scale_percent != before.scale_percent:
            self.encoder.scale(kept.scale_percent)
            self.schedule.key_frame_wanted()

    def begin(self, picture: Picture) -> None:
        """Begin, or go on with pictures of this size."""
        self.encoder.start(picture.width_px, picture.height_px)
        self.schedule.key_frame_wanted()

    def send(self, picture: Picture, read_at: float, now: float) -> None:
        """Encode what was read of the display at `read_at` (seconds)."""
        if self.schedule.sending(now):
            self.encoder.want_key_frame()
        self.encoder.push(picture.address, picture.size_bytes, read_at)

    @property
    def is_due_at(self) -> float | None:
        """When a picture should go out; None: not before something happens."""
        return self.schedule.due_at()

    def close(self) -> None:
        """Stop encoding."""
        self.encoder.close()
