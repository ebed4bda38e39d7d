"""Where one viewer's packets leave: paced, and followed by what the viewer says of them.

Runs on the main loop's thread. The rules are in `estimator.py` and `pacer.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from .estimator import Arrival, Estimator
from .gst import GLib
from .pacer import Pacer


class Outlet:
    """Sends packets, through `send`, which gives their bytes, no faster than the path takes."""

    def __init__(self, send: Callable[[list[bytes]], int]) -> None:
        self._send = send
        self.estimator = Estimator()
        self._pacer = Pacer(self.estimator.pacing_kbps)
        self._timer = 0
        self._is_closed = False
        self._sent_at: float | None = None
        self.packets_sent = self.bytes_sent = 0

    def close(self) -> None:
        """Give up what waits."""
        self._is_closed = True
        self._pacer.clear()
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    @property
    def queued_bytes(self) -> int:
        """What was given to `push` and has not left yet."""
        return self._pacer.queued_bytes

    @property
    def queued_s(self) -> float:
        """How old what is pushed now will be when it has reached the viewer, but for the path."""
        return self._pacer.queued_s + self.estimator.queue_at(time.monotonic())

    def push(self, packets: list[bytes]) -> None:
        """Send these behind those that wait; on a good path that is at once."""
        self._pacer.add(packets)
        if not self._timer:
            self._go_on()

    def heard(self, arrivals: Sequence[Arrival]) -> None:
        """Take a viewer's feedback."""
        self.estimator.feed(arrivals, time.monotonic())
        self._pacer.kbps = self.estimator.pacing_kbps

    def tick(self) -> None:
        """Note that time passes: to be called every few seconds at least."""
        self.estimator.tick(time.monotonic(), last_sent_at=self._sent_at)

    def _go_on(self) -> bool:
        self._timer = 0
        if self._is_closed:
            return False
        now = time.monotonic()
        packets = self._pacer.take(now)
        if packets:
            self._sent_at = now
            self.bytes_sent += self._send(packets)
            self.packets_sent += len(packets)
        wait_s = self._pacer.wait_s()
        if wait_s is not None:
            self._timer = GLib.timeout_add(max(1, round(wait_s * 1000)), self._go_on)
        return False
