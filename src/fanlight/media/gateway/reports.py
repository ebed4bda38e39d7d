"""What viewers say of what they see, on its way to the controllers. Pure."""

from __future__ import annotations

import dataclasses

from fanlight import wire

INTERVAL_S = 1.0
MOST = {
    "freeze_ms": 1e10,
    "frames_per_s": 1000.0,
    "kbps": 1e7,
    "loss_percent": 100.0,
    "jitter_ms": 1e6,
    "round_trip_ms": 1e6,
    "latency_ms": 1e6,
    "score": 5.0,
    "first_frame_ms": 1e6,
}
MOST_FRAMES = 2**53


class ReportGate:
    """Lets one report a second through, its figures brought into their ranges."""

    def __init__(self) -> None:
        self._taken_at = float("-inf")

    def take(self, figures: wire.ViewerFigures, now: float) -> wire.ViewerFigures | None:
        """Give the figures as they may be told on; None: it is too soon."""
        if now - self._taken_at < INTERVAL_S:
            return None
        self._taken_at = now
        ranged = {name: min(max(0.0, getattr(figures, name)), most) for name, most in MOST.items()}
        return dataclasses.replace(
            figures,
            frames_decoded=min(max(0, figures.frames_decoded), MOST_FRAMES),
            frames_dropped=min(max(0, figures.frames_dropped), MOST_FRAMES),
            **ranged,
        )
