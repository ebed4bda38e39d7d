"""What is counted. Names are public: dashboards are built on them (docs/reference/metrics.md).

Labels are few and known beforehand: no id of a session, a person or an address is one. What
viewers say of themselves may be a lie, so it is brought into its range first (`sight.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

from fanlight.errors import GatewayUnavailable, OfferRejected
from fanlight.session.causes import CAUSES
from fanlight.session.meanings import NOTICES
from fanlight.wire import ConnectionStats, MediaFlow

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_BOOT = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
_CONNECT = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0, 60.0)
_WAITED = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0)
_LATENCY = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 3.0)
_JITTER = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25)
_LOSS = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_SCORE = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.2, 4.5, 5.0)
_FPS = (1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 60.0)

OTHER = "other"
"""The label of what is not known."""
FAILURES = frozenset({*CAUSES, *NOTICES, GatewayUnavailable.code, OfferRejected.code})
"""Why a connection can have failed; any other code is counted as `other`."""


@dataclass(frozen=True, slots=True)
class Described:
    """A metric, as docs/reference/metrics.md lists it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


_described: list[Described] = []


def _counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
    _described.append(Described(f"{name}_total", "counter", tuple(labels), text))
    return Counter(name, text, labels)


def _gauge(name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
    _described.append(Described(name, "gauge", tuple(labels), text))
    return Gauge(name, text, labels)


def _histogram(
    name: str, text: str, labels: Sequence[str] = (), *, buckets: Sequence[float]
) -> Histogram:
    _described.append(Described(name, "histogram", tuple(labels), text))
    return Histogram(name, text, labels, buckets=buckets)


def described() -> Iterator[Described]:
    """Give every metric of the controller's, in the order of its name."""
    yield from sorted(_described, key=lambda each: each.name)


# --- sessions -----------------------------------------------------------------------------------

SESSIONS_STARTED = _counter(
    "fanlight_sessions_started", "Sessions that were asked for and accepted", ["tool"]
)
SESSIONS_ENDED = _counter("fanlight_sessions_ended", "Sessions that are over", ["reason"])
SESSIONS_EXTENDED = _counter("fanlight_sessions_extended", "Times a session's end was put off")
SESSIONS = _gauge("fanlight_sessions", "Sessions that are not over")
STAGE = _histogram(
    "fanlight_stage_seconds", "From the request to a stage", ["stage"], buckets=_BOOT
)
OFFER_TO_ANSWER = _histogram(
    "fanlight_offer_to_answer_seconds", "From a viewer's offer to its answer", buckets=_FAST
)
FIRST_FRAME = _histogram(
    "fanlight_first_frame_seconds",
    "From the request of a session to the first frame sent to any viewer",
    buckets=_BOOT,
)
MACHINES_RESTED = _counter(
    "fanlight_machines_rested", "Machines that were written to disk as nobody looked"
)
ORPHANS_REMOVED = _counter(
    "fanlight_orphans_removed",
    "What was left on the host and belonged to no machine, by kind, and was removed",
    ["kind"],
)
WARM_MACHINES = _gauge("fanlight_warm_machines", "Machines that wait for a session")
WARM_STARTS = _counter(
    "fanlight_warm_starts",
    "Sessions that could be given a machine that waits, by whether one did (hit, miss)",
    ["found"],
)
WARM_AGE = _histogram(
    "fanlight_warm_age_seconds",
    "How long a machine had waited when a session was given it",
    buckets=_WAITED,
)
EGRESS_REFUSED = _counter(
    "fanlight_egress_refused",
    "Connections of machines that were refused, by a closed list of reasons",
    ["reason"],
)
GATEWAY_RESTARTS = _counter("fanlight_gateway_restarts", "Times the gateway was spawned again")
LINKS_BROKEN = _counter("fanlight_links_broken", "Links to guests that ended unasked", ["why"])
MACHINE_PACKETS = _counter(
    "fanlight_machine_packets", "RTP packets of machines at the gateway", ["fate"]
)
ENCODE = _histogram(
    "fanlight_encode_seconds",
    "From reading the display to the frame's first packet, as machines measure it",
    buckets=_JITTER,
)

# --- viewers ------------------------------------------------------------------------------------

VIEWERS = _gauge("fanlight_viewers", "Viewers that look at a session now")
VIEWERS_BY_RUNG = _gauge(
    "fanlight_viewers_by_rung", "Viewers by the way their picture takes", ["rung"]
)
CONNECT = _histogram(
    "fanlight_connect_seconds",
    "From a viewer's wish for a picture to its first frame shown, as the viewer measured it",
    ["rung"],
    buckets=_CONNECT,
)
FAILED = _counter(
    "fanlight_viewers_failed",
    "Viewers' connections that had no picture, or lost it, by cause",
    ["cause"],
)
SCORE = _histogram(
    "fanlight_viewer_score", "Score of a viewer's picture, every 2 s", ["rung"], buckets=_SCORE
)
LATENCY = _histogram(
    "fanlight_viewer_latency_seconds",
    "From reading the machine's display to showing it, every 2 s",
    ["rung"],
    buckets=_LATENCY,
)
ROUND_TRIP = _histogram(
    "fanlight_viewer_round_trip_seconds",
    "Round trip between viewer and gateway, every 2 s",
    ["rung"],
    buckets=_LATENCY,
)
JITTER = _histogram(
    "fanlight_viewer_jitter_seconds", "Jitter at a viewer, every 2 s", ["rung"], buckets=_JITTER
)
LOSS = _histogram(
    "fanlight_viewer_loss_ratio",
    "Share of packets that a viewer lost lately, every 2 s",
    ["rung"],
    buckets=_LOSS,
)
FRAMES_PER_SECOND = _histogram(
    "fanlight_viewer_frames_per_second",
    "Frames a viewer decoded in a second, every 2 s; a still picture has few",
    ["rung"],
    buckets=_FPS,
)
FREEZES = _counter(
    "fanlight_viewer_freeze_seconds", "Time viewers waited for a frame that was due", ["rung"]
)
FRAMES_DROPPED = _counter(
    "fanlight_viewer_frames_dropped", "Frames that browsers decoded or got and did not show",
    ["rung"],
)  # fmt: skip
BYTES_SENT = _counter("fanlight_viewer_bytes_sent", "Bytes of picture sent to viewers", ["rung"])
FRAMES_SKIPPED = _counter(
    "fanlight_viewer_frames_skipped",
    "Frames left out because a viewer's path did not take them",
    ["rung"],
)
KEY_FRAMES_WANTED = _counter(
    "fanlight_viewer_key_frames_wanted", "Key frames that viewers asked for", ["rung"]
)
INPUTS_REFUSED = _counter(
    "fanlight_inputs_refused", "Messages of viewers that were not taken: no control, or too many"
)
CANDIDATES_REFUSED = _counter(
    "fanlight_candidates_refused",
    "ICE candidates that are not checked: malformed, private, or too many",
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


class SendingCounted:
    """Adds what the gateway tells of one connection, a total each time, to the figures."""

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}

    def take(self, stats: ConnectionStats, rung: str) -> None:
        """Count what is new since the last time."""
        BYTES_SENT.labels(rung).inc(self._new("bytes", stats.bytes_sent))
        FRAMES_SKIPPED.labels(rung).inc(self._new("skipped", stats.frames_skipped))
        KEY_FRAMES_WANTED.labels(rung).inc(self._new("wanted", stats.key_frames_wanted))
        INPUTS_REFUSED.inc(self._new("inputs", stats.inputs_refused))
        CANDIDATES_REFUSED.inc(self._new("candidates", stats.candidates_refused))

    def _new(self, name: str, total: int) -> int:
        before, self._totals[name] = self._totals.get(name, 0), total
        return max(0, total - before)


def orphans_removed(directories: int, control_groups: int, processes: int) -> None:
    """Count what the keeper found to be nobody's."""
    ORPHANS_REMOVED.labels("directory").inc(directories)
    ORPHANS_REMOVED.labels("control_group").inc(control_groups)
    ORPHANS_REMOVED.labels("process").inc(processes)
