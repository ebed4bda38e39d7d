"""When to ask the machine for a key frame.

Pure: time comes in as an argument, in seconds. A viewer that lost packets asks, and asks again; if
each request reached the encoder, it would make nothing but key frames (302 in 15 s were measured).
So requests are coalesced to one in `interval_s`; any key frame that arrives answers all of them.
A new viewer does not wait for the interval.
"""

from __future__ import annotations


class KeyFrameRequests:
    """Says when to send a PLI: `want()` and `due()` give True when one must go out now."""

    def __init__(self, *, interval_s: float, patience_s: float) -> None:
        self._interval_s, self._patience_s = interval_s, patience_s
        self._sent_at = float("-inf")
        self._asked_at: float | None = None
        """When the oldest unanswered request was made."""
        self._unsent = False

    def want(self, now: float, *, new_viewer: bool = False) -> bool:
        """A key frame is wanted; True: ask the machine now."""
        if self._asked_at is None:
            self._asked_at = now
        interval_s = self._interval_s / 4 if new_viewer else self._interval_s
        if now - self._sent_at < interval_s:
            self._unsent = True
            return False
        self._sent(now)
        return True

    def due(self, now: float) -> bool:
        """To be asked now and then; True: a request that waited, or was not answered, goes out."""
        if self._asked_at is None:
            return False
        interval_s = self._interval_s if self._unsent else self._patience_s
        if now - self._sent_at < interval_s:
            return False
        self._sent(now)
        return True

    def next_due(self) -> float | None:
        """When `due` will be true, in seconds of the same clock; None: nothing is wanted."""
        if self._asked_at is None:
            return None
        return self._sent_at + (self._interval_s if self._unsent else self._patience_s)

    def arrived(self) -> None:
        """A whole key frame came: everyone who asked has it."""
        self._asked_at, self._unsent = None, False

    def unanswered_s(self, now: float) -> float:
        """For how long a request has had no answer, in seconds."""
        return 0.0 if self._asked_at is None else now - self._asked_at

    def _sent(self, now: float) -> None:
        self._sent_at, self._unsent = now, False
