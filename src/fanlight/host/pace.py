"""How often something may happen, and how much may pass. Pure; the time is given."""

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


class Meter:
    """A token bucket that goes into debt: what has passed has passed, and the next waits for it.

    So many users of one meter get its rate together, and none needs to know of the others.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens = burst
        self._at_s: float | None = None

    def pass_on(self, amount: float, now_s: float) -> float:
        """Note what passes at `now_s` of some clock; give the seconds to wait before more does.

        A rate of 0 has no limit.
        """
        if self._rate <= 0:
            return 0.0
        before_s = now_s if self._at_s is None else self._at_s
        self._at_s = max(before_s, now_s)
        earned = (self._at_s - before_s) * self._rate
        self._tokens = min(self._burst, self._tokens + earned) - amount
        return max(0.0, -self._tokens / self._rate)
