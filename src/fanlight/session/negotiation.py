"""Offers and answers of one session's viewers: many connections, any order, one answerer.

Who answers is fixed when the session starts: the media gateway, which is there before any machine
is, or a machine with a WebRTC stack of its own. Each connection goes

    waiting -> asked -> answered -> connected -> showing -> closed

where `waiting` means that the answerer is not there yet. A connection ends with a picture or with
a reason that has a name; nothing waits without a timer, unless the session's own does it.
The first viewer holds control; when it leaves, control passes to the oldest one left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, Literal

from fanlight.errors import ConnectionNotFound, IllegalEvent, LimitReached, SessionEnded
from fanlight.wire.ids import ConnectionId

from .rules import CancelTimer, Reason, Rule, SetTimer, Table, find, ignored, table

Answerer = Literal["gateway", "machine"]


class State(Enum):
    """Where one connection is."""

    OFFERED = "offered"
    """The offer came this moment. No connection stays here."""
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


@dataclass(frozen=True, slots=True)
class ConnectionAdopted:
    """A new controller found this connection alive at the gateway."""

    connection: ConnectionId


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
    """So many connections are alive now."""

    count: int


Command = (
    AskGateway
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

UNANSWERED = "The media gateway did not answer in time."
BLOCKED = (
    "Your browser and the gateway found no way to each other: a network between you may block "
    "UDP, and no TURN server leads around it."
)


@dataclass
class Connection:
    """What is known of one connection. Only this module changes it."""

    id: ConnectionId
    sdp: str = ""
    state: State = State.OFFERED
    early: list[Candidate] = field(default_factory=list)
    """The viewer's candidates while nobody is there to take them."""
    held: list[Candidate] = field(default_factory=list)
    """The machine's candidates while there is no answer that they belong to."""
    disconnected: bool = False


@dataclass
class Negotiation:
    """Every connection of one session. Feed it events, carry out its commands in their order."""

    answerer: Answerer = "gateway"
    settings: NegotiationSettings = field(default_factory=NegotiationSettings)
    connections: dict[ConnectionId, Connection] = field(default_factory=dict)
    """Oldest first; the closed ones among them are kept for a while."""
    holder: ConnectionId | None = None
    gateway_there: bool = True
    machine_ready: bool = False
    ended: Reason | None = None

    rules: ClassVar[Table[State]]

    def handle(self, event: Event) -> list[Command]:
        """Take one event, move, and say what must be done next.

        Raises:
            SessionEnded: an offer after the session's end.
            LimitReached: an offer when as many viewers look as may.
            ConnectionNotFound: something for a connection that was never offered.
            IllegalEvent: an answer that nobody asked for, or an id that was offered before.
        """
        before = len(self.live)
        commands = self._take(event)
        after = len(self.live)
        return commands if before == after else [*commands, CountViewers(after)]

    @property
    def live(self) -> list[Connection]:
        """The connections that are not closed, oldest first."""
        return [each for each in self.connections.values() if each.state in LIVE]

    def _take(self, event: Event) -> list[Command]:
        match event:
            case OfferReceived() | ConnectionAdopted():
                return self._admit(event)
            case MachineReady() | GatewayLost() | GatewayBack() | Ended():
                return self._session_wide(event)
            case AnswerMade() if event.connection not in self.connections:
                raise IllegalEvent(State.CLOSED, event)
            case _:
                if event.connection not in self.connections:
                    raise ConnectionNotFound(f"there is no connection {event.connection[:16]!r}")
                return self._step(self.connections[event.connection], event)

    def _step(self, connection: Connection, event: Event) -> list[Command]:
        rule = find(self.rules, (self, connection), connection.state, event)
        commands: list[Command] = rule.do((self, connection), event)
        connection.state = rule.to
        if rule.to is State.CLOSED and rule.at is not State.CLOSED:
            commands += self._leave(connection)
        return commands

    def _admit(self, event: OfferReceived | ConnectionAdopted) -> list[Command]:
        if self.ended is not None:
            raise SessionEnded(self.ended.text)
        if event.connection in self.connections:
            raise IllegalEvent(self.connections[event.connection].state, event)
        if len(self.live) >= self.settings.max_viewers and isinstance(event, OfferReceived):
            raise LimitReached(
                f"{self.settings.max_viewers} viewers look at this session already",
                hint="Close a viewer, or raise max_viewers_per_session.",
            )
        connection = Connection(event.connection)
        self.connections[event.connection] = connection
        if self.holder is None:
            self.holder = connection.id
        return self._step(connection, event)

    def _session_wide(self, event: SessionWide) -> list[Command]:
        match event:
            case MachineReady():
                self.machine_ready = True
            case GatewayLost():
                self.gateway_there = False
            case GatewayBack():
                self.gateway_there = True
            case Ended(reason):
                self.ended = self.ended or reason
        commands: list[Command] = []
        for connection in self.live:
            commands += self._step(connection, event)
        return commands

    def _leave(self, connection: Connection) -> list[Command]:
        """Forget what a closed connection held: its timers, its candidates, control."""
        connection.sdp, connection.early, connection.held = "", [], []
        closed = [each.id for each in self.connections.values() if each.state is State.CLOSED]
        for old in closed[: max(0, len(closed) - self.settings.max_closed)]:
            del self.connections[old]
        if self.holder != connection.id:
            return []
        self.holder = None
        heirs = sorted(self.live, key=lambda each: each.disconnected)
        return self._give_control(heirs[0]) if heirs and self.ended is None else []

    def _give_control(self, heir: Connection) -> list[Command]:
        commands: list[Command] = []
        if self.holder is not None:
            commands = [*self._tell_control(self.connections[self.holder], controls=False)]
        self.holder = heir.id
        return [*commands, *self._tell_control(heir, controls=True)]

    def _tell_control(self, connection: Connection, *, controls: bool) -> list[Command]:
        # A connection that still waits is told with its offer (`AskGateway.controls`).
        if self.answerer == "machine" or connection.state is State.WAITING:
            return []
        return [SetControlAtGateway(connection.id, controls)]


