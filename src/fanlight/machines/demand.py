"""How many machines should wait for a session, and which to make or give up next. Pure.

Times are seconds of one clock, given by the caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from fanlight.wire import MachineRef

BURST_S, REMEMBERED_S = 15.0, 600.0
"""As many starts as came within the first span, which is about what it takes to refill, at some
time in the second, are expected to come at once again."""
STARTS_REMEMBERED = 256
STAGGER = 0.25
"""Of the greatest age: by so much, at most, a machine is replaced early, each by another share, so
that what was made at once is not replaced at once."""

Tag = str
"""Of a kind of machine: made for the same, of the same."""
Room = Literal["enough", "tight", "short"]
"""The host's memory: for one machine more; for those there are; not even for them."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How large the pool is. Seconds; machines."""

    machines: int = 1
    """Of each kind that is in use; 0: none wait."""
    most: int = 4
    """Of all kinds together, however many sessions were started lately."""
    max_age_s: float = 3600.0
    quiet_s: float = 3600.0
    """A kind that no session asked for in this time is not in use."""


@dataclass(frozen=True, slots=True)
class Idle:
    """A machine that waits."""

    ref: MachineRef
    tag: Tag
    born_at: float


@dataclass(frozen=True, slots=True)
class Make:
    """Make one more of a kind."""

    tag: Tag


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Destroy one that waits."""

    ref: MachineRef
    why: Literal["unwanted", "aged", "memory"]


class Demand:
    """What sessions asked for lately."""

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._asked: dict[Tag, deque[float]] = {}

    def asked(self, tag: Tag, now: float) -> None:
        """A session asked for a machine of this kind, whether one was ready or not."""
        self._asked.setdefault(tag, deque(maxlen=STARTS_REMEMBERED)).append(now)

    def in_use(self, tag: Tag, now: float) -> None:
        """Take a kind for one in use, as machines of it wait since before the controller came."""
        if tag not in self._asked:
            self.asked(tag, now)

    def wanted(self, now: float) -> dict[Tag, int]:
        """Give how many of each kind should wait: at most `most` altogether.

        Every kind in use gets one before any gets two; those asked for last come first.
        """
        settings = self._settings
        self._forget(now)
        tags = sorted(self._asked, key=lambda tag: -self._asked[tag][-1])
        each = {tag: max(settings.machines, self._burst(tag, now)) for tag in tags}
        if settings.machines <= 0:
            return {}
        left = settings.most
        wanted: dict[Tag, int] = {}
        for tag in tags:
            wanted[tag] = min(1, left)
            left -= wanted[tag]
        for tag in tags:
            more = min(each[tag] - wanted[tag], left)
            wanted[tag] += more
            left -= more
        return {tag: count for tag, count in wanted.items() if count}

    def _forget(self, now: float) -> None:
        for tag in list(self._asked):
            if now - self._asked[tag][-1] >= self._settings.quiet_s:
                del self._asked[tag]

    def _burst(self, tag: Tag, now: float) -> int:
        """The most starts within `BURST_S`."""
        times = [at for at in self._asked[tag] if now - at < REMEMBERED_S]
        return max((sum(0 <= at - first < BURST_S for at in times) for first in times), default=0)


def next_step(
    idle: Iterable[Idle], wanted: Mapping[Tag, int], now: float, *, room: Room, max_age_s: float
) -> Make | GiveUp | None:
    """Give the one thing to do next; None: it is as it should be.

    A machine that got too old goes once another has taken its place, if there is room for both.
    """
    eldest = sorted(idle, key=lambda each: each.born_at)
    if room == "short":
        return GiveUp(eldest[0].ref, "memory") if eldest else None
    for each in eldest:
        if not wanted.get(each.tag):
            return GiveUp(each.ref, "unwanted")
    aged = {each.ref for each in eldest if is_aged(each, now, max_age_s)}
    for tag, count in wanted.items():
        have = [each for each in eldest if each.tag == tag]
        fresh = [each for each in have if each.ref not in aged]
        if len(fresh) < count and room == "enough":
            return Make(tag)
        if have and have[0].ref in aged:
            return GiveUp(have[0].ref, "aged")
        if len(have) > count:
            return GiveUp(have[0].ref, "unwanted")
    return None


def is_aged(idle: Idle, now: float, max_age_s: float) -> bool:
    """Whether a machine has waited for too long."""
    share = sum(idle.ref.encode()) % 64 / 64
    return now - idle.born_at >= max_age_s * (1 - STAGGER * share)
