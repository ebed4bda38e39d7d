"""How many bits a second a viewer's path carries, from when packets were sent and arrived. Pure.

Delay-based and loss-based, like Google's congestion control (draft-ietf-rmcat-gcc-02), with what a
desktop needs otherwise. A desktop is still most of the time and then sends a burst:

- *Overuse* is a queue that does not empty (the least delay of the last packets over the least of
  all, RFC 6817's way), or one that grows while less is sent than the path was taken to carry; not
  any rising delay (GCC section 5.4), because a burst raises the delay of its own packets on every
  path. The gradient says whether the queue is being emptied already.
- *Growth needs evidence* (GCC section 5.5 has 1.5 times the rate received; an idle desktop has
  received nothing): what arrived, or bursts that came out of the path as fast as they went in. The
  pacer sends bursts at 2.5 times the estimate, so every larger frame is a probe, and no padding is
  sent. Without evidence the estimate stays as it is, however long.
- *Loss without a queue is taken for chance up to a fifth* (GCC section 6 has a tenth): 10 % at
  random on a radio link must not ruin the picture, and retransmissions cover it.

Whatever tells when things arrived can feed it: transport-wide feedback, or acknowledgements.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from .path_delay import PathDelay
from .trains import Trains

START_KBPS = 3000.0
FLOOR_KBPS = 100.0
CEILING_KBPS = 30_000.0
BACK_OFF = 0.85
"""GCC section 5.5's beta: what of the measured rate is asked for after overuse."""
GROWTH_PER_S = 1.08
"""GCC section 5.5's eta, while most of the estimate is in use."""
STEP, STEP_GAP_S = 1.5, 0.4
"""How far, and how often, bursts may raise the estimate."""
BUSY_SHARE = 0.65
"""With so much of the estimate in use, that all of it arrives is evidence for a little more."""
HELD_GROWTH_PER_S, HELD_AFTER_S, HELD_UP_TO_KBPS = 1.15, 3.0, 2000.0
"""How an estimate grows that holds the picture down: with fewer frames, or smaller ones, a picture
makes too little evidence that more is possible, and would stay so for ever."""
RATE_WINDOW_S = 0.5
LOSS_WINDOW = 100
"""Packets over which loss is judged: with fewer, 10 % at random may look like 20."""
LOSS_LIMIT = 0.2
SETTLE_S = 0.3
"""After a step down this long and a round trip pass before the next: it has to show first."""
REBASE_S = 2.0
SHARE_OF_PROOF = 0.9
"""What of a rate that bursts have shown is asked for: at all of it the queue never empties."""
SHARE_FOR_PICTURE = 0.9
"""The rest is for packets' headers, retransmissions, and frames larger than asked for."""
DRAIN_S, LEAST_SHARE = 0.4, 0.25
"""A queue so long leaves only the least share for the picture until it is gone."""
PACE = 2.5
"""Bursts go out at this multiple of the estimate (libwebrtc's pacer does the same)."""
DISTRUST_S, DISTRUST_MAX_S = 3.0, 16.0
"""How long bursts are not believed after they were wrong; twice as long when they are again."""
SILENCE_S = 1.5
KNOWN_AFTER = 20
_REMEMBERED = 4096
_WRAP = 1 << 16


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of one packet. Times in seconds, each end's on a clock of its own."""

    number: int
    """Counts up by one for each packet sent; may wrap at 65536. Told twice, the later counts."""
    sent_at: float
    arrived_at: float | None
    """None: it had not arrived when this was told."""
    size_bytes: int


