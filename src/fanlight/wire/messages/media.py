"""Controller and media gateway: sessions, connections, and how they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fanlight.wire.ids import ConnectionId, SessionId

from .input import ViewerFigures
from .naming import named

# --- controller -> gateway ----------------------------------------------------------------------


@named("gateway.hello")
@dataclass(frozen=True, slots=True)
class GatewayHello:
    """First on every connection of the controller's; answered by `gateway.welcome`."""


@named("session.open")
@dataclass(frozen=True, slots=True)
class OpenSession:
    """Take viewers for a session, whether its machine is there or not. Twice is once."""

    session: SessionId
    codec: Literal["vp8", "h264"] = "vp8"


@named("session.close")
@dataclass(frozen=True, slots=True)
class CloseSession:
    """Close every connection of a session and forget it. Of an unknown one: nothing."""

    session: SessionId


@named("connection.open")
@dataclass(frozen=True, slots=True)
class OpenConnection:
    """Answer this offer: `connection.answer` or `connection.rejected` follows, always."""

    session: SessionId
    connection: ConnectionId
    sdp: str
    controls: bool = True


@named("connection.candidate")
@dataclass(frozen=True, slots=True)
class ViewerCandidate:
    """A candidate of the viewer's, as the browser gives it; empty text ends them."""

    session: SessionId
    connection: ConnectionId
    candidate: str
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None


@named("connection.control")
@dataclass(frozen=True, slots=True)
class SetControl:
    """Take this viewer's input, or stop taking it."""

    session: SessionId
    connection: ConnectionId
    controls: bool


@named("connection.close")
@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Close one connection. Of an unknown one: nothing."""

    session: SessionId
    connection: ConnectionId


@named("session.describe")
@dataclass(frozen=True, slots=True)
class DescribeSession:
    """Say what is held of a session: `session.described` answers, to who asked only.

    The machine is asked for a key frame along with it, so that its RTP can be seen to come.
    """

    session: SessionId


# --- gateway -> controller ----------------------------------------------------------------------


@named("gateway.welcome")
@dataclass(frozen=True, slots=True)
class GatewayWelcome:
    """What the gateway holds now, so that a new controller can go on."""

    pid: int
    sessions: tuple[SessionId, ...] = ()
    connections: tuple[ConnectionId, ...] = ()
    controlling: tuple[ConnectionId, ...] = ()
    """Those of them whose input is taken."""
    watching: tuple[ConnectionId, ...] = ()
    """Those of them that can say nothing, as they offered no data channel."""


@named("connection.answer")
@dataclass(frozen=True, slots=True)
class ConnectionAnswer:
    """The answer, with every candidate of the gateway's in it (WHEP servers do not trickle)."""

    session: SessionId
    connection: ConnectionId
    sdp: str


@named("connection.rejected")
@dataclass(frozen=True, slots=True)
class ConnectionRejected:
    """The offer cannot be answered, and why."""

    session: SessionId
    connection: ConnectionId
    code: str
    detail: str


@named("connection.state")
@dataclass(frozen=True, slots=True)
class ConnectionState:
    """RTCPeerConnectionState of the gateway's end."""

    session: SessionId
    connection: ConnectionId
    state: Literal["connecting", "connected", "disconnected", "failed", "closed"]


@named("connection.first_frame")
@dataclass(frozen=True, slots=True)
class FirstFrameSent:
    """The first key frame went out to this viewer."""

    session: SessionId
    connection: ConnectionId


@named("connection.stats")
@dataclass(frozen=True, slots=True)
class ConnectionStats:
    """Counters and figures of one connection, every two seconds."""

    session: SessionId
    connection: ConnectionId
    packets_sent: int
    bytes_sent: int
    round_trip_ms: float
    packets_lost: int
    key_frames_wanted: int
    inputs_refused: int = 0
    transport: Literal["udp", "tcp", "websocket"] = "udp"
    pair: str = ""
    """The pair that ICE chose, as `kind address port -> kind address port`. For the operator."""
    jitter_ms: float = 0.0
    estimate_kbps: int = 0
    """What the path is taken to carry; 0: not known."""
    target_kbps: int = 0
    """What the machine was asked to send for this viewer's layer; 0: nothing was asked."""
    layer: int = 0
    """0 the main picture; 1 the smaller one, for viewers whose path carries much less."""
    frames_sent: int = 0
    frames_skipped: int = 0
    candidates_refused: int = 0
    """ICE candidates of the viewer's that are not checked: malformed, private, or too many."""


@named("connection.report")
@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What a viewer says of what it sees. A viewer may lie: it is shown and counted, no more."""

    session: SessionId
    connection: ConnectionId
    figures: ViewerFigures


@named("media.flow")
@dataclass(frozen=True, slots=True)
class MediaFlow:
    """What came from the machine, when it starts or stops coming, and every two seconds."""

    session: SessionId
    flowing: bool
    packets: int
    lost: int
    malformed: int
    key_frames: int
    encoder: str = ""
    """The encoder's name as the machine says it, such as `vp8enc`."""
    encode_ms: float = 0.0
    """From reading the display to the frame's first packet, as the machine measured it."""
    target_kbps: int = 0
    frames_per_s: int = 0
    scale_percent: int = 100
    layers: int = 1


@dataclass(frozen=True, slots=True)
class ViewerDescribed:
    """One viewer of a session, as the gateway has it. Addresses are for the operator alone."""

    connection: ConnectionId
    kind: Literal["webrtc", "websocket"]
    state: str
    controls: bool
    waits_for_key_frame: bool
    offered: tuple[str, ...] = ()
    """The gateway's candidates in its answer: transport, address, port."""
    candidates_taken: int = 0
    """Of the viewer's, those that were checked."""
    candidates_refused: int = 0
    """Of the viewer's, those that must not be checked: names, and networks that are not its."""


@named("session.described")
@dataclass(frozen=True, slots=True)
class SessionDescribed:
    """What the gateway holds of a session."""

    session: SessionId
    known: bool
    codec: Literal["vp8", "h264"] = "vp8"
    machine: str = ""
    """The machine whose picture is shown; empty: there is none."""
    packets: int = 0
    """RTP packets of its that have come so far."""
    viewers: tuple[ViewerDescribed, ...] = ()


# --- a viewer over a WebSocket ------------------------------------------------------------------


@named("stream.open")
@dataclass(frozen=True, slots=True)
class OpenStream:
    """controller -> gateway, first and only on a connection of its own to gateway.sock.

    `stream.opened` or `connection.rejected` is the answer; then the connection carries the
    chunks of `wire/stream.py`, which the controller passes on to the viewer's WebSocket and back.
    Control is changed, and the connection closed, over the controller's other connection.
    """

    session: SessionId
    connection: ConnectionId
    codecs: tuple[str, ...] = ("vp8",)
    """What the viewer decodes: `vp8`, `h264`."""
    controls: bool = True


@named("stream.opened")
@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The stream begins; frames are in this codec. Passed on to the browser in the first chunk."""

    codec: Literal["vp8", "h264"]
    connection: ConnectionId
    """What the API calls this viewer's connection."""


@named("stream.closed")
@dataclass(frozen=True, slots=True)
class StreamClosed:
    """gateway -> browser, in the last chunk: why the gateway ends this stream."""

    code: str
    detail: str
