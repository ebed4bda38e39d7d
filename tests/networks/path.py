"""One direction of the emulated network: packets go in, and come out later or never.

Pure: the time is given, the chance comes from a seed. A packet meets, in this order, the outage
and the filter, the loss, the bounded queue before the bandwidth, and the delay.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import asdict, dataclass

from .conditions import Direction, Filter
from .packets import kind_of


@dataclass(slots=True)
class Counters:
    """What became of the packets of one direction."""

    taken: int = 0
    delivered: int = 0
    delivered_bytes: int = 0
    lost: int = 0
    overflowed: int = 0
    filtered: int = 0
    cut_off: int = 0
    """Dropped by an outage."""
    held_back: int = 0

    def to_json(self) -> dict[str, int]:
        """Give them as the emulator's control tells them."""
        return asdict(self)


class Path:
    """Packets on their way in one direction. Times are seconds of one clock that never goes back.

    Args:
        to_host: whether the host is where the packets go, so that its port is their target.
        seed: of the losses and jitter.
    """

    def __init__(self, *, to_host: bool, seed: int) -> None:
        self.counters = Counters()
        self._to_host = to_host
        self._chance = random.Random(seed)
        self._is_losing = False
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._sending: tuple[float, bytes] | None = None
        self._delayed: list[tuple[float, int, bytes]] = []
        self._count = 0
        self._last_due = 0.0
        self.change(Direction(), Filter(), outage=False)

    def change(self, direction: Direction, rules: Filter, *, outage: bool) -> None:
        """From now on do this. What is on its way already goes on as it was."""
        self._is = direction
        self._outage = outage
        # Most networks let everything through: then no packet is read.
        self._rules = None if rules == Filter() else rules

    def take(self, packet: bytes, now: float) -> None:
        """A packet comes in."""
        self.counters.taken += 1
        if self._outage:
            self.counters.cut_off += 1
        elif not self._passes(packet):
            self.counters.filtered += 1
        elif self._is.loss and self._is_lost():
            self.counters.lost += 1
        elif self._is.rate_kbps is None and self._sending is None:
            self._delay(packet, now)
        elif self._queued_bytes + len(packet) > self._is.queue_bytes:
            self.counters.overflowed += 1
        else:
            self._queue.append(packet)
            self._queued_bytes += len(packet)
            if self._sending is None:
                self._send_next(now)

    def next_due(self) -> float | None:
        """When something happens next; None: nothing is on its way."""
        times = [self._sending[0]] if self._sending else []
        if self._delayed:
            times.append(self._delayed[0][0])
        return min(times, default=None)

    def leaving(self, now: float) -> list[bytes]:
        """Give what comes out by now, in order."""
        while self._sending and self._sending[0] <= now:
            sent_at, packet = self._sending
            self._delay(packet, sent_at)
            self._send_next(sent_at)
        out = []
        while self._delayed and self._delayed[0][0] <= now:
            packet = heapq.heappop(self._delayed)[2]
            self.counters.delivered += 1
            self.counters.delivered_bytes += len(packet)
            out.append(packet)
        return out

    def _passes(self, packet: bytes) -> bool:
        if self._rules is None:
            return True
        kind = kind_of(packet)
        return self._rules.takes(kind, kind.target if self._to_host else kind.source)

    def _is_lost(self) -> bool:
        """Gilbert's model: two states, lost in one of them; bursts of 1 are plain chance."""
        loss, burst = self._is.loss, self._is.loss_burst
        if burst <= 1 or loss >= 1:
            return self._chance.random() < loss
        change = 1 / burst if self._is_losing else min(1.0, loss / (burst * (1 - loss)))
        if self._chance.random() < change:
            self._is_losing = not self._is_losing
        return self._is_losing

    def _send_next(self, start: float) -> None:
        """Put the head of the queue on the wire, which takes its bits' time."""
        if not self._queue:
            self._sending = None
            return
        packet = self._queue.popleft()
        self._queued_bytes -= len(packet)
        rate = self._is.rate_kbps
        self._sending = (start + (len(packet) * 8 / (rate * 1000) if rate else 0.0), packet)

    def _delay(self, packet: bytes, start: float) -> None:
        jitter = self._is.jitter_ms
        spread = self._chance.uniform(-jitter, jitter) if jitter else 0.0
        due = start + max(0.0, self._is.delay_ms + spread) / 1000
        if self._is.reorder and self._chance.random() < self._is.reorder:
            self.counters.held_back += 1
            due += self._is.reorder_ms / 1000
        else:
            due = self._last_due = max(due, self._last_due)
        self._count += 1
        heapq.heappush(self._delayed, (due, self._count, packet))
