"""A clock that goes when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Hashable


class ManualClock:
    """Timers by name, on a clock that only `advance` moves."""

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s
        self._timers: dict[Hashable, tuple[float, Callable[[], None]]] = {}

    def __call__(self) -> float:
        """Give the time, in seconds: the clock stands where `time.monotonic` would."""
        return self.now_s

    @property
    def timers(self) -> list[Hashable]:
        """The names of the timers that are set, the next to go off first."""
        return sorted(self._timers, key=lambda name: self._timers[name][0])

    def set_timer(self, name: Hashable, after_s: float, action: Callable[[], None]) -> None:
        """Call `action` in `after_s` seconds. A timer of the same name is moved."""
        self._timers[name] = (self.now_s + after_s, action)

    def cancel_timer(self, name: Hashable) -> None:
        """Forget a timer; nothing happens when there is none."""
        self._timers.pop(name, None)

    def fire(self, name: Hashable) -> None:
        """Let one timer go off now, before its time or out of turn."""
        _, action = self._timers.pop(name)
        action()

    def advance(self, seconds: float) -> None:
        """Move on, and let what is due go off in its order, each at its own time."""
        until_s = self.now_s + seconds
        while due := [name for name in self.timers if self._timers[name][0] <= until_s]:
            self.now_s = max(self.now_s, self._timers[due[0]][0])
            self.fire(due[0])
        self.now_s = until_s
