"""How well each viewer of one session sees it: events for who follows, figures, and the log.

What viewers and machines say is made inert and brought into its range here: they may lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from fanlight import log, wire
from fanlight.wire import ConnectionId, SessionId
from fanlight.wire.messages.input import Rung

from . import metrics
from .reasons import inert
from .timeline import Timeline

RUNGS: tuple[str, ...] = get_args(Rung)
ENCODER_MAX = 40
FIRST_FRAME_MOST_MS = 600_000.0

_log = log.get("controller")


@dataclass
class Viewed:
    """What is known of one connection's picture."""

    report: wire.ViewerFigures | None = None
    rung: str = metrics.OTHER
    freeze_ms: float = 0.0
    dropped: int = 0
    sending: metrics.SendingCounted = field(default_factory=metrics.SendingCounted)


class Sight:
    """Hears of pictures. `since_ms` gives the milliseconds since the session's request."""

    def __init__(
        self,
        session: SessionId,
        timeline: Timeline,
        *,
        machine: Callable[[], Mapping[str, float]],
        since_ms: Callable[[], float],
        on_mark: Callable[[], None],
        tell: Callable[[dict[str, Any]], None],
    ) -> None:
        """`machine` gives the machine's steps; `on_mark` hears of each viewer's first picture;
        `tell` is given each `quality` event.
        """
        self.session, self.timeline = session, timeline
        self._machine, self._since_ms = machine, since_ms
        self._on_mark, self._tell = on_mark, tell
        self._viewed: dict[ConnectionId, Viewed] = {}
        self._flow: wire.MediaFlow | None = None
        self.is_silent = False
        """Whether the machine sends nothing although frames are wanted of it."""
        self._counted = metrics.FlowCounted()

    # --- a connection's way ----------------------------------------------------------------------

    def asked(self, connection: ConnectionId) -> None:
        """A viewer asks for the picture."""
        self.timeline.mark(connection, "offer", self._since_ms())

    def answered(self, connection: ConnectionId) -> None:
        """It was answered."""
        self.timeline.mark(connection, "answer", self._since_ms())

    def _sent_first(self, connection: ConnectionId) -> None:
        is_first = not any("first_frame" in way.marks for way in self.timeline.ways.values())
        if self.timeline.mark(connection, "first_frame", self._since_ms()):
            if is_first:
                metrics.FIRST_FRAME.observe(self._since_ms() / 1000)
            self._on_mark()
            told = self.timeline.told(connection, self._machine())
            _log.info("first frame", session=self.session, connection=connection, **told)

    def failed(self, connection: ConnectionId, code: str) -> None:
        """It ends without a picture, or its picture ends unasked."""
        cause = code if code in metrics.FAILURES else metrics.OTHER
        metrics.FAILED.labels(cause).inc()
        has_seen = self.timeline.has(connection, "first_frame")
        if not has_seen and self.timeline.mark(
            connection, "failed", self._since_ms(), detail=inert(code, 64)
        ):
            told = self.timeline.told(connection, self._machine())
            _log.warning(
                "no picture", session=self.session, connection=connection, cause=code, **told
            )

    def gone(self, connection: ConnectionId) -> None:
        """It is closed."""
        viewed = self._viewed.pop(connection, None)
        if viewed is not None:
            metrics.VIEWERS_BY_RUNG.labels(viewed.rung).dec()

    def forget(self) -> None:
        """The session is over."""
        for connection in list(self._viewed):
            self.gone(connection)

    # --- figures ---------------------------------------------------------------------------------

    def hear(self, message: wire.Message, *, alive: Callable[[ConnectionId], bool]) -> None:
        """Take what the gateway says of pictures; `alive`: whether it is a connection of ours."""
        match message:
            case wire.MediaFlow():
                had_come = self._flow is not None and self._flow.flowing
                self.is_silent = not message.flowing and (self.is_silent or had_come)
                self._flow = message
                self._counted.take(message)
                if message.flowing and message.encode_ms > 0:
                    metrics.ENCODE.observe(bounded(message.encode_ms, 10_000) / 1000)
            case wire.ConnectionState(_, connection, "connected"):
                self.timeline.mark(connection, "connected", self._since_ms())
            case wire.FirstFrameSent(_, connection):
                self._sent_first(connection)
            case wire.ConnectionReport() if alive(message.connection):
                self._reported(message.connection, message.figures)
            case wire.ConnectionStats() if alive(message.connection):
                viewed = self._viewed_by(message.connection)
                if viewed.report is None:
                    self._is_on(viewed, guessed_rung(message))
                viewed.sending.take(message, viewed.rung)
                self._tell(self._quality(message, viewed))
            case _:
                pass

    def _viewed_by(self, connection: ConnectionId) -> Viewed:
        viewed = self._viewed.get(connection)
        if viewed is None:
            viewed = self._viewed[connection] = Viewed()
            metrics.VIEWERS_BY_RUNG.labels(viewed.rung).inc()
        return viewed

    def _is_on(self, viewed: Viewed, rung: str) -> None:
        if rung != viewed.rung:
            metrics.VIEWERS_BY_RUNG.labels(viewed.rung).dec()
            metrics.VIEWERS_BY_RUNG.labels(rung).inc()
            viewed.rung = rung

    def _reported(self, connection: ConnectionId, figures: wire.ViewerFigures) -> None:
        viewed = self._viewed_by(connection)
        rung = figures.rung if figures.rung in RUNGS else metrics.OTHER
        self._is_on(viewed, rung)
        _observe(figures, rung)
        freeze_ms = max(viewed.freeze_ms, bounded(figures.freeze_ms, 1e9))
        metrics.FREEZES.labels(rung).inc((freeze_ms - viewed.freeze_ms) / 1000)
        dropped = max(viewed.dropped, int(bounded(figures.frames_dropped, 1e9)))
        metrics.FRAMES_DROPPED.labels(rung).inc(dropped - viewed.dropped)
        viewed.report, viewed.freeze_ms, viewed.dropped = figures, freeze_ms, dropped
        if figures.frames_decoded > 0:
            self._seen(connection, rung, bounded(figures.first_frame_ms, FIRST_FRAME_MOST_MS))

    def _seen(self, connection: ConnectionId, rung: str, took_ms: float) -> None:
        way = self.timeline.ways.get(connection)
        if way is None or "decoded" in way.marks:
            return
        now_ms = self._since_ms()
        # The report comes up to two seconds later than the frame that it tells of.
        seen_ms = min(now_ms, way.marks.get("offer", now_ms) + took_ms) if took_ms else now_ms
        self.timeline.mark(connection, "decoded", seen_ms, detail=rung)
        if took_ms:
            metrics.CONNECT.labels(rung).observe(took_ms / 1000)
        told = self.timeline.told(connection, self._machine())
        ids = {"session": self.session, "connection": connection}
        _log.info("first picture seen", **ids, rung=rung, viewer_ms=round(took_ms), **told)
        self._on_mark()

    def _quality(self, stats: wire.ConnectionStats, viewed: Viewed) -> dict[str, Any]:
        said, flow = viewed.report, self._flow
        return {
            "connectionId": stats.connection,
            "rung": None if viewed.rung == metrics.OTHER else viewed.rung,
            "score": _known(said.score, 5) if said else None,
            "latencyMs": _known(said.latency_ms, 1e6) if said else None,
            "roundTripMs": bounded(stats.round_trip_ms, 1e6)
            or (bounded(said.round_trip_ms, 1e6) if said else 0.0),
            "jitterMs": bounded(said.jitter_ms if said else stats.jitter_ms, 1e6),
            "lossPercent": bounded(said.loss_percent, 100) if said else None,
            "framesPerSecond": bounded(said.frames_per_s, 1000) if said else None,
            "kbps": bounded(said.kbps, 1e7) if said else None,
            "freezeMs": bounded(said.freeze_ms, 1e9) if said else None,
            "estimateKbps": stats.estimate_kbps or None,
            "targetKbps": stats.target_kbps or (flow.target_kbps if flow else 0) or None,
            "layer": stats.layer,
            "encoder": inert(flow.encoder, ENCODER_MAX) if flow else "",
            "encodeMs": bounded(flow.encode_ms, 10_000) if flow else 0.0,
            "scale": bounded(flow.scale_percent, 100) if flow else 100,
            "packetsSent": stats.packets_sent,
            "packetsLost": stats.packets_lost,
            "bytesSent": stats.bytes_sent,
            "framesSkipped": stats.frames_skipped,
            "keyFramesWanted": stats.key_frames_wanted,
            "inputsRefused": stats.inputs_refused,
        }


