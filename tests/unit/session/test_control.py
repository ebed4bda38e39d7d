"""Who holds control, and who gets it next, scene by scene."""

from __future__ import annotations

import pytest
from tests.unit.session.scenes import (
    A,
    B,
    C,
    holder,
    played,
    showing,
    taking_over,
)

from fanlight.errors import (
    LimitReached,
)
from fanlight.session import Negotiation, NegotiationSettings
from fanlight.session.negotiation import (
    AnswerMade,
    AskGateway,
    Connected,
    ConnectionAdopted,
    ConnectionClosed,
    ConnectionFailed,
    ControlWanted,
    CountViewers,
    Disconnected,
    GatewayBack,
    GatewayLost,
    OfferReceived,
    PictureShown,
    SetControlAtGateway,
    State,
)
from fanlight.wire import ConnectionId


def test_two_offers_at_once_are_two_connections_and_the_first_holds_control() -> None:
    play = played(OfferReceived(A, "offer"), OfferReceived(B, "offer"))
    assert play.said(AskGateway) == [AskGateway(A, "offer", True), AskGateway(B, "offer", False)]


def test_control_passes_to_the_oldest_viewer_that_is_left() -> None:
    play = played(*showing(A), *showing(B), *showing(C))
    commands = play(ConnectionClosed(A))
    assert SetControlAtGateway(B, True) in commands
    assert CountViewers(2) in commands


def test_control_leaves_a_viewer_of_whom_nothing_is_heard_until_it_is_heard_again() -> None:
    play = played(*showing(A), *showing(B))
    assert play(Disconnected(A)) == [SetControlAtGateway(A, False), SetControlAtGateway(B, True)]
    assert play(Connected(A)) == [SetControlAtGateway(B, False), SetControlAtGateway(A, True)]
    assert play(ControlWanted(B)) == [SetControlAtGateway(A, False), SetControlAtGateway(B, True)]
    assert play(ControlWanted(B)) == []


def test_an_only_viewer_keeps_control_while_nothing_is_heard_of_it() -> None:
    assert played(*showing(A))(Disconnected(A)) == []


def test_a_new_controller_takes_over_the_gateway_s_connections() -> None:
    core = Negotiation()
    core.handle(ConnectionAdopted(A))
    assert core.connections[A].state is State.SHOWING
    assert core.holder == A


def test_control_stays_with_a_viewer_that_changes_its_connection() -> None:
    play = played(*showing(A), *showing(B), OfferReceived(C, "offer", A), AnswerMade(C, "answer"))
    assert holder(play) == A

    given = [SetControlAtGateway(A, False), SetControlAtGateway(C, True)]
    assert play(Connected(C), PictureShown(C))[-2:] == given
    play(ConnectionClosed(A))
    assert holder(play) == C


def test_a_viewer_that_changes_its_connection_is_counted_once() -> None:
    play = played(*showing(A))
    assert CountViewers(2) not in play(*taking_over(B, A), ConnectionClosed(A))
    assert play(ConnectionClosed(B))[-1] == CountViewers(0)


def test_a_viewer_that_was_away_gets_back_the_control_it_lost() -> None:
    play = played(*showing(A), *showing(B), ConnectionFailed(A))
    assert holder(play) == B

    play(*taking_over(C, A))
    assert holder(play) == C


def test_control_that_somebody_asked_for_meanwhile_is_not_taken_back() -> None:
    play = played(*showing(A), *showing(B), ConnectionFailed(A), ControlWanted(B))
    play(*taking_over(C, A))
    assert holder(play) == B


def test_a_viewer_that_watches_does_not_gain_control_by_changing_its_connection() -> None:
    play = played(*showing(A), *showing(B), *taking_over(C, B))
    assert holder(play) == A


def test_a_viewer_keeps_control_over_a_restart_of_the_gateway() -> None:
    play = played(*showing(A), *showing(B), GatewayLost(), GatewayBack())
    play(*taking_over(ConnectionId("b2"), B))
    play(*taking_over(ConnectionId("a2"), A))
    assert holder(play) == "a2"


def test_a_connection_that_replaces_another_is_no_viewer_more() -> None:
    limits = NegotiationSettings(max_viewers=1, max_connections=2)
    play = played(*showing(A), *taking_over(B, A), settings=limits)
    with pytest.raises(LimitReached):
        play(OfferReceived(C, "offer", B))
    with pytest.raises(LimitReached):
        play(OfferReceived(C, "offer"))


def test_who_can_only_watch_never_holds_control() -> None:
    play = played(OfferReceived(A, "offer", watches_only=True), OfferReceived(B, "offer"))
    assert play.said(AskGateway) == [AskGateway(A, "offer", False), AskGateway(B, "offer", True)]
    assert play(ControlWanted(A)) == []

    commands = play(ConnectionClosed(B))

    assert SetControlAtGateway(A, True) not in commands
    assert AskGateway(C, "offer", True) in play(OfferReceived(C, "offer"))


def test_a_new_controller_gives_control_to_nobody_who_can_only_watch() -> None:
    play = played(ConnectionAdopted(A, watches_only=True), ConnectionAdopted(B))
    assert isinstance(play.core, Negotiation)
    assert play.core.holder == B


def test_a_new_viewer_controls_when_nothing_is_heard_of_the_one_that_did() -> None:
    play = played(*showing(A), Disconnected(A))

    assert play(OfferReceived(B, "offer")) == [
        SetControlAtGateway(A, False),
        AskGateway(B, "offer", True),
        CountViewers(2),
    ]
    assert play(Connected(A)) == [SetControlAtGateway(B, False), SetControlAtGateway(A, True)]


def test_a_viewer_who_left_before_the_first_one_came_takes_nothing_from_it() -> None:
    play = played(*showing(ConnectionId("x")), ConnectionClosed(ConnectionId("x")))
    play(*showing(A), *showing(B), ConnectionClosed(A))
    assert holder(play) == B

    play(*taking_over(C, A))
    assert holder(play) == C


def test_who_had_control_only_meanwhile_does_not_take_it_from_who_came_back() -> None:
    a2, b2 = ConnectionId("a2"), ConnectionId("b2")
    play = played(*showing(A), *showing(B), GatewayLost(), GatewayBack())
    play(*taking_over(a2, A), *taking_over(b2, B))
    assert holder(play) == a2
