"""What of webrtcbin's statistics is told on. Reads a Gst.Structure; tells plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RemoteReport:
    """What the viewer's last receiver report said."""

    round_trip_ms: float = 0.0
    packets_lost: int = 0


def remote_report(stats: Any) -> RemoteReport:
    """Find the viewer's receiver report among webrtcbin's statistics, if there is one."""
    for index in range(stats.n_fields()):
        part = stats.get_value(stats.nth_field_name(index))
        if not hasattr(part, "has_field") or not part.has_field("round-trip-time"):
            continue
        if part.has_field("packets-lost"):
            round_trip_s = float(part.get_value("round-trip-time") or 0.0)
            lost = int(part.get_value("packets-lost") or 0)
            return RemoteReport(max(0.0, round_trip_s) * 1000.0, max(0, lost))
    return RemoteReport()
