"""What one viewer over a WebSocket has not taken yet, and how fast its path takes it.

Pure: time comes in as an argument, in seconds of any steady clock. A TCP connection delivers
whatever was written to it, so a path that became slow would show the past, ever further back. So
frames go out only while those before are being taken; what is left out then costs a key frame,
once the path is empty again.

The path's rate is told by the standing delay, as CoDel does (RFC 8289 section 3): a queue that is
there only after a key frame says nothing; one that never empties for `STANDING_S` says that more
is sent than the path carries, and then what is taken each second is what it carries. A path that
was full tells more: all that went out, in the time that it took until everything was taken.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

STALE_S = 0.6
"""A viewer sees nothing older than this and the path's own delay, but for what is underway."""
STANDING_S, STANDING_DELAY_S = 0.4, 0.06
BASE_S = 15.0
"""The path's own delay is the least of the last one to two such spans: routes change."""
SHARE = 0.85
"""Of what the path was seen to carry, so that its queue empties."""
GROWTH_PER_S = 0.08
"""How fast more is tried once the queue is gone."""
MOST_KBPS = 8_000
"""What a path is taken to carry that has never held anything up: more than a machine sends."""
LEAST_KBPS = 50


@dataclass(slots=True)
class _Unacked:
    number: int
    size: int
    at: float


class AckWindow:
    """The frames underway to one viewer.

    Args:
        most_bytes: bytes underway at most, whatever the path.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._underway: deque[_Unacked] = deque()
        self.bytes_underway = 0
        self.round_trip_s = 0.0
        """Of the newest frame that was taken."""
        self.estimate_kbps = 0
        """What the path carries, at most `MOST_KBPS`; 0: nothing is known yet."""
        self._acked_at: float | None = None
        self._base = [float("inf"), float("inf")]
        self._base_at = 0.0
        self._recent: deque[tuple[float, float, int]] = deque()
        """(when, round trip in seconds, bytes) of each ack of the last `STANDING_S`."""
        self._judged_at = 0.0
        self._busy_since, self._busy_bytes = 0.0, 0
        """Since something is underway, and how much went out since."""
        self._is_behind = False

    @property
    def is_empty(self) -> bool:
        """Whether the viewer has taken everything."""
        return not self._underway

    def is_full(self, now: float) -> bool:
        """Whether a further frame would be stale before it is seen."""
        if not self._underway:
            return False
        delay_s = min(self._base) if min(self._base) < BASE_S else 0.0
        age_s = now - self._underway[0].at
        return self.bytes_underway >= self._most_bytes or age_s > STALE_S + delay_s

    def unacked_s(self, now: float) -> float:
        """For how long the viewer has taken nothing although something is underway."""
        if not self._underway:
            return 0.0
        since = self._underway[0].at
        return now - (since if self._acked_at is None else max(since, self._acked_at))

    def sent(self, number: int, size: int, now: float) -> None:
        """A frame of `size` bytes went out. Numbers rise."""
        if not self._underway:
            self._busy_since, self._busy_bytes = now, 0
        self._underway.append(_Unacked(number, size, now))
        self.bytes_underway += size
        self._busy_bytes += size

    def fall_behind(self) -> None:
        """A frame was left out because the path is full; no more go out until it is empty."""
        self._is_behind = True

    def unsent(self, number: int) -> None:
        """The frames from this number on never left after all."""
        while self._underway and self._underway[-1].number >= number:
            size = self._underway.pop().size
            self.bytes_underway -= size
            self._busy_bytes -= size
        self._is_behind = self._is_behind and bool(self._underway)

    def acked(self, number: int, now: float) -> bool:
        """Frames up to `number` were taken. False: there are none such (a late word, or a lie)."""
        if not self._underway or not (
            self._underway[0].number <= number <= self._underway[-1].number
        ):
            return False
        taken, sent_at = 0, now
        while self._underway and self._underway[0].number <= number:
            first = self._underway.popleft()
            taken, sent_at = taken + first.size, first.at
        self.bytes_underway -= taken
        self._acked_at = now
        self.round_trip_s = max(0.0, now - sent_at)
        self._learn(taken, now)
        if self._is_behind and not self._underway:
            self._is_behind = False
            self._measure(now)
        return True

    def _learn(self, taken: int, now: float) -> None:
        if now - self._base_at > BASE_S:
            self._base, self._base_at = [self._base[1], float("inf")], now
        self._base[1] = min(self._base[1], self.round_trip_s)
        self._recent.append((now, self.round_trip_s, taken))
        while self._recent and now - self._recent[0][0] > STANDING_S:
            self._recent.popleft()
        if now - self._judged_at >= STANDING_S:
            self._judge(now)

    def _measure(self, now: float) -> None:
        """Everything was taken of what was too much: that is what the path carries."""
        took_s = max(0.1, now - self._busy_since - min(self._base))
        carried = self._busy_bytes * 8 / 1000 / took_s
        self.estimate_kbps = min(MOST_KBPS, max(LEAST_KBPS, int(carried * SHARE)))
        self._recent.clear()
        self._judged_at = now

    def _judge(self, now: float) -> None:
        """Once in `STANDING_S`: say less when a queue stood all the time, more when none did."""
        since_s, self._judged_at = now - self._judged_at, now
        standing_s = min(each[1] for each in self._recent) - min(self._base)
        if standing_s > STANDING_DELAY_S:
            carried = sum(each[2] for each in self._recent) * 8 / 1000 / STANDING_S
            self.estimate_kbps = max(LEAST_KBPS, int(carried * SHARE))
        else:
            known = self.estimate_kbps or MOST_KBPS
            grown = known * (1 + GROWTH_PER_S * min(since_s, 1.0))
            self.estimate_kbps = min(MOST_KBPS, int(grown) + 1)
