"""A path between a gateway and a viewer, and what is sent over it, simulated in milliseconds.

The path has one bottleneck with a queue (drop-tail), a propagation delay, jitter that may reorder,
random loss, and a way back on which feedback comes every 50 to 100 ms and may get lost itself. The
sender is an encoder that spends its target's bits on every frame (key frames are larger), the
gateway's own pacer, and the gateway's own estimator.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from fanlight.media.gateway.estimator import Arrival, Estimator
from fanlight.media.gateway.pacer import Pacer

STEP_S = 0.001
PACKET_BYTES = 1200
OFFSET_S = 4711.0
"""The viewer's clock is not the gateway's."""


def steady(kbps: float) -> Callable[[float], float]:
    return lambda _: kbps


@dataclass
class Path:
    """What lies between. Rates in kbit/s, times in seconds, shares from 0 to 1."""

    rate_kbps: Callable[[float], float]
    delay_s: float = 0.01
    jitter_s: float = 0.0
    loss: float = 0.0
    queue_bytes: int = 200_000
    feedback_s: float = 0.06
    feedback_loss: float = 0.0


@dataclass
class Run:
    """What was seen: estimates and queues over time, and everything that arrived."""

    estimates: list[tuple[float, float]] = field(default_factory=list)
    queues_s: list[tuple[float, float]] = field(default_factory=list)
    arrived: list[tuple[float, int]] = field(default_factory=list)
    dropped: int = 0

    def estimate(self, since: float, until: float) -> float:
        """The mean estimate of a stretch of time, in kbit/s."""
        seen = [kbps for at, kbps in self.estimates if since <= at < until]
        return sum(seen) / len(seen)

    def lowest(self, since: float, until: float) -> float:
        return min(kbps for at, kbps in self.estimates if since <= at < until)

    def highest(self, since: float, until: float) -> float:
        return max(kbps for at, kbps in self.estimates if since <= at < until)

    def queue_s(self, since: float, until: float, share: float = 0.95) -> float:
        """The queue that was not exceeded in this share of the time."""
        seen = sorted(queue for at, queue in self.queues_s if since <= at < until)
        return seen[int(share * (len(seen) - 1))]

    def first_over(self, kbps: float, since: float) -> float:
        """How long after `since` the estimate first was over `kbps`."""
        return next(at for at, seen in self.estimates if at >= since and seen > kbps) - since


@dataclass
class Encoder:
    """A desktop: `activity` says when something moves on it."""

    frames_per_s: float = 30.0
    activity: Callable[[float], bool] = lambda _: True
    max_kbps: float = 20_000.0
    key_frame_every_s: float = 10.0

    def frame_bytes(self, target_kbps: float, *, key: bool, rng: random.Random) -> int:
        mean = min(target_kbps, self.max_kbps) * 125 / self.frames_per_s
        return max(100, int(mean * rng.lognormvariate(-0.08, 0.4) * (4 if key else 1)))


class _Link:
    def __init__(self, path: Path, rng: random.Random, run: Run) -> None:
        self.path, self.rng, self.run = path, rng, run
        self.free_at = 0.0
        self.packets: list[Arrival] = []

    def send(self, number: int, size: int, now: float) -> None:
        path = self.path
        waiting_s = max(0.0, self.free_at - now)
        arrived_at: float | None = None
        if waiting_s * path.rate_kbps(now) * 125 + size > path.queue_bytes:
            self.run.dropped += 1
        else:
            self.free_at = max(self.free_at, now) + size / (path.rate_kbps(now) * 125)
            if self.rng.random() >= path.loss:
                late_s = path.delay_s + self.rng.random() * path.jitter_s
                arrived_at = self.free_at + late_s
        self.packets.append(Arrival(number, now, arrived_at, size))

    def feedback(self, now: float) -> list[Arrival]:
        """What the viewer says of everything up to the newest packet that has arrived."""
        there = [p for p in self.packets if p.arrived_at is not None and p.arrived_at <= now]
        if not there:
            return []
        last = max(p.number for p in there)
        told = [p for p in self.packets if p.number <= last]
        late = [p for p in told if p.arrived_at is not None and p.arrived_at > now]
        self.packets = [p for p in self.packets if p.number > last] + late
        return [
            Arrival(
                p.number,
                p.sent_at,
                None if p in late or p.arrived_at is None else p.arrived_at + OFFSET_S,
                p.size_bytes,
            )
            for p in told
        ]


def simulate(
    path: Path,
    seconds: float,
    *,
    encoder: Encoder | None = None,
    estimator: Estimator | None = None,
    seed: int = 1,
) -> Run:
    """Run it. Everything random comes from `seed`."""
    rng, run = random.Random(seed), Run()
    encoder, estimator = encoder or Encoder(), estimator or Estimator()
    link, pacer = _Link(path, rng, run), Pacer(estimator.pacing_kbps)
    number, frame_at, key_at, feedback_at, waiting = 0, 0.0, 0.0, path.feedback_s, 0.0
    told: list[tuple[float, list[Arrival]]] = []
    for step in range(int(seconds / STEP_S)):
        now = step * STEP_S
        if now >= frame_at:
            frame_at += 1 / encoder.frames_per_s
            if encoder.activity(now) and pacer.queued_s < 0.5:
                key = now >= key_at
                key_at = now + encoder.key_frame_every_s if key else key_at
                size = encoder.frame_bytes(estimator.target_kbps, key=key, rng=rng)
                pacer.add(
                    [bytes(min(PACKET_BYTES, size - at)) for at in range(0, size, PACKET_BYTES)]
                )
        if now >= waiting:
            pacer.kbps = estimator.pacing_kbps
            for packet in pacer.take(now):
                number += 1
                link.send(number, len(packet), now)
            waiting = now + (pacer.wait_s() or 0.0)
        if now >= feedback_at:
            feedback_at += path.feedback_s * rng.uniform(0.8, 1.6)
            arrivals = link.feedback(now)
            if arrivals and rng.random() >= path.feedback_loss:
                told.append((now + path.delay_s, arrivals))
        while told and told[0][0] <= now:
            estimator.feed(told.pop(0)[1], now)
        if step % 20 == 0:
            run.estimates.append((now, estimator.kbps))
            run.queues_s.append((now, max(0.0, link.free_at - now)))
    return run
