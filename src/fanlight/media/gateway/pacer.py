"""Sends a viewer's packets no faster than its path takes them. Pure.

A key frame of 100 kB sent at once overflows the queue of a slow path, and takes everything else
with it. What a path of the estimated rate takes within a moment goes out at once, so that on a
good path nothing ever waits; the rest follows at the pacing rate.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

BURST_S = 0.04
MIN_BURST_BYTES = 3000
TURN_S = 0.005
"""How long to wait between two bursts, about."""


@dataclass
class Pacer:
    """A queue of packets and a level of bytes that may go out now. Times in seconds."""

    kbps: float
    """The rate of sending; the level never holds more than `BURST_S` of it."""
    _queue: deque[bytes] = field(default_factory=deque)
    _level: float = 0.0
    _at: float = float("-inf")
    queued_bytes: int = 0

    def add(self, packets: list[bytes]) -> None:
        """Queue packets behind those that wait."""
        self._queue.extend(packets)
        self.queued_bytes += sum(map(len, packets))

    def take(self, now: float) -> list[bytes]:
        """Give the packets that go out now."""
        bytes_per_s = max(self.kbps, 1.0) * 125
        most = max(bytes_per_s * BURST_S, MIN_BURST_BYTES)
        self._level = min(most, self._level + max(0.0, min(now - self._at, 1.0)) * bytes_per_s)
        self._at = now
        taken: list[bytes] = []
        while self._queue and self._level > 0:
            packet = self._queue.popleft()
            self._level -= len(packet)
            taken.append(packet)
        self.queued_bytes -= sum(map(len, taken))
        return taken

    def wait_s(self) -> float | None:
        """How long until more may go out, in seconds; None: nothing waits."""
        if not self._queue:
            return None
        return max(TURN_S, -self._level / (max(self.kbps, 1.0) * 125))

    @property
    def queued_s(self) -> float:
        """How long it takes to send what waits."""
        return self.queued_bytes / (max(self.kbps, 1.0) * 125)

    def clear(self) -> None:
        """Give up what waits."""
        self._queue.clear()
        self.queued_bytes = 0