# --- what the rules do -------------------------------------------------------------------------

Pair = tuple[Negotiation, Connection]


def _keep_offer(pair: Pair, event: OfferReceived) -> list[Command]:
    """Keep the offer until its answerer is there. A machine's boot has a timer of its own."""
    core, connection = pair
    connection.sdp = event.sdp
    if core.answerer == "machine":
        return []
    return [SetTimer(core.settings.answer_timeout_s, AnswerTimedOut(connection.id))]


def _ask_now(pair: Pair, event: OfferReceived) -> list[Command]:
    pair[1].sdp = event.sdp
    return _ask(pair, event)


def _ask(pair: Pair, _event: Event) -> list[Command]:
    core, connection = pair
    timer: Command = SetTimer(core.settings.answer_timeout_s, AnswerTimedOut(connection.id))
    early, connection.early = connection.early, []
    sdp, connection.sdp = connection.sdp, ""
    if core.answerer == "machine":
        to_machine = [PassCandidateToMachine(connection.id, each) for each in early]
        return [OfferToMachine(connection.id, sdp), timer, *to_machine]
    to_gateway = [PassCandidateToGateway(connection.id, each) for each in early]
    holds = core.holder == connection.id
    return [AskGateway(connection.id, sdp, holds), timer, *to_gateway]


def _answer(pair: Pair, event: AnswerMade) -> list[Command]:
    core, connection = pair
    held, connection.held = connection.held, []
    commands: list[Command] = [
        CancelTimer(AnswerTimedOut(connection.id)),
        DeliverAnswer(connection.id, event.sdp),
        *(PassCandidateToViewer(connection.id, each) for each in held),
    ]
    if core.answerer == "gateway":
        timer = ConnectTimedOut(connection.id)
        commands.append(SetTimer(core.settings.connect_timeout_s, timer))
    return commands


def _refuse(pair: Pair, event: OfferRefused) -> list[Command]:
    return _no_answer(pair, event.code, event.detail)


def _answer_overdue(pair: Pair, _event: AnswerTimedOut) -> list[Command]:
    core, connection = pair
    if core.answerer == "machine":
        text = "The machine did not answer the offer in time."
        return _no_answer(pair, "machine-did-not-answer", text)
    return [*_no_answer(pair, "gateway-unavailable", UNANSWERED), CloseAtGateway(connection.id)]


def _no_answer(pair: Pair, code: str, text: str) -> list[Command]:
    connection = pair[1].id
    return [
        CancelTimer(AnswerTimedOut(connection)),
        DeliverRefusal(connection, code, text),
        NameReason(connection, code, text),
    ]


def _viewer_candidate(pair: Pair, event: ViewerCandidateReceived) -> list[Command]:
    core, connection = pair
    if core.answerer == "machine":
        return [PassCandidateToMachine(connection.id, event.candidate)]
    return [PassCandidateToGateway(connection.id, event.candidate)]


