"""Controller and media gateway: sessions, connections, and how they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fanlight.wire.ids import ConnectionId, SessionId

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


# --- gateway -> controller ----------------------------------------------------------------------


@named("gateway.welcome")
@dataclass(frozen=True, slots=True)
class GatewayWelcome:
    """What the gateway holds now, so that a new controller can go on."""

    pid: int
    sessions: tuple[SessionId, ...] = ()
    connections: tuple[ConnectionId, ...] = ()


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
    """Counters of one connection, every two seconds."""

    session: SessionId
    connection: ConnectionId
    packets_sent: int
    bytes_sent: int
    round_trip_ms: float
    packets_lost: int
    key_frames_wanted: int
    inputs_refused: int = 0


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
