"""Viewers, offers and answers, scene by scene."""

from __future__ import annotations

import pytest

from fanlight.errors import (
    ConnectionNotFound,
    IllegalEvent,
    LimitReached,
    OfferRejected,
    SessionEnded,
)
from fanlight.session import Negotiation, NegotiationSettings, Reason
from fanlight.session.negotiation import (
    Answerer,
    AnswerMade,
    AskGateway,
    Candidate,
    CloseAtGateway,
    Connected,
    ConnectionAdopted,
    ConnectionClosed,
    ConnectionFailed,
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
    OfferReceived,
    OfferRefused,
    OfferToMachine,
    OpenStreamAtGateway,
    PassCandidateToGateway,
    PassCandidateToMachine,
    PassCandidateToViewer,
    PictureShown,
    SetControlAtGateway,
    State,
    StreamRequested,
    ViewerCandidateReceived,
)
from fanlight.session.offers import watches_only
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


def test_an_offer_is_answered_by_the_gateway_whether_there_is_a_machine_or_not() -> None:
    play = played()
    assert play(OfferReceived(A, "offer")) == [AskGateway(A, "offer", True), CountViewers(1)]
    assert play(AnswerMade(A, "answer")) == [DeliverAnswer(A, "answer")]
    assert play(Connected(A), PictureShown(A)) == []
    assert play.timers == []


def test_a_viewer_that_is_connected_before_the_machine_waits_without_a_timer() -> None:
    play = played(OfferReceived(A, "offer"), AnswerMade(A, "answer"), Connected(A))
    assert play.timers == []
    play(MachineReady())
    assert len(play.timers) == 1
    play(PictureShown(A))
    assert play.timers == []


def test_a_ready_machine_without_a_picture_is_named() -> None:
    play = played(MachineReady(), OfferReceived(A, "offer"), AnswerMade(A, "answer"), Connected(A))
    play.wait(15)
    assert reasons(play) == [(A, "no-picture")]


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


def test_an_answer_that_nobody_offered_for_is_illegal() -> None:
    with pytest.raises(IllegalEvent):
        Negotiation().handle(AnswerMade(A, "answer"))


def test_an_answer_after_the_connection_closed_is_dropped() -> None:
    play = played(OfferReceived(A, "offer"), ConnectionClosed(A))
    assert play(AnswerMade(A, "answer")) == []


def test_a_second_answer_changes_nothing() -> None:
    assert played(*showing(A))(AnswerMade(A, "another")) == []


def test_an_offer_with_an_id_that_was_used_is_illegal() -> None:
    play = played(OfferReceived(A, "offer"))
    with pytest.raises(IllegalEvent):
        play(OfferReceived(A, "offer"))


def test_a_candidate_of_nobody_is_refused() -> None:
    with pytest.raises(ConnectionNotFound):
        Negotiation().handle(ViewerCandidateReceived(A, ONE))


def test_an_offer_that_cannot_be_answered_is_refused_with_the_gateway_s_words() -> None:
    play = played(OfferReceived(A, "offer"))
    assert play(OfferRefused(A, "offer-rejected", "No video.")) == [
        DeliverRefusal(A, "offer-rejected", "No video."),
        NameReason(A, "offer-rejected", "No video."),
        CountViewers(0),
    ]


def test_a_gateway_that_does_not_answer_is_named() -> None:
    play = played(OfferReceived(A, "offer"))
    play.wait(5)
    assert reasons(play) == [(A, "gateway-unavailable")]
    assert CloseAtGateway(A) in play.commands


def test_a_network_that_lets_nothing_through_is_named() -> None:
    play = played(OfferReceived(A, "offer"), AnswerMade(A, "answer"))
    play.wait(20)
    assert reasons(play) == [(A, "network-blocked")]


def test_a_connection_that_breaks_is_named() -> None:
    play = played(*showing(A), ConnectionFailed(A))
    assert reasons(play) == [(A, "connection-lost")]


def test_an_offer_waits_for_a_gateway_that_is_being_restarted() -> None:
    play = played(GatewayLost(), OfferReceived(A, "offer"), ViewerCandidateReceived(A, ONE))
    assert play.said(AskGateway) == []
    assert play(GatewayBack()) == [AskGateway(A, "offer", True), PassCandidateToGateway(A, ONE)]


def test_an_offer_does_not_wait_for_a_gateway_for_ever() -> None:
    play = played(GatewayLost(), OfferReceived(A, "offer"))
    play.wait(5)
    assert reasons(play) == [(A, "gateway-unavailable")]


