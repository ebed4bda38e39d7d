"""What is counted. Names are public: dashboards are built on them."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from fanlight.wire import MediaFlow

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_BOOT = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)

SESSIONS_STARTED = Counter(
    "fanlight_sessions_started", "Sessions that were asked for and accepted", ["tool"]
)
SESSIONS_ENDED = Counter("fanlight_sessions_ended", "Sessions that are over", ["reason"])
SESSIONS = Gauge("fanlight_sessions", "Sessions that are not over")
STAGE = Histogram(
    "fanlight_stage_seconds", "From the request to a stage", ["stage"], buckets=_BOOT
)
OFFER_TO_ANSWER = Histogram(
    "fanlight_offer_to_answer_seconds", "From a viewer's offer to its answer", buckets=_FAST
)
FIRST_FRAME = Histogram(
    "fanlight_first_frame_seconds", "From the request to the first frame sent", buckets=_BOOT
)
VIEWERS = Gauge("fanlight_viewers", "Viewers' connections that are alive")
EGRESS_REFUSED = Counter(
    "fanlight_egress_refused", "Connections of machines that were refused", ["reason"]
)
GATEWAY_RESTARTS = Counter("fanlight_gateway_restarts", "Times the gateway was spawned again")
LINKS_BROKEN = Counter("fanlight_links_broken", "Links to guests that ended unasked", ["why"])
MACHINE_PACKETS = Counter(
    "fanlight_machine_packets", "RTP packets of machines at the gateway", ["fate"]
)


class FlowCounted:
    """Adds what the gateway tells of one session's machine, a total each time, to the figures."""

    def __init__(self) -> None:
        self._totals = {"taken": 0, "lost": 0, "malformed": 0}

    def take(self, flow: MediaFlow) -> None:
        """Count what is new; a total that fell is that of another gateway or machine."""
        totals = {"taken": flow.packets, "lost": flow.lost, "malformed": flow.malformed}
        begins_anew = totals["taken"] < self._totals["taken"]
        for fate, total in totals.items():
            new = total if begins_anew else total - self._totals[fate]
            MACHINE_PACKETS.labels(fate).inc(max(0, new))
        self._totals = totals