def _early_candidate(pair: Pair, event: ViewerCandidateReceived) -> list[Command]:
    core, connection = pair
    if len(connection.early) >= core.settings.max_candidates:
        raise LimitReached(f"over {core.settings.max_candidates} candidates before an answer")
    connection.early.append(event.candidate)
    return []


def _hold_candidate(pair: Pair, event: MachineCandidateReceived) -> list[Command]:
    # Chromium drops candidates that arrive before the answer, so they are kept until then.
    core, connection = pair
    if len(connection.held) >= core.settings.max_candidates:
        raise LimitReached(f"over {core.settings.max_candidates} candidates before an answer")
    connection.held.append(event.candidate)
    return []


def _machine_candidate(pair: Pair, event: MachineCandidateReceived) -> list[Command]:
    return [PassCandidateToViewer(pair[1].id, event.candidate)]


def _connected(pair: Pair, _event: Event) -> list[Command]:
    core, connection = pair
    connection.disconnected = False
    commands: list[Command] = [CancelTimer(ConnectTimedOut(connection.id))]
    return [*commands, *_await_picture(pair, _event)] if core.machine_ready else commands


def _back(pair: Pair, _event: Connected) -> list[Command]:
    pair[1].disconnected = False
    return []


def _await_picture(pair: Pair, _event: Event) -> list[Command]:
    core, connection = pair
    return [SetTimer(core.settings.picture_timeout_s, PictureTimedOut(connection.id))]


def _picture(pair: Pair, _event: PictureShown) -> list[Command]:
    connection = pair[1]
    connection.disconnected = False
    return [
        CancelTimer(ConnectTimedOut(connection.id)),
        CancelTimer(PictureTimedOut(connection.id)),
    ]


def _disconnected(pair: Pair, _event: Disconnected) -> list[Command]:
    # A reloaded page leaves a connection behind that takes a while to fail: control goes on.
    core, connection = pair
    connection.disconnected = True
    heirs = [each for each in core.live if not each.disconnected]
    return core._give_control(heirs[0]) if core.holder == connection.id and heirs else []


def _control(pair: Pair, _event: ControlWanted) -> list[Command]:
    core, connection = pair
    return [] if core.holder == connection.id else core._give_control(connection)


def _fail(pair: Pair, _event: Event) -> list[Command]:
    return _end_with(pair, "network-blocked", BLOCKED)


def _lost_way(pair: Pair, _event: ConnectionFailed) -> list[Command]:
    return _end_with(pair, "connection-lost", "The way between your browser and us broke.")


def _no_picture(pair: Pair, _event: PictureTimedOut) -> list[Command]:
    text = "You are connected, but the machine sends no picture."
    return _end_with(pair, "no-picture", text)


def _closed(pair: Pair, _event: ConnectionClosed) -> list[Command]:
    return _end_with(pair, "closed", "The viewer left.")


def _gateway_lost(pair: Pair, _event: GatewayLost) -> list[Command]:
    text = "The media gateway was restarted; offer again."
    commands = _end_with(pair, "gateway-restarted", text)
    return [each for each in commands if not isinstance(each, CloseAtGateway)]


def _session_over(pair: Pair, event: Ended) -> list[Command]:
    return _end_with(pair, event.reason.code, event.reason.text)


def _end_with(pair: Pair, code: str, text: str) -> list[Command]:
    core, connection = pair
    commands: list[Command] = []
    if connection.state in (State.WAITING, State.ASKED):
        commands = [
            CancelTimer(AnswerTimedOut(connection.id)),
            DeliverRefusal(connection.id, code, text),
        ]
    elif connection.state is not State.SHOWING:
        commands = [
            CancelTimer(ConnectTimedOut(connection.id)),
            CancelTimer(PictureTimedOut(connection.id)),
        ]
    if core.answerer == "gateway" and connection.state is not State.WAITING:
        commands.append(CloseAtGateway(connection.id))
    return [*commands, NameReason(connection.id, code, text)]


def _answerer_there(pair: Pair, _event: Event) -> bool:
    core = pair[0]
    return core.machine_ready if core.answerer == "machine" else core.gateway_there


def _by_gateway(pair: Pair, _event: Event) -> bool:
    return pair[0].answerer == "gateway"


def _by_machine(pair: Pair, _event: Event) -> bool:
    return pair[0].answerer == "machine"


