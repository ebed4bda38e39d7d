"""How often something may happen. Pure; the time is given."""

from __future__ import annotations


class Bucket:
    """A token bucket: `rate` a second on the long run, and `burst` at once after a rest."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens = burst
        self._at_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Take one, if there is one, at `now_s` of some clock. A rate of 0 has no limit."""
        if self._rate <= 0:
            return True
        before_s = now_s if self._at_s is None else self._at_s
        self._at_s = max(before_s, now_s)
        passed_s = self._at_s - before_s
        self._tokens = min(self._burst, self._tokens + passed_s * self._rate)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
