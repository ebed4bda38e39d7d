"""What waits on a path, from when packets were sent and arrived. Pure.

The clocks of the two ends differ by something unknown that drifts slowly: only differences of
delays are used, against the least delay seen in the last while (RFC 6817 section 4.2).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

BASE_BUCKETS, BASE_BUCKET_S = 10, 3.0
"""The least delay is remembered for half a minute: clocks drift, paths change."""
STANDING_S = 0.025
"""A queue this long that does not empty is too long; jitter is added to it."""
LOOK_BACK_S, LOOK_BACK_PACKETS = 0.15, 10
LOOK_BACK_MAX_S = 1.0
JITTER_SHARE = 1 / 32
JITTER_WEIGHT = 2.0
JITTER_MAX_S = 0.05
SLOPE_FLAT = 0.03
"""Seconds a second: a delay that changes less is neither growing nor falling."""
SURGE_S, SURGE_PACKETS, SURGE_TAIL = 0.06, 8, 4
"""A delay that has grown by so much, over so many packets, to the last few of them: a surge."""
WAITED_S = 0.005
"""A packet so late has waited for others."""


class _Seen(NamedTuple):
    sent_at: float
    delay: float
    size_bytes: int


@dataclass
class PathDelay:
    """Feed packets with `add`, then `look_back`; the rest is what was seen."""

    queue_s: float = 0.0
    """The least that waited lately: what the path does not get rid of."""
    slope: float = 0.0
    """How fast the delay grows, in seconds a second."""
    jitter_s: float = 0.0
    _has_verdict: bool = False
    _base: deque[tuple[float, float]] = field(default_factory=deque)
    _recent: deque[_Seen] = field(default_factory=deque)
    _previous: tuple[float, float] | None = None

    def add(self, sent_at: float, arrived_at: float, size_bytes: int) -> None:
        """Note a packet that arrived (seconds, each on its end's clock)."""
        delay = arrived_at - sent_at
        self._note_jitter(sent_at, delay)
        self._note_base(sent_at, delay)
        self._recent.append(_Seen(sent_at, delay, size_bytes))
        while self._recent[0].sent_at < sent_at - LOOK_BACK_MAX_S:
            self._recent.popleft()

    def _note_jitter(self, sent_at: float, delay: float) -> None:
        """RFC 3550 6.4.1's, but of packets that came sooner than the one before them only.

        A queue makes each packet later than the one before; only chance makes one sooner.
        """
        if self._previous is not None and sent_at - self._previous[0] < 0.02:
            sooner = max(0.0, self._previous[1] - delay)
            self.jitter_s += (min(2 * sooner, 0.2) - self.jitter_s) * JITTER_SHARE
        self._previous = sent_at, delay

    def _note_base(self, sent_at: float, delay: float) -> None:
        if not self._base or sent_at - self._base[-1][0] > BASE_BUCKET_S:
            self._base.append((sent_at, delay))
            if len(self._base) > BASE_BUCKETS:
                self._base.popleft()
        elif delay < self._base[-1][1]:
            self._base[-1] = self._base[-1][0], delay

    @property
    def base_s(self) -> float:
        """The least delay remembered, with the unknown offset of the clocks."""
        return min(delay for _, delay in self._base)

    def look_back(self) -> None:
        """Judge the last packets: at least so many, over at least so long, or there is none."""
        if not self._recent:
            return
        newest = self._recent[-1].sent_at
        seen = [item for item in self._recent if item.sent_at >= newest - LOOK_BACK_S]
        if len(seen) < LOOK_BACK_PACKETS:
            seen = list(self._recent)[-LOOK_BACK_PACKETS:]
        span_s = newest - seen[0].sent_at
        self._has_verdict = len(seen) >= LOOK_BACK_PACKETS and span_s >= LOOK_BACK_S / 2
        # A queue that is empty anywhere in between is none that stays.
        self.queue_s = max(0.0, min(item.delay for item in seen) - self.base_s)
        if self._has_verdict:
            self.slope = _slope(list(self._recent))

    @property
    def threshold_s(self) -> float:
        """From which queue on it is too long."""
        return STANDING_S + min(JITTER_WEIGHT * self.jitter_s, JITTER_MAX_S)

    @property
    def is_queue_standing(self) -> bool:
        """Whether more than chance waits, and has for a while."""
        return self._has_verdict and self.queue_s > self.threshold_s

    @property
    def is_falling(self) -> bool:
        """Whether it gets less."""
        return self.slope < -SLOPE_FLAT

    def surge_kbps(self) -> float | None:
        """The rate at which packets arrive while each is later than the one before.

        This is seen at once, where a queue that stands is seen only when packets have passed it:
        what surges is what the path carries. None: nothing surges.
        """
        seen = list(self._recent)
        start = min(range(len(seen)), key=lambda i: seen[i].delay, default=0)
        after = seen[start + 1 :]
        if len(after) < SURGE_PACKETS:
            return None
        grown_s = min(item.delay for item in after[-SURGE_TAIL:]) - seen[start].delay
        if grown_s < SURGE_S + 3 * min(self.jitter_s, JITTER_MAX_S):
            return None
        took_s = after[-1].sent_at + after[-1].delay - seen[start].sent_at - seen[start].delay
        return sum(item.size_bytes for item in after) / max(took_s, 0.01) / 125

    def busy_kbps(self) -> float | None:
        """The rate of the path while packets waited on it, which leaves out when none was sent.

        A packet that had to wait left as soon as the one before it had: the time between the two
        is what its own bits took. None: too few waited.
        """
        size, took_s, count = 0, 0.0, 0
        seen = sorted((item.sent_at + item.delay, item) for item in self._recent)
        for (before_at, _), (at, item) in pairwise(seen):
            if item.delay - self.base_s > WAITED_S + min(self.jitter_s, JITTER_MAX_S):
                size, took_s, count = size + item.size_bytes, took_s + at - before_at, count + 1
        if count < SURGE_TAIL or took_s <= 0:
            return None
        return size / took_s / 125

    def rebase(self) -> None:
        """Take the delay of now for the least: the path has become longer."""
        if not self._recent:
            return
        self._base.clear()
        for item in self._recent:
            self._note_base(item.sent_at, item.delay)
        self.queue_s = 0.0


def _slope(points: list[_Seen]) -> float:
    """The least-squares line's gradient over the last 0.3 s (or ten packets)."""
    newest = points[-1].sent_at
    used = [point for point in points if point.sent_at >= newest - 2 * LOOK_BACK_S]
    if len(used) < LOOK_BACK_PACKETS:
        used = points[-LOOK_BACK_PACKETS:]
    count = len(used)
    mean_x = sum(point.sent_at for point in used) / count
    mean_y = sum(point.delay for point in used) / count
    spread = sum((point.sent_at - mean_x) ** 2 for point in used)
    if spread <= 0:
        return 0.0
    return sum((p.sent_at - mean_x) * (p.delay - mean_y) for p in used) / spread
