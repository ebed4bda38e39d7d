"""What is wrong on a session's path, judged from what the gateway said in a few seconds. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from fanlight.host import Finding
from fanlight.wire import (
    ConnectionId,
    ConnectionReport,
    ConnectionStats,
    MediaFlow,
    Message,
    SessionDescribed,
    ViewerDescribed,
)

SLOW_ENCODER_MS = 40.0
"""A picture at 25 frames a second; encoders that take longer fall behind what they are asked."""
MUCH_LOSS = 0.05
"""Repairs hide less (measured: 2 % of loss cost nothing visible); more is seen as stutter."""
LONG_ROUND_TRIP_MS = 250.0
"""What hands on a keyboard call slow."""


@dataclass
class Heard:
    """What the gateway said of one session while it was listened to."""

    described: SessionDescribed | None = None
    flow: MediaFlow | None = None
    """The last that came after the description."""
    stats: dict[ConnectionId, list[ConnectionStats]] = field(default_factory=dict)
    reports: dict[ConnectionId, list[ConnectionReport]] = field(default_factory=dict)

    def take(self, message: Message) -> None:
        """Keep what counts of what was said."""
        match message:
            case SessionDescribed():
                self.described = message
            case MediaFlow() if self.described:
                self.flow = message
            case ConnectionStats(connection=connection):
                self.stats.setdefault(connection, []).append(message)
            case ConnectionReport(connection=connection):
                self.reports.setdefault(connection, []).append(message)
            case _:
                pass


def diagnose(heard: Heard) -> list[Finding]:
    """Give what was found of machine, encoder and viewers, in the picture's order."""
    described = heard.described
    if described is None or not described.known:
        text = "the gateway answers, but does not hold this session"
        remedy = "Restart `fanlight serve`; if it stays, end the session."
        return [Finding("gateway", "bad", text, remedy, "gateway-unreachable")]
    findings = [_machine(heard, described), *_encoder(heard.flow), *_malformed(heard.flow)]
    if not described.viewers:
        findings.append(
            Finding("viewers", "note", "nobody watches at the moment", "", "nobody-watches")
        )
    for viewer in described.viewers:
        findings += _viewer(heard, viewer)
    return findings


def _machine(heard: Heard, described: SessionDescribed) -> Finding:
    if not described.machine:
        text = "the gateway has no machine's media for this session"
        remedy = "A booting machine comes by itself; otherwise end the session."
        return Finding("media", "bad", text, remedy, "no-picture")
    came = heard.flow.packets - described.packets if heard.flow else 0
    if came <= 0:
        text = "no RTP came from the machine although a key frame was asked for"
        remedy = "Its media process or display hangs: end the session and start a new one."
        return Finding("media", "bad", text, remedy, "machine-silent")
    lost = heard.flow.lost if heard.flow else 0
    text = f"{came} packets came from the machine, {lost} were lost so far"
    return Finding("media", "good", f"{text}; codec {described.codec}")


def _encoder(flow: MediaFlow | None) -> list[Finding]:
    if flow is None or not flow.encoder:
        return []
    text = f"{flow.encoder}, {flow.encode_ms:.0f} ms a picture, {flow.frames_per_s} fps"
    text += f", asked for {flow.target_kbps} kbit/s, scale {flow.scale_percent} %"
    if flow.encode_ms > SLOW_ENCODER_MS:
        remedy = "Run fewer sessions at a time, or lower bitrate_kbps."
        return [Finding("encoder", "note", text, remedy, "encoder-slow")]
    return [Finding("encoder", "good", text)]


def _malformed(flow: MediaFlow | None) -> list[Finding]:
    if flow is None or not flow.malformed:
        return []
    text = f"{flow.malformed} packets of the machine were no picture, and dropped"
    remedy = "A program in the machine writes to its media port; end the session."
    return [Finding("media", "note", text, remedy, "packets-malformed")]


def _viewer(heard: Heard, viewer: ViewerDescribed) -> list[Finding]:
    name = f"viewer {str(viewer.connection)[:8]}"
    findings = [_path(name, viewer, heard.stats.get(viewer.connection, []))]
    if findings[0].level == "bad":
        return findings
    findings += _sent(name, heard.stats.get(viewer.connection, []))
    return findings + _seen(name, heard.reports.get(viewer.connection, []))


def _path(name: str, viewer: ViewerDescribed, stats: list[ConnectionStats]) -> Finding:
    role = "controls" if viewer.controls else "watches"
    if viewer.kind == "websocket":
        return Finding(name, "good", f"{role} over a WebSocket")
    candidates = f"{viewer.candidates_taken} of its candidates checked"
    if viewer.candidates_refused:
        candidates += f", {viewer.candidates_refused} refused (viewer_networks, or names)"
    offered = "; ".join(viewer.offered) or "none yet"
    if viewer.state == "connected":
        last = stats[-1] if stats else None
        pair = f", pair {last.pair}" if last and last.pair else ""
        way = last.transport if last else "udp"
        return Finding(name, "good", f"{role} over WebRTC, {way}{pair}; {candidates}")
    text = f"WebRTC is {viewer.state}; the gateway offered {offered}; {candidates}"
    if viewer.state == "disconnected":
        remedy = "Its network is gone; the page comes back by itself."
        return Finding(name, "bad", text, remedy, "network-lost")
    remedy = "One of the gateway's candidates must be reachable for it, or a TURN server (--turn)."
    return Finding(name, "bad", text, remedy, "path-not-found")


def _sent(name: str, stats: list[ConnectionStats]) -> list[Finding]:
    if not stats:
        return []
    first, last = stats[0], stats[-1]
    sent, lost = last.packets_sent - first.packets_sent, last.packets_lost - first.packets_lost
    share = lost / sent if sent > 0 and lost > 0 else 0.0
    text = f"{last.packets_sent} packets sent, {last.packets_lost} lost"
    text += f", round trip {last.round_trip_ms:.0f} ms, jitter {last.jitter_ms:.0f} ms"
    if last.estimate_kbps:
        text += f", path carries {last.estimate_kbps} kbit/s"
    if share > MUCH_LOSS or last.round_trip_ms > LONG_ROUND_TRIP_MS:
        remedy = "If every viewer is slow it is this host's uplink, else that viewer's network."
        return [Finding(name, "note", text, remedy, "slow-path")]
    return [Finding(name, "good", text)]


def _seen(name: str, reports: list[ConnectionReport]) -> list[Finding]:
    if not reports:
        return []
    last = reports[-1].figures
    text = f"it is on {last.rung}, has decoded {last.frames_decoded} pictures"
    text += f", was frozen for {last.freeze_ms / 1000:.1f} s, shows {last.frames_per_s:.0f} fps"
    if last.latency_ms:
        text += f", {last.latency_ms:.0f} ms behind the machine"
    if not last.frames_decoded and last.kbps:
        remedy = "Its browser shows nothing of what it gets: another browser, or codec vp8."
        return [Finding(name, "bad", text, remedy, "picture-not-shown")]
    return [Finding(name, "good", text)]
