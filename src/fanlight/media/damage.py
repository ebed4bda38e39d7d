"""When a picture is due: after something was drawn, or somebody needs a key frame. Pure.

Times are seconds of one monotonic clock, given by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field

REFINE_AFTER_S = (0.1, 0.2, 0.35, 0.6, 1.0)
"""When a picture that stays still is encoded again: the encoder spends its bits over time, so the
first picture after a change is coarse, and without further damage it would stay so."""
KEY_FRAME_GAP_S = 0.1
"""Key frames are at least this far apart, whoever asks: they are large."""


@dataclass
class Schedule:
    """Says when to read the display, and when to send what was read once more."""

    frame_gap_s: float = 1 / 60
    _damaged: bool = True
    _key_frame_wanted: bool = False
    _last_frame: float = float("-inf")
    _last_key_frame: float = float("-inf")
    _refine_at: list[float] = field(default_factory=list)

    def damaged(self) -> None:
        """Something was drawn."""
        self._damaged = True

    def key_frame_wanted(self) -> None:
        """A viewer cannot go on without a key frame. Many requests are one."""
        self._key_frame_wanted = True

    def due_at(self) -> float | None:
        """When the next picture should go out; None: not before something happens."""
        times = [self._refine_at[0]] if self._refine_at else []
        if self._damaged:
            times.append(self._last_frame + self.frame_gap_s)
        if self._key_frame_wanted:
            times.append(self._last_key_frame + KEY_FRAME_GAP_S)
        if not times:
            return None
        return max(min(times), self._last_frame + self.frame_gap_s)

    def sending(self, now: float) -> bool:
        """A picture goes out now: whether it must be a key frame."""
        if self._damaged:
            self._refine_at = [now + after for after in REFINE_AFTER_S]
        else:
            self._refine_at = [at for at in self._refine_at if at > now]
        is_key_frame = self._key_frame_wanted and now >= self._last_key_frame + KEY_FRAME_GAP_S
        if is_key_frame:
            self._key_frame_wanted = False
            self._last_key_frame = now
        self._damaged = False
        self._last_frame = now
        return is_key_frame