def test_every_viewer_is_told_to_offer_again_when_the_gateway_was_lost() -> None:
    play = played(*showing(A), OfferReceived(B, "offer"))
    commands = play(GatewayLost())
    assert reasons(play) == [(A, "gateway-restarted"), (B, "gateway-restarted")]
    assert not any(isinstance(each, CloseAtGateway | SetControlAtGateway) for each in commands)


def test_an_offer_waits_for_the_machine_that_is_to_answer_it() -> None:
    play = played(answerer="machine")
    assert play(OfferReceived(A, "offer")) == [CountViewers(1)]
    play(ViewerCandidateReceived(A, ONE), GatewayLost())
    assert play(MachineReady()) == [OfferToMachine(A, "offer"), PassCandidateToMachine(A, ONE)]
    assert play(ViewerCandidateReceived(A, TWO)) == [PassCandidateToMachine(A, TWO)]
    assert play(AnswerMade(A, "answer")) == [DeliverAnswer(A, "answer")]
    assert play.timers == []


def test_a_machine_s_candidates_come_after_its_answer() -> None:
    play = played(MachineReady(), OfferReceived(A, "offer"), answerer="machine")
    assert play(MachineCandidateReceived(A, ONE)) == []
    assert play(AnswerMade(A, "answer"))[1:] == [PassCandidateToViewer(A, ONE)]
    assert play(MachineCandidateReceived(A, TWO)) == [PassCandidateToViewer(A, TWO)]


def test_a_machine_that_does_not_answer_is_named() -> None:
    play = played(MachineReady(), OfferReceived(A, "offer"), answerer="machine")
    play.wait(5)
    assert reasons(play) == [(A, "machine-did-not-answer")]


def test_control_means_nothing_to_a_machine_that_answers_itself() -> None:
    play = played(OfferReceived(A, "offer"), OfferReceived(B, "offer"), answerer="machine")
    assert not play.said(SetControlAtGateway)
    play(ConnectionClosed(A), ControlWanted(B))
    assert not play.said(SetControlAtGateway)


@pytest.mark.parametrize("kind", [ViewerCandidateReceived, MachineCandidateReceived])
def test_only_so_many_early_candidates_are_kept(
    kind: type[ViewerCandidateReceived | MachineCandidateReceived],
) -> None:
    play = played(OfferReceived(A, "x"), settings=NegotiationSettings(max_candidates=1))
    waits = played(
        GatewayLost(), OfferReceived(A, "x"), settings=NegotiationSettings(max_candidates=1)
    )
    early = play if kind is MachineCandidateReceived else waits
    early(kind(A, ONE))
    with pytest.raises(LimitReached):
        early(kind(A, TWO))


def test_only_so_many_viewers_may_look() -> None:
    play = played(OfferReceived(A, "x"), settings=NegotiationSettings(max_viewers=1))
    with pytest.raises(LimitReached):
        play(OfferReceived(B, "x"))


def test_an_offer_after_the_end_is_refused_with_the_reason() -> None:
    play = played(Ended(OVER), Ended(Reason("other", "Another.")))
    with pytest.raises(SessionEnded, match="Nobody looked"):
        play(OfferReceived(A, "offer"))


def test_the_end_of_the_session_is_every_connection_s_reason() -> None:
    play = played(*showing(A), OfferReceived(B, "x"), Ended(OVER))
    assert reasons(play) == [(A, "idle"), (B, "idle")]
    assert DeliverRefusal(B, "idle", "Nobody looked.") in play.commands
    assert play.timers == []


def test_a_new_controller_takes_over_the_gateway_s_connections() -> None:
    core = Negotiation()
    core.handle(ConnectionAdopted(A))
    assert core.connections[A].state is State.SHOWING
    assert core.holder == A


def test_old_closed_connections_are_forgotten() -> None:
    core = Negotiation(settings=NegotiationSettings(max_closed=1))
    for connection in (A, B):
        core.handle(OfferReceived(connection, "x"))
        core.handle(ConnectionClosed(connection))
    assert list(core.connections) == [B]


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


SECTION = "m=application {} UDP/DTLS/SCTP webrtc-datachannel\r\n{}"


@pytest.mark.parametrize(
    ("sections", "watches"),
    [
        ([], True),
        ([SECTION.format(9, "")], False),
        ([SECTION.format(0, "")], True),
        ([SECTION.format(0, "a=mid:1\r\na=bundle-only\r\n")], False),
        ([SECTION.format(0, ""), SECTION.format(9, "")], False),
        (["m=application 9 RTP/AVP 98\r\n"], True),
    ],
)
def test_an_offer_without_a_data_channel_is_of_one_that_only_watches(
    sections: list[str], watches: bool
) -> None:
    sdp = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n" + "".join(sections)
    assert watches_only(sdp) is watches


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
