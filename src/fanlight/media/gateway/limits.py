"""What the gateway allows: counts, sizes, rates, times. All in one place, none a magic number.

Pure: time comes in as an argument, in seconds of any steady clock.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit of the gateway, with its unit in its name."""

    connections_per_session: int = 32
    connections: int = 256
    sessions: int = 1024
    controllers: int = 16
    """Connections to the gateway's own socket."""
    offer_bytes: int = 262_144
    candidates_per_connection: int = 64
    input_bytes: int = 65_536
    inputs_per_s: float = 1000.0
    input_burst: float = 1000.0
    inputs_queued: int = 512
    """Messages held for a machine that does not read its control socket."""
    viewer_queue_bytes: int = 1_000_000
    """Unsent bytes of one viewer; past it frames are left out until the next key frame."""
    viewer_queue_s: float = 0.6
    """How old a frame may get before it reaches a viewer; the same follows."""
    retransmission_s: float = 1.0
    retransmission_packets: int = 2000
    """For how long, and how many, sent packets are kept to be sent again: after a second a picture
    without them is better started anew."""
    catch_up_s: float = 0.5
    """A viewer that was behind gets its next key frame this much later, or more: each key frame
    is sent to everybody."""
    feedbacks_per_s: float = 50.0
    """Of one viewer. Chromium says 10 to 20 a second; what is more is dropped."""
    arrivals_per_feedback: int = 512
    """Reading one takes 5 us; 30 Mbit/s make 150 in the 50 ms between two feedbacks."""
    key_frame_interval_s: float = 0.2
    key_frame_patience_s: float = 0.5
    gathering_s: float = 0.2
    """How long to wait for a missing host candidate. They come within 5 ms; `complete` needs
    200 ms, which libnice spends waiting for a UPnP router."""
    answer_s: float = 4.0
    connecting_s: float = 30.0
    silent_s: float = 8.0
    """A viewer not heard for so long is said to be disconnected. Players report every second;
    libnice needs 50 s to notice that one is gone."""
    stats_s: float = 2.0
    backlog_bytes: int = 16 << 20
    """Unread events of one controller; past it its connection is dropped."""


class TokenBucket:
    """Lets through `rate` things a second, and `burst` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self._burst = rate, burst
        self._level, self._filled_at = burst, 0.0

    def take(self, now: float) -> bool:
        """Whether one more may pass at `now` (seconds)."""
        grown = max(0.0, now - self._filled_at) * self.rate
        self._level = min(self._burst, self._level + grown)
        self._filled_at = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True