def bounded(value: float, most: float) -> float:
    """Give a figure that somebody else said as one from 0 to `most`; what is no number is 0."""
    return 0.0 if math.isnan(value) else min(max(0.0, value), most)


def guessed_rung(stats: wire.ConnectionStats) -> str:
    """Give the rung of a viewer that does not say it; relayed pictures look alike from here."""
    if stats.transport == "websocket":
        return "websocket"
    if "relay" in stats.pair:
        return metrics.OTHER
    return stats.transport


def _known(value: float, most: float) -> float | None:
    return bounded(value, most) or None


def _observe(figures: wire.ViewerFigures, rung: str) -> None:
    known = (
        (metrics.SCORE, bounded(figures.score, 5)),
        (metrics.LATENCY, bounded(figures.latency_ms, 60_000) / 1000),
        (metrics.ROUND_TRIP, bounded(figures.round_trip_ms, 60_000) / 1000),
    )
    for metric, value in known:
        if value:  # 0: the viewer does not know it yet
            metric.labels(rung).observe(value)
    metrics.JITTER.labels(rung).observe(bounded(figures.jitter_ms, 60_000) / 1000)
    metrics.LOSS.labels(rung).observe(bounded(figures.loss_percent, 100) / 100)
    metrics.FRAMES_PER_SECOND.labels(rung).observe(bounded(figures.frames_per_s, 1000))
