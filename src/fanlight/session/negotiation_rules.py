"""What a negotiation does with each event, connection by connection, and its table of rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from fanlight.errors import LimitReached

from .negotiation_words import (
    LIVE,
    AnswerMade,
    AnswerTimedOut,
    AskGateway,
    CloseAtGateway,
    Command,
    Connected,
    Connection,
    ConnectionAdopted,
    ConnectionClosed,
    ConnectionFailed,
    ConnectTimedOut,
    ControlWanted,
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
    OfferReceived,
    OfferRefused,
    OfferToMachine,
    OpenStreamAtGateway,
    PassCandidateToGateway,
    PassCandidateToMachine,
    PassCandidateToViewer,
    PictureShown,
    PictureTimedOut,
    SetControlAtGateway,
    State,
    StreamRequested,
    ViewerCandidateReceived,
)
from .rules import CancelTimer, Rule, SetTimer, ignored, nothing, table

if TYPE_CHECKING:
    from .negotiation import Negotiation

UNANSWERED = "The media gateway did not answer in time."
BLOCKED = (
    "Your browser and the gateway found no way to each other: a network between you may block "
    "UDP, and no TURN server leads around it."
)

Pair: TypeAlias = "tuple[Negotiation, Connection]"
"""What a rule works on: the negotiation, and the one connection that the event is about."""


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


def _keep_stream(pair: Pair, event: StreamRequested) -> list[Command]:
    core, connection = pair
    connection.codecs = event.codecs
    return [SetTimer(core.settings.answer_timeout_s, AnswerTimedOut(connection.id))]


def _open_stream_now(pair: Pair, event: StreamRequested) -> list[Command]:
    pair[1].codecs = event.codecs
    return _ask(pair, event)


def _ask(pair: Pair, _event: Event) -> list[Command]:
    core, connection = pair
    timer: Command = SetTimer(core.settings.answer_timeout_s, AnswerTimedOut(connection.id))
    if connection.codecs:
        connection.early = []
        holds = core.holder == connection.id
        return [OpenStreamAtGateway(connection.id, connection.codecs, holds), timer]
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


def _stream_opened(pair: Pair, event: Connected) -> list[Command]:
    return [*_stream_there(pair), *_connected(pair, event)]


def _stream_shows(pair: Pair, event: PictureShown) -> list[Command]:
    return [*_stream_there(pair), *_picture(pair, event)]


def _stream_there(pair: Pair) -> list[Command]:
    core, connection = pair
    # It was asked for on a socket of its own: a change of control may have overtaken it there.
    controls = SetControlAtGateway(connection.id, core.holder == connection.id)
    return [CancelTimer(AnswerTimedOut(connection.id)), controls]


def _back(pair: Pair, _event: Connected) -> list[Command]:
    core, connection = pair
    connection.disconnected = False
    return core._take_control_back(connection) if connection.viewer in core.owed else []


def _await_picture(pair: Pair, _event: Event) -> list[Command]:
    core, connection = pair
    return [SetTimer(core.settings.picture_timeout_s, PictureTimedOut(connection.id))]


def _picture(pair: Pair, _event: PictureShown) -> list[Command]:
    core, connection = pair
    connection.disconnected = False
    return [
        CancelTimer(ConnectTimedOut(connection.id)),
        CancelTimer(PictureTimedOut(connection.id)),
        *core._take_control_back(connection),
    ]


def _disconnected(pair: Pair, _event: Disconnected) -> list[Command]:
    # A reloaded page leaves a connection behind that takes a while to fail: control goes on.
    core, connection = pair
    connection.disconnected = True
    heirs = [each for each in core.live if not each.disconnected]
    return (
        core._pass_control_on(connection, heirs) if core.holder == connection.id and heirs else []
    )


def _control(pair: Pair, _event: ControlWanted) -> list[Command]:
    core, connection = pair
    if connection.watches_only:
        return []
    core.owed = []
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


def _is_stream(pair: Pair, _event: Event) -> bool:
    return bool(pair[1].codecs)


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
    yield Rule(at.OFFERED, StreamRequested, at.ASKED, _open_stream_now, _answerer_there, there)
    yield Rule(at.OFFERED, StreamRequested, at.WAITING, _keep_stream, word="it is not")
    yield Rule(at.OFFERED, ConnectionAdopted, at.SHOWING, nothing)

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
    stream = "over a WebSocket"
    yield Rule(at.ASKED, Connected, at.CONNECTED, _stream_opened, _is_stream, stream)
    yield Rule(at.ASKED, PictureShown, at.SHOWING, _stream_shows, _is_stream, stream)
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


RULES = table(_rules())
