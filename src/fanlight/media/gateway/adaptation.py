"""From a bit rate to how the picture is encoded: bit rate first, then frames, then size. Pure.

What a reader of text misses first is sharpness, then smoothness: so the frame rate falls before
the size does. The steps are for 1280x720 and grow with the display (three quarters of the growth
in pixels, since larger pictures have larger even areas). Going down is quick, because the queue is
growing meanwhile; going up needs room to spare, for a while, or the picture would swing.
"""

from __future__ import annotations

from dataclasses import dataclass

from fanlight.media.rtcp import KBPS, Target

STEPS: tuple[tuple[float, int, int], ...] = (
    (1200, 60, 100),
    (600, 20, 100),
    (350, 15, 100),
    (220, 12, 75),
    (120, 10, 50),
    (0, 8, 50),
)
"""(kbit/s from which on, frames a second, percent of the size), for 1280x720."""
REFERENCE_PIXELS = 1280 * 720
GROWTH = 0.75
DOWN_S, UP_S = 0.3, 1.5
UP_FRAMES_S = 1.0
"""More frames cost no key frame, as another size does: they come back sooner."""
DOWN_AT_ONCE = 0.6
ROOM = 1.25


@dataclass
class Adaptation:
    """The step that holds for one layer."""

    step: int = 0
    _wanted: int = 0
    _wanted_since: float = 0.0

    def target(self, kbps: float, pixels: int, now: float) -> Target:
        """Give the target for what a path carries (kbit/s) and a display of so many pixels."""
        rate = kbps / min(max((pixels / REFERENCE_PIXELS) ** GROWTH, 0.3), 6.0)
        wanted = self._fitting(rate)
        if wanted != self._wanted:
            self._wanted, self._wanted_since = wanted, now
        held_s = now - self._wanted_since
        if wanted > self.step:
            if held_s >= DOWN_S or rate < DOWN_AT_ONCE * STEPS[self.step][0]:
                self.step = wanted
        elif wanted < self.step and held_s >= self._patience_s():
            self.step -= 1
            self._wanted_since = now
        _, frames_per_s, scale = STEPS[self.step]
        least, most = KBPS
        return Target(min(max(round(kbps), least), most), frames_per_s, scale)

    def _patience_s(self) -> float:
        """For how long the next step up has to fit before it is taken."""
        is_resized = STEPS[self.step - 1][2] != STEPS[self.step][2]
        return UP_S if is_resized else UP_FRAMES_S

    def _fitting(self, rate: float) -> int:
        """The step for a rate: to get higher than now takes some more than the step itself."""
        for number, (from_kbps, _, _) in enumerate(STEPS):
            if rate >= from_kbps * (ROOM if number < self.step else 1):
                return number
        return len(STEPS) - 1
