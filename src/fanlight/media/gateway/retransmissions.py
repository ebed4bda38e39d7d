"""Which lost packets are sent again: each once a round trip, and together a share of the path.

A viewer behind a full queue misses packets and asks for them again and again. Sent again each
time, they fill the queue that lost them: at 1 Mbit/s 20 Mbit/s of retransmissions were measured,
and no picture came through for as long as the path was slow. Pure.
"""

from __future__ import annotations

from collections import OrderedDict

from .limits import TokenBucket

SHARE = 0.4
"""Of the path's estimate; 10 % of loss need 11 % of what is sent."""
BURST_PACKETS = 40.0
PACKET_KBIT = 1200 * 8 / 1000
GAP_S = 0.03
"""A packet is not sent again within this and a round trip: what was sent is underway."""
HOPELESS, WITHIN_S = 30, 1.0
"""With so many requests in so many seconds that the path has no room for, a key frame is shorter.
A few now and then are asked for again, and find room."""
_REMEMBERED = 1024


class RetransmissionGate:
    """For the one thread that receives a viewer's requests; `path` may be called by another."""

    def __init__(self) -> None:
        self._bucket = TokenBucket(300.0, BURST_PACKETS)
        self._gap_s = 2 * GAP_S
        self._sent: OrderedDict[int, float] = OrderedDict()
        self.refused = 0
        self._without_room = 0
        self._counted_from = float("-inf")

    def path(self, kbps: float, round_trip_s: float) -> None:
        """Say what the path carries now."""
        self._bucket.rate = max(SHARE * kbps / PACKET_KBIT, 5.0)
        self._gap_s = GAP_S + min(round_trip_s, 0.5)

    @property
    def is_hopeless(self) -> bool:
        """Whether more is missing than can be sent again, since `begin_anew`."""
        return self._without_room >= HOPELESS

    def begin_anew(self) -> None:
        """Forget what was asked for: a key frame makes it needless."""
        self._without_room = 0

    def take(self, number: int, now: float) -> bool:
        """Whether the packet of this sequence number is sent again at `now` (seconds)."""
        sent_at = self._sent.get(number)
        if sent_at is not None and now - sent_at < self._gap_s:
            self.refused += 1
            return False
        if not self._bucket.take(now):
            self.refused += 1
            self._count(now)
            return False
        self._sent[number] = now
        self._sent.move_to_end(number)
        if len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)
        return True

    def _count(self, now: float) -> None:
        if now - self._counted_from > WITHIN_S:
            self._counted_from, self._without_room = now, 0
        self._without_room += 1
