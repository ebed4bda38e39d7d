"""One viewer's sequence numbers and timestamps, unbroken whatever happens to the source. Pure."""

from __future__ import annotations

CLOCK_HZ = 90_000
_WRAP = 1 << 32


class Timeline:
    """Maps the timestamps of one machine after another to one that only goes forward."""

    def __init__(self, *, first_sequence: int, first_timestamp: int) -> None:
        self._sequence = first_sequence & 0xFFFF
        self._last, self._last_at = first_timestamp % _WRAP, 0.0
        self._offset = 0
        self._source: object = None

    def timestamp(self, source: object, timestamp: int, now: float) -> int:
        """Give the viewer's timestamp for a frame of `source` (a machine's stream), in 1/90000 s.

        When the source is another than before, time goes on by what passed on the clock `now`
        (seconds).
        """
        if source is not self._source:
            passed = int((now - self._last_at) * CLOCK_HZ) if self._source is not None else 0
            self._offset = (self._last + max(passed, 1) - timestamp) % _WRAP
            self._source = source
        self._last = (timestamp + self._offset) % _WRAP
        self._last_at = now
        return self._last

    def sequences(self, count: int) -> range:
        """Take the next `count` sequence numbers; they may pass 65535, and wrap when written."""
        first = self._sequence
        self._sequence = (first + count) & 0xFFFF
        return range(first, first + count)
