"""Packet trains: bursts that show what a path carries, without sending anything extra. Pure.

Packets that leave within a few milliseconds of one another are a train. If it takes no longer to
arrive than it took to leave, the path carries at least that rate; if it was stretched, the rate at
which it arrived is the path's (packet dispersion, RFC 5136 section 2.3 has the terms).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

GAP_S = 0.012
"""Packets further apart belong to different trains; the pacer's pauses are shorter."""
MIN_PACKETS, MIN_BYTES = 3, 2500
ENOUGH_BYTES = 24_000
"""What the trains that prove something must hold together: short ones are bunched by chance."""
ENOUGH_TRAINS = 2
WINDOW_S = 2.0
_REMEMBERED = 256
"""More trains than a window can hold, one each `GAP_S`; on a full path nobody asks for them."""


@dataclass
class _Train:
    sent_from: float
    sent_to: float
    arrived_from: float
    arrived_to: float
    first_bytes: int
    size_bytes: int = 0
    packets: int = 1


@dataclass
class Trains:
    """Feed packets in sending order; ask what was proven lately."""

    _open: _Train | None = None
    _done: deque[tuple[float, float, int]] = field(
        default_factory=lambda: deque(maxlen=_REMEMBERED)
    )
    """(when sent, seconds on the slower side, bytes)"""

    def add(self, sent_at: float, arrived_at: float, size_bytes: int) -> None:
        """Note a packet that arrived."""
        train = self._open
        if train is None or not 0 <= sent_at - train.sent_to <= GAP_S:
            self._close()
            self._open = _Train(sent_at, sent_at, arrived_at, arrived_at, size_bytes)
            return
        train.sent_to = sent_at
        train.arrived_to = max(train.arrived_to, arrived_at)
        train.size_bytes += size_bytes
        train.packets += 1

    def _close(self) -> None:
        train, self._open = self._open, None
        if train is None or train.packets < MIN_PACKETS or train.size_bytes < MIN_BYTES:
            return
        took_s = max(train.sent_to - train.sent_from, train.arrived_to - train.arrived_from)
        if took_s > 0:
            self._done.append((train.sent_to, took_s, train.size_bytes))

    def proven_kbps(self, now: float) -> float:
        """The rate that bursts of the last two seconds came through at; 0: too few of them."""
        while self._done and self._done[0][0] < now - WINDOW_S:
            self._done.popleft()
        size = sum(size for _, _, size in self._done)
        if len(self._done) < ENOUGH_TRAINS or size < ENOUGH_BYTES:
            return 0.0
        return size * 8 / sum(took_s for _, took_s, _ in self._done) / 1000

    def forget(self) -> None:
        """What was proven has been used."""
        self._done.clear()
