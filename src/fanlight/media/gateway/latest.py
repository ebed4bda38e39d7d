"""The picture that a viewer who comes now can begin with. Pure.

A desktop where nothing moves sends nothing: its last key frame, and the little that followed it,
are what it shows now. Who is sent them sees the desktop at once, and its machine, whose encoder
takes as long for a key frame as for anything else, is not asked for another.
"""

from __future__ import annotations

from dataclasses import replace

from .frames import Frame

MOST_BYTES, MOST_FRAMES = 96 << 10, 12
"""A key frame of a quiet 720p desktop has 10 to 60 kB; what is more than this waits longer in a
new viewer's pacer than a key frame takes to be made."""
_STEP = 90
"""What follows is shown at once: a millisecond apart, in 1/90000 s."""


class LatestPicture:
    """Takes every frame of a layer, in order; gives what leads to the last one."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._bytes = 0

    def __bool__(self) -> bool:
        """Whether there is something to begin with."""
        return bool(self._frames)

    def take(self, frame: Frame) -> None:
        """Note a frame that came whole, and can be decoded by who had those before."""
        if frame.key:
            self.spoil()
        elif not self._frames:
            return
        self._frames.append(frame)
        self._bytes += sum(map(len, frame.payloads))
        if self._bytes > MOST_BYTES or len(self._frames) > MOST_FRAMES:
            self.spoil()

    def spoil(self) -> None:
        """What came last cannot be shown: begin anew at the next key frame."""
        self._frames.clear()
        self._bytes = 0

    def frames(self) -> tuple[Frame, ...]:
        """Give a key frame and what followed it, at times of their own; nothing if it is spoilt.

        They are of another source than the machine's: its next frame may come hours later.
        """
        return tuple(
            replace(each, timestamp=number * _STEP) for number, each in enumerate(self._frames)
        )
