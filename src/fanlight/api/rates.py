"""How often something may be asked for: a bucket for each asker that refills steadily."""

from __future__ import annotations

from collections import OrderedDict

from fanlight.errors import LimitReached

MAX_ASKERS = 10_000
"""Askers remembered; the one unheard of for longest is forgotten first."""


class Rate:
    """At most `per_minute` at once, refilled within a minute. Raises LimitReached beyond."""

    def __init__(self, what: str, per_minute: int) -> None:
        self._what = what
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, asker: str, now: float) -> None:
        """Count one request of `asker` at `now` (seconds)."""
        left, at = self._buckets.pop(asker, (float(self._per_minute), now))
        refilled = left + max(0.0, now - at) * self._per_minute / 60.0
        left = min(float(self._per_minute), refilled)
        allowed = left >= 1.0
        self._buckets[asker] = (left - 1.0 if allowed else left, now)
        while len(self._buckets) > MAX_ASKERS:
            self._buckets.popitem(last=False)
        if not allowed:
            raise LimitReached(
                f"more than {self._per_minute} {self._what} in a minute",
                hint="Wait a moment, then try again.",
            )