_TIMERS = (AnswerTimedOut, ConnectTimedOut, PictureTimedOut)
_PROGRESS = (Connected, Disconnected, PictureShown)
_LATE = (
    AnswerMade, OfferRefused, ViewerCandidateReceived, MachineCandidateReceived, ConnectionFailed,
    ConnectionClosed, ControlWanted,
)  # fmt: skip


def _rules() -> Iterable[Rule[State]]:
    at = State
    there = "the answerer is there"
    yield Rule(at.OFFERED, OfferReceived, at.ASKED, _ask_now, _answerer_there, there)
    yield Rule(at.OFFERED, OfferReceived, at.WAITING, _keep_offer, word="it is not")
    yield Rule(at.OFFERED, ConnectionAdopted, at.CONNECTED, _connected)

    yield Rule(at.WAITING, GatewayBack, at.ASKED, _ask, _by_gateway, "gateway answers")
    yield Rule(at.WAITING, MachineReady, at.ASKED, _ask, _by_machine, "machine answers")
    yield Rule(at.WAITING, ViewerCandidateReceived, at.WAITING, _early_candidate)
    yield Rule(at.WAITING, AnswerTimedOut, at.CLOSED, _answer_overdue)
    yield from ignored(
        at.WAITING, GatewayBack, MachineReady, GatewayLost, OfferRefused, MachineCandidateReceived
    )

    yield Rule(at.ASKED, AnswerMade, at.ANSWERED, _answer)
    yield Rule(at.ASKED, OfferRefused, at.CLOSED, _refuse)
    yield Rule(at.ASKED, AnswerTimedOut, at.CLOSED, _answer_overdue)
    yield Rule(at.ASKED, MachineCandidateReceived, at.ASKED, _hold_candidate)
    yield Rule(at.ANSWERED, Connected, at.CONNECTED, _connected)
    yield Rule(at.ANSWERED, PictureShown, at.SHOWING, _picture)
    yield Rule(at.ANSWERED, ConnectTimedOut, at.CLOSED, _fail)
    yield Rule(at.ANSWERED, ConnectionFailed, at.CLOSED, _fail)
    yield Rule(at.CONNECTED, PictureShown, at.SHOWING, _picture)
    yield Rule(at.CONNECTED, PictureTimedOut, at.CLOSED, _no_picture)
    yield Rule(at.CONNECTED, MachineReady, at.CONNECTED, _await_picture, _by_gateway)
    yield Rule(at.CONNECTED, Connected, at.CONNECTED, _back)
    yield Rule(at.SHOWING, Connected, at.SHOWING, _back)
    for state in (at.CONNECTED, at.SHOWING):
        yield Rule(state, Disconnected, state, _disconnected)
        yield Rule(state, ConnectionFailed, at.CLOSED, _lost_way)
    for state in (at.ASKED, at.ANSWERED, at.CONNECTED, at.SHOWING):
        yield Rule(state, ViewerCandidateReceived, state, _viewer_candidate)
        yield Rule(state, GatewayLost, at.CLOSED, _gateway_lost, _by_gateway, "gateway answers")
        yield from ignored(state, GatewayLost, GatewayBack)
    for state in LIVE:
        yield Rule(state, ConnectionClosed, at.CLOSED, _closed)
        yield Rule(state, ControlWanted, state, _control)
        yield Rule(state, Ended, at.CLOSED, _session_over)
    for state in (at.ANSWERED, at.CONNECTED, at.SHOWING):
        yield Rule(state, MachineCandidateReceived, state, _machine_candidate)
        yield from ignored(state, AnswerMade, OfferRefused, MachineReady, AnswerTimedOut)

    yield from ignored(at.WAITING, *_PROGRESS, ConnectionFailed, ConnectTimedOut, PictureTimedOut)
    yield from ignored(at.ASKED, *_PROGRESS, MachineReady, ConnectTimedOut, PictureTimedOut)
    yield Rule(at.ASKED, ConnectionFailed, at.CLOSED, _fail)
    yield from ignored(at.ANSWERED, Disconnected, PictureTimedOut)
    yield from ignored(at.CONNECTED, ConnectTimedOut)
    yield from ignored(at.SHOWING, PictureShown, ConnectTimedOut, PictureTimedOut)
    yield from ignored(at.CLOSED, *_TIMERS, *_PROGRESS, *_LATE)


Negotiation.rules = table(_rules())
