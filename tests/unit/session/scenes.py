"""What the scenes of negotiations share: three viewers, and their usual events."""

from __future__ import annotations

from fanlight.session import Negotiation, NegotiationSettings, Reason
from fanlight.session.negotiation import (
    Answerer,
    AnswerMade,
    Candidate,
    Connected,
    Event,
    NameReason,
    OfferReceived,
    PictureShown,
    State,
)
from fanlight.testing.playbook import Playbook
from fanlight.wire import ConnectionId

A, B, C = (ConnectionId(name) for name in "abc")
ONE, TWO = Candidate("candidate:1"), Candidate("candidate:2", "0", 0)
OVER = Reason("idle", "Nobody looked.")


def played(
    *events: Event, answerer: Answerer = "gateway", settings: NegotiationSettings | None = None
) -> Playbook[Event]:
    play: Playbook[Event] = Playbook(Negotiation(answerer, settings or NegotiationSettings()))
    play(*events)
    return play


def showing(connection: ConnectionId) -> tuple[Event, ...]:
    return (
        OfferReceived(connection, "offer"),
        AnswerMade(connection, "answer"),
        Connected(connection),
        PictureShown(connection),
    )


def taking_over(connection: ConnectionId, replaces: ConnectionId) -> tuple[Event, ...]:
    offer = OfferReceived(connection, "offer", replaces)
    return (offer, *showing(connection)[1:])


def holder(play: Playbook[Event]) -> ConnectionId | None:
    core = play.core
    assert isinstance(core, Negotiation)
    return core.holder


def state(play: Playbook[Event], connection: ConnectionId) -> State:
    core = play.core
    assert isinstance(core, Negotiation)
    return core.connections[connection].state


def reasons(play: Playbook[Event]) -> list[tuple[ConnectionId, str]]:
    return [(each.connection, each.code) for each in play.said(NameReason)]
