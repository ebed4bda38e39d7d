"""Timers by name on the event loop; set again, one moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable


class Timers:
    """A session's timers. A timer is known by its event, of which each core has its own kind."""

    def __init__(self) -> None:
        self._handles: dict[Hashable, asyncio.TimerHandle] = {}

    def set(self, name: Hashable, after_s: float, action: Callable[[], None]) -> None:
        """Call `action` in so many seconds. A timer of the same name is moved."""
        self.cancel(name)
        loop = asyncio.get_running_loop()
        self._handles[name] = loop.call_later(max(0.0, after_s), self._fire, name, action)

    def cancel(self, name: Hashable) -> None:
        """Forget a timer; nothing happens when there is none."""
        if handle := self._handles.pop(name, None):
            handle.cancel()

    def __contains__(self, name: Hashable) -> bool:
        """Whether a timer of this name runs."""
        return name in self._handles

    def clear(self) -> None:
        """Forget every timer."""
        for name in list(self._handles):
            self.cancel(name)

    def _fire(self, name: Hashable, action: Callable[[], None]) -> None:
        self._handles.pop(name, None)
        action()