@dataclass
class Estimator:
    """Feed it with `feed`, ask `kbps`. `now` is always the sender's clock, in seconds."""

    kbps: float = START_KBPS
    """What the path is taken to carry."""
    ceiling_kbps: float = CEILING_KBPS
    is_overused: bool = False
    is_draining: bool = False
    """Too much waits on the path, and it is getting less."""
    is_held: bool = False
    """Whether the picture has fewer frames, or is smaller, because of this estimate."""
    round_trip_s: float = 0.1
    heard: int = 0
    """Packets that were told of so far."""
    ignored: int = 0
    """Reports that made no sense."""
    _delay: PathDelay = field(default_factory=PathDelay)
    _trains: Trains = field(default_factory=Trains)
    _arrived: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _newest: float = float("-inf")
    """When the last packet arrived, on the viewer's clock."""
    _known: dict[int, bool] = field(default_factory=dict)
    _fates: deque[bool] = field(default_factory=lambda: deque(maxlen=LOSS_WINDOW))
    _heard_at: float | None = None
    _fell_at: float = float("-inf")
    _stepped_at: float = float("-inf")
    _overused_since: float | None = None
    _queue_then_s: float = 0.0
    _limit_kbps: float | None = None
    _distrust_s: float = DISTRUST_S
    _distrusted_until: float = float("-inf")

    @property
    def is_known(self) -> bool:
        """Whether enough was heard to be more than a guess."""
        return self.heard >= KNOWN_AFTER

    @property
    def queue_s(self) -> float:
        """What waited on the path when it was last heard of, in seconds."""
        return self._delay.queue_s

    def queue_at(self, now: float) -> float:
        """What waits on the path at `now` if nothing is sent meanwhile, in seconds."""
        since_s = 0.0 if self._heard_at is None else now - self._heard_at
        return max(0.0, self.queue_s - since_s)

    @property
    def target_kbps(self) -> float:
        """What the picture may take: less while a queue on the path has to get empty."""
        if not self._delay.is_queue_standing:
            return SHARE_FOR_PICTURE * self.kbps
        share = max(LEAST_SHARE, 1 - self.queue_s / DRAIN_S)
        return SHARE_FOR_PICTURE * share * self.kbps

    @property
    def pacing_kbps(self) -> float:
        """How fast packets may follow one another."""
        is_careful = self._delay.is_queue_standing or not self.is_known
        return self.kbps if is_careful else PACE * self.kbps

    @property
    def loss(self) -> float:
        """The share of the last packets that was lost, 0 to 1."""
        return sum(self._fates) / len(self._fates) if self._fates else 0.0

    def feed(self, arrivals: Iterable[Arrival], now: float) -> None:
        """Take what the viewer says of packets, in the order in which they were sent."""
        fresh = [arrival for arrival in arrivals if self._is_news(arrival, now)]
        if not fresh:
            return
        passed_s = 0.0 if self._heard_at is None else min(now - self._heard_at, 1.0)
        self._heard_at = now
        for arrival in fresh:
            self._take(arrival)
        self._forget_old()
        self._delay.look_back()
        self._judge(now, passed_s)

    def report(self, *, loss: float, round_trip_s: float, now: float) -> None:
        """Take a receiver report (RFC 3550 6.4.1) of a viewer that tells no arrivals.

        `loss` is the fraction lost since the last report, 0 to 1. Delay is not seen, so GCC's
        rule for loss holds as it stands (section 6).
        """
        self.round_trip_s = max(0.0, round_trip_s)
        if self._heard_at is not None or not 0 <= loss <= 1:
            return
        if loss > 0.1:
            self._set(self.kbps * (1 - 0.5 * loss), now)
        elif loss < 0.02:
            self._set(self.kbps * 1.05, now)

    def tick(self, now: float, *, last_sent_at: float | None) -> None:
        """Note the time, about twice a second: without feedback the estimate is halved, once."""
        is_asked = last_sent_at is not None and self._heard_at is not None
        if not is_asked or last_sent_at is None or self._heard_at is None:
            return
        is_silent = last_sent_at > self._heard_at and now - self._heard_at > SILENCE_S
        if is_silent and self._fell_at < self._heard_at:
            self._set(self.kbps / 2, now)

    # --- what came ----------------------------------------------------------------------------

    def _is_news(self, arrival: Arrival, now: float) -> bool:
        """Whether it says something new that can be true."""
        makes_sense = 0 < arrival.size_bytes <= _WRAP * 256 and now - 30 < arrival.sent_at <= now
        if not makes_sense:
            self.ignored += 1
            return False
        number = arrival.number % _WRAP
        before = self._known.pop(number, None)
        self._known[number] = arrival.arrived_at is not None
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        if before is None:
            return True
        if before is False and arrival.arrived_at is not None and True in self._fates:
            self._fates.remove(True)  # late, not lost
            self._fates.append(False)
        return False

    def _take(self, arrival: Arrival) -> None:
        self.heard += 1
        self._fates.append(arrival.arrived_at is None)
        if arrival.arrived_at is None:
            return
        at = arrival.arrived_at
        # A clock that jumps back was set, or the viewer is talking nonsense: begin anew.
        self._newest = at if at < self._newest - 10 else max(self._newest, at)
        self._arrived.append((at, arrival.size_bytes))
        self._delay.add(arrival.sent_at, arrival.arrived_at, arrival.size_bytes)
        self._trains.add(arrival.sent_at, arrival.arrived_at, arrival.size_bytes)

    def _forget_old(self) -> None:
        while self._arrived and self._arrived[0][0] < self._newest - RATE_WINDOW_S:
            self._arrived.popleft()

    def received_kbps(self) -> float:
        """What arrived over the last half second."""
        if len(self._arrived) < 2:
            return 0.0
        return sum(size for _, size in self._arrived) * 8 / RATE_WINDOW_S / 1000

    def _through_kbps(self) -> float:
        """What comes through while something waits: the path's rate, if anything does."""
        busy = self._delay.busy_kbps()
        return self.received_kbps() if busy is None else max(busy, self.received_kbps())

    # --- what it means ------------------------------------------------------------------------

    def _judge(self, now: float, passed_s: float) -> None:
        over = self._delay.is_queue_standing
        surge = self._delay.surge_kbps()
        self.is_draining = over and self._delay.is_falling
        self.is_overused = over and not self._delay.is_falling
        if not over:
            self._overused_since = None
        elif self._overused_since is None:
            self._overused_since, self._queue_then_s = now, self.queue_s
        if surge is not None and surge < BACK_OFF * self.kbps:
            self._fall(surge, now)
        elif over and self._is_longer_path(now):
            self._delay.rebase()
            self._overused_since = None
        elif self.is_overused:
            self._fall(self._through_kbps(), now)
        elif len(self._fates) == LOSS_WINDOW and self.loss > LOSS_LIMIT:
            self._lose(now)
        elif not over and surge is None:
            self._grow(now, passed_s)

    def _is_longer_path(self, now: float) -> bool:
        """Whether less was sent for a while and as much waits as before: then it is no queue."""
        since = self._overused_since
        is_long = since is not None and now - since > REBASE_S + 2 * self.round_trip_s
        return is_long and self.queue_s > 0.8 * self._queue_then_s

    def _has_settled(self, now: float) -> bool:
        return now - self._fell_at > SETTLE_S + self.round_trip_s

    def _fall(self, through_kbps: float, now: float) -> None:
        if not self._has_settled(now):
            return
        self._limit_kbps = through_kbps
        if now - self._stepped_at < 2.0:
            # What the bursts promised did not hold: they passed a shaper that lets bursts through.
            self._distrusted_until = now + self._distrust_s
            self._distrust_s = min(2 * self._distrust_s, DISTRUST_MAX_S)
        elif now - self._stepped_at < 10.0:
            self._distrust_s = DISTRUST_S
        self._set(min(self.kbps, BACK_OFF * through_kbps), now)

    def _lose(self, now: float) -> None:
        """More than chance is lost: a shallow queue, or a policer."""
        if self._has_settled(now):
            self._limit_kbps = self._through_kbps()
            loss = self.loss
            self._fates.clear()
            self._set(max(BACK_OFF * self.received_kbps(), self.kbps * (1 - loss / 2)), now)

    def _set(self, kbps: float, now: float) -> None:
        if kbps < self.kbps:
            self._fell_at = now
        self.kbps = min(max(kbps, FLOOR_KBPS), self.ceiling_kbps)

    def _grow(self, now: float, passed_s: float) -> None:
        if not self._has_settled(now):
            return
        proven = SHARE_OF_PROOF * self._trains.proven_kbps(now)
        is_trusted = now >= self._distrusted_until
        if proven > 1.1 * self.kbps and is_trusted and now - self._stepped_at >= STEP_GAP_S:
            self._stepped_at = now
            self._trains.forget()
            self._set(min(proven, STEP * self.kbps), now)
            return
        received = self.received_kbps()
        if received < BUSY_SHARE * self.kbps:
            if self.is_held and now - self._fell_at > HELD_AFTER_S:
                grown = min(self.kbps * HELD_GROWTH_PER_S**passed_s, HELD_UP_TO_KBPS)
                self._set(max(self.kbps, grown), now)
            return
        grown = self.kbps * GROWTH_PER_S**passed_s
        if self._limit_kbps is not None and self.kbps > 0.9 * self._limit_kbps:
            # Near where the path was full: a packet a round trip (GCC 5.5's additive increase).
            grown = self.kbps + passed_s * 9.6 / max(self.round_trip_s, 0.05) * 0.5
            if self.kbps > 1.3 * self._limit_kbps:
                self._limit_kbps, self._distrust_s = None, DISTRUST_S
        self._set(max(self.kbps, min(grown, 1.5 * received + 10)), now)
