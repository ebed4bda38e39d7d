"""When a desktop that has just come up is quiet: the moment for a snapshot."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

NEEDED = frozenset(("agent", "display", "desktop", "media", "browser"))
EVERY_S, QUIET_LOOKS, MOST_LOOKS = 0.5, 6, 120
"""Quiet for 3 s, or after a minute: a desktop that never rests is there all the same."""
BUSY_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Ticks:
    """The processors' time so far, in ticks (proc(5), /proc/stat)."""

    busy: int
    idle: int

    def share_since(self, before: Ticks) -> float:
        """How much of the time between was spent on something: 0 to 1."""
        busy, idle = self.busy - before.busy, self.idle - before.idle
        return busy / max(1, busy + idle)


def read_ticks(text: str) -> Ticks:
    """Read the first line of /proc/stat."""
    user, nice, system, idle, iowait, irq, softirq = map(int, text.split()[1:8])
    return Ticks(user + nice + system + irq + softirq, idle + iowait)


def _ticks() -> Ticks:
    return read_ticks(Path("/proc/stat").read_text())


async def until_quiet() -> None:
    """Return when the processors have had little to do for a while."""
    before, quiet = _ticks(), 0
    for _ in range(MOST_LOOKS):
        await asyncio.sleep(EVERY_S)
        now = _ticks()
        quiet = quiet + 1 if now.share_since(before) < BUSY_SHARE else 0
        before = now
        if quiet >= QUIET_LOOKS:
            return
