"""Viewers over a WebSocket in a negotiation, scene by scene."""

from __future__ import annotations

import pytest
from tests.unit.session.scenes import (
    OVER,
    A,
    B,
    C,
    holder,
    played,
    showing,
    state,
)

from fanlight.errors import (
    IllegalEvent,
    LimitReached,
    OfferRejected,
    SessionEnded,
)
from fanlight.session import NegotiationSettings
from fanlight.session.negotiation import (
    Connected,
    ConnectionClosed,
    ControlWanted,
    CountViewers,
    DeliverRefusal,
    Ended,
    GatewayBack,
    GatewayLost,
    MachineReady,
    OfferReceived,
    OpenStreamAtGateway,
    PictureShown,
    SetControlAtGateway,
    State,
    StreamRequested,
)

VP8 = ("vp8",)


def test_a_stream_is_connected_as_soon_as_the_gateway_has_it() -> None:
    play = played(StreamRequested(A, VP8))
    assert OpenStreamAtGateway(A, VP8, controls=True) in play.commands
    assert CountViewers(1) in play.commands
    play(Connected(A), MachineReady())
    assert state(play, A) is State.CONNECTED
    play(PictureShown(A))
    assert state(play, A) is State.SHOWING
    assert not play.timers


def test_a_stream_that_no_gateway_opens_ends_with_a_reason() -> None:
    play = played(StreamRequested(A, VP8))
    play.wait(6)
    assert play.said(DeliverRefusal)[0].code == "gateway-unavailable"
    assert state(play, A) is State.CLOSED


def test_a_stream_waits_for_a_gateway_that_is_being_restarted() -> None:
    play = played(GatewayLost(), StreamRequested(A, VP8))
    assert not play.said(OpenStreamAtGateway)
    play(GatewayBack())
    assert play.said(OpenStreamAtGateway) == [OpenStreamAtGateway(A, VP8, controls=True)]


def test_control_goes_between_a_stream_and_a_webrtc_viewer() -> None:
    play = played(*showing(A), StreamRequested(B, VP8), Connected(B), PictureShown(B))
    assert OpenStreamAtGateway(B, VP8, controls=False) in play.commands
    assert SetControlAtGateway(B, True) in play(ConnectionClosed(A))
    assert SetControlAtGateway(B, False) in play(OfferReceived(C, "offer"), ControlWanted(C))


def test_a_change_of_control_that_overtook_a_stream_is_said_again() -> None:
    play = played(*showing(A), StreamRequested(B, VP8), ConnectionClosed(A))
    assert SetControlAtGateway(B, True) in play(Connected(B))


def test_a_stream_replaces_the_same_viewers_connection_and_keeps_control() -> None:
    play = played(*showing(A), *showing(C), StreamRequested(B, VP8, replaces=A), Connected(B))
    commands = play(PictureShown(B))
    assert SetControlAtGateway(B, True) in commands
    assert not any(isinstance(each, CountViewers) for each in play(ConnectionClosed(A)))
    assert holder(play) == B


def test_streams_are_viewers_to_every_limit() -> None:
    play = played(StreamRequested(A, VP8), settings=NegotiationSettings(max_viewers=1))
    with pytest.raises(LimitReached):
        play(StreamRequested(B, VP8))
    with pytest.raises(IllegalEvent):
        play(StreamRequested(A, VP8))
    play(Ended(OVER))
    with pytest.raises(SessionEnded):
        play(StreamRequested(C, VP8))


def test_a_machine_that_answers_has_no_stream() -> None:
    play = played(MachineReady(), answerer="machine")
    with pytest.raises(OfferRejected):
        play(StreamRequested(A, VP8))
    assert not play.commands
