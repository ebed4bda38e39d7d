"""Offers and answers of one session's viewers: many connections, any order, one answerer.

Who answers is fixed when the session starts: the media gateway, which is there before any machine
is, or a machine with a WebRTC stack of its own. Each connection goes

    waiting -> asked -> answered -> connected -> showing -> closed

where `waiting` means that the answerer is not there yet. A stream, which is a viewer over a
WebSocket, has nothing to be answered: from `asked` it is `connected` as soon as the gateway has
it. A connection ends with a picture or with a reason that has a name; nothing waits without a
timer, unless the session's own does it.

The first viewer holds control; when it leaves, control passes to the oldest one left. A viewer
that changes its connection (a new network or rung, a reload) says which one it replaces: both
are one viewer, and control stays with it. A viewer that lost control only because it was away gets
it back with its next picture, unless somebody asked for it meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from fanlight.errors import (
    ConnectionNotFound,
    IllegalEvent,
    OfferRejected,
    SessionEnded,
    TooManyViewers,
)
from fanlight.wire.ids import ConnectionId

from .negotiation_rules import RULES
from .negotiation_words import (
    LIVE,
    Answerer,
    AnswerMade,
    AnswerTimedOut,
    AskGateway,
    Candidate,
    CloseAtGateway,
    Command,
    Connected,
    Connection,
    ConnectionAdopted,
    ConnectionClosed,
    ConnectionEvent,
    ConnectionFailed,
    ConnectTimedOut,
    ControlWanted,
    CountViewers,
    DeliverAnswer,
    DeliverRefusal,
    Disconnected,
    Ended,
    Event,
    GatewayBack,
    GatewayLost,
    MachineCandidateReceived,
    MachineReady,
    NameReason,
    NegotiationSettings,
    OfferReceived,
    OfferRefused,
    OfferToMachine,
    OpenStreamAtGateway,
    PassCandidateToGateway,
    PassCandidateToMachine,
    PassCandidateToViewer,
    PictureShown,
    PictureTimedOut,
    SessionWide,
    SetControlAtGateway,
    State,
    StreamRequested,
    ViewerCandidateReceived,
)
from .rules import Reason, Table, find

__all__ = (
    "LIVE",
    "AnswerMade",
    "AnswerTimedOut",
    "Answerer",
    "AskGateway",
    "Candidate",
    "CloseAtGateway",
    "Command",
    "ConnectTimedOut",
    "Connected",
    "Connection",
    "ConnectionAdopted",
    "ConnectionClosed",
    "ConnectionEvent",
    "ConnectionFailed",
    "ControlWanted",
    "CountViewers",
    "DeliverAnswer",
    "DeliverRefusal",
    "Disconnected",
    "Ended",
    "Event",
    "GatewayBack",
    "GatewayLost",
    "MachineCandidateReceived",
    "MachineReady",
    "NameReason",
    "Negotiation",
    "NegotiationSettings",
    "OfferReceived",
    "OfferRefused",
    "OfferToMachine",
    "OpenStreamAtGateway",
    "PassCandidateToGateway",
    "PassCandidateToMachine",
    "PassCandidateToViewer",
    "PictureShown",
    "PictureTimedOut",
    "SessionWide",
    "SetControlAtGateway",
    "State",
    "StreamRequested",
    "ViewerCandidateReceived",
)  # fmt: skip


OWED_MAX = 8
"""Viewers that are remembered as having lost control; the oldest are forgotten first."""
RECALLED_MAX = 16
"""Connections whose viewer a later controller is told of."""


@dataclass
class Negotiation:
    """Every connection of one session. Feed it events, carry out its commands in their order."""

    answerer: Answerer = "gateway"
    settings: NegotiationSettings = field(default_factory=NegotiationSettings)
    connections: dict[ConnectionId, Connection] = field(default_factory=dict)
    """Oldest first; the closed ones among them are kept for a while."""
    holder: ConnectionId | None = None
    owed: list[ConnectionId] = field(default_factory=list)
    """The viewers that lost control because they were away, in this order."""
    recalled: dict[ConnectionId, ConnectionId] = field(default_factory=dict)
    """Whose the connections were that a controller before this one knew."""
    gateway_there: bool = True
    machine_ready: bool = False
    ended: Reason | None = None

    rules: ClassVar[Table[State]] = RULES

    def handle(self, event: Event) -> list[Command]:
        """Take one event, move, and say what must be done next.

        Raises:
            SessionEnded: an offer after the session's end.
            TooManyViewers: an offer when as many viewers look as may.
            OfferRejected: a stream where a machine answers.
            ConnectionNotFound: something for a connection that was never offered.
            IllegalEvent: an answer that nobody asked for, or an id that was offered before.
        """
        before = len(self._viewers)
        commands = self._take(event)
        after = len(self._viewers)
        return commands if before == after else [*commands, CountViewers(after)]

    @property
    def live(self) -> list[Connection]:
        """The connections that are not closed, oldest first."""
        return [each for each in self.connections.values() if each.state in LIVE]

    @property
    def _viewers(self) -> set[ConnectionId]:
        return {each.viewer for each in self.live}

    def is_live(self, connection: ConnectionId) -> bool:
        """Whether this is a connection of the session's that is not closed."""
        known = self.connections.get(connection)
        return known is not None and known.state in LIVE

    @property
    def _gateway_is_away(self) -> bool:
        return self.answerer == "machine" or not self.gateway_there

    def _take(self, event: Event) -> list[Command]:
        match event:
            case OfferReceived() | StreamRequested() | ConnectionAdopted():
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

    def _admit(self, event: OfferReceived | StreamRequested | ConnectionAdopted) -> list[Command]:
        if self.ended is not None:
            raise SessionEnded(self.ended.text)
        if event.connection in self.connections:
            raise IllegalEvent(self.connections[event.connection].state, event)
        viewer = self.recalled.get(event.connection, event.connection)
        if isinstance(event, StreamRequested) and self.answerer == "machine":
            raise OfferRejected(
                "this session's machine answers its viewers itself, and has no such stream",
                hint="Connect by WebRTC or VNC.",
            )
        if not isinstance(event, ConnectionAdopted):
            viewer = self._viewer_of(event)
            self._check_limits(viewer)
        watches_only = not isinstance(event, StreamRequested) and event.watches_only
        connection = Connection(event.connection, viewer, watches_only)
        self.connections[event.connection] = connection
        commands = [] if connection.watches_only else self._control_for_new(connection)
        return [*commands, *self._step(connection, event)]

    def _control_for_new(self, connection: Connection) -> list[Command]:
        """Let a new viewer control when nobody does, or nothing is heard of who does."""
        if self.holder is None:
            self.holder = connection.id
            self._settle(connection.viewer)
            return []
        holder = self.connections[self.holder]
        return self._pass_control_on(holder, [connection]) if holder.disconnected else []

    def _viewer_of(self, event: OfferReceived | StreamRequested) -> ConnectionId:
        if event.replaces is None:
            return event.connection
        before = self.connections.get(event.replaces)
        if before is not None:
            return before.viewer
        # What it replaces may be forgotten by now: then that name stands for the viewer.
        return self.recalled.get(event.replaces, event.replaces)

    @property
    def viewers_of(self) -> dict[ConnectionId, ConnectionId]:
        """Whose the newest connections are: what a later controller recalls."""
        mine = {each.id: each.viewer for each in self.connections.values()}
        before = {id_: viewer for id_, viewer in self.recalled.items() if id_ not in mine}
        newest = list((before | mine).items())[-RECALLED_MAX:]
        return {id_: viewer for id_, viewer in newest if id_ != viewer}

    def _check_limits(self, viewer: ConnectionId) -> None:
        viewers = self._viewers
        if viewer not in viewers and len(viewers) >= self.settings.max_viewers:
            raise TooManyViewers(
                f"{self.settings.max_viewers} viewers look at this session already",
                hint="Close a viewer, or raise max_viewers_per_session.",
            )
        mine = sum(each.viewer == viewer for each in self.live)
        if mine >= self.settings.max_connections:
            raise TooManyViewers(f"this viewer has {mine} connections already")

    def _session_wide(self, event: SessionWide) -> list[Command]:
        match event:
            case MachineReady():
                self.machine_ready = True
            case GatewayLost():
                self.gateway_there = False
            case GatewayBack():
                self.gateway_there = True
            case _:
                self.ended = self.ended or event.reason
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
        return self._pass_control_on(connection, self.live)

    def _pass_control_on(self, before: Connection, among: list[Connection]) -> list[Command]:
        """Give control to another connection of the viewer's, else to the oldest viewer's."""
        able = [each for each in among if not each.watches_only]
        heirs = sorted(able, key=lambda each: (each.viewer != before.viewer, each.disconnected))
        if not heirs or heirs[0].viewer != before.viewer:
            self._owe(before.viewer)
        return self._give_control(heirs[0]) if heirs and self.ended is None else []

    def _take_control_back(self, connection: Connection) -> list[Command]:
        """Give a viewer control that is its own: on its newest picture, or after it was away."""
        holder = self.connections[self.holder] if self.holder is not None else None
        if holder is connection or holder is None or connection.watches_only:
            return []
        if connection.viewer not in (holder.viewer, *self.owed):
            return []
        return self._give_control(connection)

    def _give_control(self, heir: Connection) -> list[Command]:
        commands: list[Command] = []
        if self.holder is not None:
            commands = [*self._tell_control(self.connections[self.holder], controls=False)]
        self.holder = heir.id
        self._settle(heir.viewer)
        return [*commands, *self._tell_control(heir, controls=True)]

    def _owe(self, viewer: ConnectionId) -> None:
        if viewer not in self.owed:
            self.owed = [*self.owed, viewer][-OWED_MAX:]

    def _settle(self, viewer: ConnectionId) -> None:
        """A viewer holds what it is owed. Who lost control later had it only in its absence."""
        if viewer in self.owed:
            self.owed = self.owed[: self.owed.index(viewer)]

    def _tell_control(self, connection: Connection, *, controls: bool) -> list[Command]:
        # A connection that still waits is told with its offer (`AskGateway.controls`).
        if connection.state in (State.OFFERED, State.WAITING) or self._gateway_is_away:
            return []
        return [SetControlAtGateway(connection.id, controls)]
