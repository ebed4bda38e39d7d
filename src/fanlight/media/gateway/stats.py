"""What of webrtcbin's statistics is told on. Reads a Gst.Structure; tells plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

_CLOCK_KHZ = 90.0


@dataclass(frozen=True, slots=True)
class RemoteReport:
    """What the viewer's last receiver report said, and the way it came."""

    round_trip_ms: float = 0.0
    packets_lost: int = 0
    fraction_lost: float = 0.0
    """Since the report before, 0 to 1."""
    jitter_ms: float = 0.0
    transport: Literal["udp", "tcp"] = "udp"
    pair: str = ""
    """The pair of candidates that ICE chose, as `kind address port -> kind address port`."""


def remote_report(stats: Any) -> RemoteReport:
    """Find the viewer's receiver report among webrtcbin's statistics, if there is one."""
    parts = _parts(stats)
    report = next((part for part in parts.values() if part.has_field("round-trip-time")), None)
    lost = int(_number(report, "packets-lost"))
    source = report.get_value("gst-rtpsource-stats") if report is not None else None
    transport, pair = _pair(parts)
    return RemoteReport(
        round_trip_ms=max(0.0, _number(report, "round-trip-time")) * 1000.0,
        packets_lost=max(0, lost),
        fraction_lost=min(max(0.0, _number(report, "fraction-lost")), 1.0),
        jitter_ms=max(0.0, _number(source, "rb-jitter")) / _CLOCK_KHZ,
        transport=transport,
        pair=pair,
    )


def _parts(stats: Any) -> dict[str, Any]:
    names = [stats.nth_field_name(index) for index in range(stats.n_fields())]
    parts = {name: stats.get_value(name) for name in names}
    return {name: part for name, part in parts.items() if hasattr(part, "has_field")}


def _number(part: Any, name: str) -> float:
    return float(part.get_value(name) or 0) if part is not None and part.has_field(name) else 0.0


def _pair(parts: dict[str, Any]) -> tuple[Literal["udp", "tcp"], str]:
    """The chosen pair. Which candidate is whose is said by the pair: 1.22 mixes up their types."""
    pair = next((part for part in parts.values() if part.has_field("local-candidate-id")), None)
    if pair is None:
        return "udp", ""
    ends = [parts.get(pair.get_value(f"{side}-candidate-id")) for side in ("local", "remote")]
    words = [
        f"{end.get_value('candidate-type')} {end.get_value('address')} {end.get_value('port')}"
        for end in ends
        if end is not None
    ]
    is_tcp = any(end is not None and end.get_value("protocol") == "tcp" for end in ends)
    return "tcp" if is_tcp else "udp", " -> ".join(words)
