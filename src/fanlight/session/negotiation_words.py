"""The words of a negotiation: a connection's states, events, commands and limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from fanlight.wire.ids import ConnectionId

from .rules import CancelTimer, Reason, SetTimer

Answerer = Literal["gateway", "machine"]


class State(Enum):
    """Where one connection is."""

    OFFERED = "offered"
    """The offer, or the wish for a stream, came this moment. No connection stays here."""
    WAITING = "waiting"
    ASKED = "asked"
    ANSWERED = "answered"
    CONNECTED = "connected"
    SHOWING = "showing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class NegotiationSettings:
    """Limits of one session's connections; times in seconds."""

    answer_timeout_s: float = 5.0
    """From asking the answerer to its answer; also how long an offer waits for a lost gateway."""
    connect_timeout_s: float = 20.0
    """From the gateway's answer to ICE and DTLS done."""
    picture_timeout_s: float = 15.0
    """From a ready machine and a connected viewer to the first key frame sent."""
    max_viewers: int = 8
    max_connections: int = 6
    """Of one viewer: what it shows, what it tries, and what a page before a reload left behind."""
    max_candidates: int = 64
    """How many candidates of either side are kept while they cannot be passed on."""
    max_closed: int = 256
    """How many closed connections are remembered, so that what comes late is known to be late."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An ICE candidate as the browser gives it; empty text ends them."""

    candidate: str
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None


# --- events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfferReceived:
    """A viewer offers. The connection's id is new."""

    connection: ConnectionId
    sdp: str
    replaces: ConnectionId | None = None
    """A connection of the same viewer's, alive or gone, that this one comes after."""
    watches_only: bool = False
    """The viewer cannot say anything (its offer has no data channel), so it cannot control."""


@dataclass(frozen=True, slots=True)
class StreamRequested:
    """A viewer wants the encoded frames over its WebSocket. The connection's id is new."""

    connection: ConnectionId
    codecs: tuple[str, ...]
    """What it decodes; at least one."""
    replaces: ConnectionId | None = None
    """As in `OfferReceived`."""


@dataclass(frozen=True, slots=True)
class ConnectionAdopted:
    """A new controller found this connection alive at the gateway."""

    connection: ConnectionId
    watches_only: bool = False


@dataclass(frozen=True, slots=True)
class AnswerMade:
    """The answerer answered."""

    connection: ConnectionId
    sdp: str


@dataclass(frozen=True, slots=True)
class OfferRefused:
    """The answerer cannot answer this offer."""

    connection: ConnectionId
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ViewerCandidateReceived:
    """The viewer found a candidate."""

    connection: ConnectionId
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class MachineCandidateReceived:
    """The answering machine found a candidate."""

    connection: ConnectionId
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Connected:
    """ICE and DTLS are done."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Nothing comes from the viewer at the moment; it may yet come back."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class ConnectionFailed:
    """ICE or DTLS gave up."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class PictureShown:
    """The first key frame went out to this viewer."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The viewer left, or its end of the connection was closed."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class ControlWanted:
    """This viewer asks for control; the owner decides who that may be before it is an event."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class AnswerTimedOut:
    """No answer came in time."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class ConnectTimedOut:
    """ICE and DTLS were not done in time."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class PictureTimedOut:
    """No key frame came in time though the machine is ready."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class MachineReady:
    """The machine sends its picture, or asks for offers to answer."""


@dataclass(frozen=True, slots=True)
class GatewayLost:
    """The media gateway is gone, and every connection with it."""


@dataclass(frozen=True, slots=True)
class GatewayBack:
    """There is a gateway that takes offers for this session."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over."""

    reason: Reason


ConnectionEvent = (
    OfferReceived
    | StreamRequested
    | ConnectionAdopted
    | AnswerMade
    | OfferRefused
    | ViewerCandidateReceived
    | MachineCandidateReceived
    | Connected
    | Disconnected
    | ConnectionFailed
    | PictureShown
    | ConnectionClosed
    | ControlWanted
    | AnswerTimedOut
    | ConnectTimedOut
    | PictureTimedOut
)
SessionWide = MachineReady | GatewayLost | GatewayBack | Ended
Event = ConnectionEvent | SessionWide

# --- commands ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskGateway:
    """Have the gateway answer this offer (`connection.open`)."""

    connection: ConnectionId
    sdp: str
    controls: bool


@dataclass(frozen=True, slots=True)
class OpenStreamAtGateway:
    """Let whoever carries the viewer's WebSocket open the stream (`stream.open`)."""

    connection: ConnectionId
    codecs: tuple[str, ...]
    controls: bool


@dataclass(frozen=True, slots=True)
class OfferToMachine:
    """Let the machine fetch this offer."""

    connection: ConnectionId
    sdp: str


@dataclass(frozen=True, slots=True)
class DeliverAnswer:
    """Let the viewer have its answer."""

    connection: ConnectionId
    sdp: str


@dataclass(frozen=True, slots=True)
class DeliverRefusal:
    """Tell the viewer, who waits for an answer, that there will be none. It comes once."""

    connection: ConnectionId
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class PassCandidateToGateway:
    """`connection.candidate`."""

    connection: ConnectionId
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class PassCandidateToMachine:
    """Let the machine fetch this candidate of the viewer's."""

    connection: ConnectionId
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class PassCandidateToViewer:
    """Let the viewer fetch this candidate of the machine's."""

    connection: ConnectionId
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class SetControlAtGateway:
    """`connection.control`."""

    connection: ConnectionId
    controls: bool


@dataclass(frozen=True, slots=True)
class CloseAtGateway:
    """`connection.close`."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class NameReason:
    """Say why this connection has no picture (any more): to its viewer, and in the events."""

    connection: ConnectionId
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class CountViewers:
    """So many viewers look now; the connections of one viewer count as one."""

    count: int


Command = (
    AskGateway
    | OpenStreamAtGateway
    | OfferToMachine
    | DeliverAnswer
    | DeliverRefusal
    | PassCandidateToGateway
    | PassCandidateToMachine
    | PassCandidateToViewer
    | SetControlAtGateway
    | CloseAtGateway
    | NameReason
    | CountViewers
    | SetTimer[Event]
    | CancelTimer[Event]
)

LIVE = (State.WAITING, State.ASKED, State.ANSWERED, State.CONNECTED, State.SHOWING)


@dataclass
class Connection:
    """What is known of one connection. Only this module changes it."""

    id: ConnectionId
    viewer: ConnectionId
    """Whose it is: the first connection of the chain in which each replaced the one before."""
    watches_only: bool = False
    sdp: str = ""
    codecs: tuple[str, ...] = ()
    """What the viewer of a stream decodes; empty: this is a WebRTC connection."""
    state: State = State.OFFERED
    early: list[Candidate] = field(default_factory=list)
    """The viewer's candidates while nobody is there to take them."""
    held: list[Candidate] = field(default_factory=list)
    """The machine's candidates while there is no answer that they belong to."""
    disconnected: bool = False
