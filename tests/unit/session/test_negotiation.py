"""Viewers, offers and answers, scene by scene."""

from __future__ import annotations

import pytest
from tests.unit.session.scenes import (
    ONE,
    OVER,
    TWO,
    A,
    B,
    played,
    reasons,
    showing,
)

from fanlight.errors import (
    ConnectionNotFound,
    IllegalEvent,
    LimitReached,
    SessionEnded,
)
from fanlight.session import Negotiation, NegotiationSettings, Reason
from fanlight.session.negotiation import (
    AnswerMade,
    AskGateway,
    CloseAtGateway,
    Connected,
    ConnectionClosed,
    ConnectionFailed,
    ControlWanted,
    CountViewers,
    DeliverAnswer,
    DeliverRefusal,
    Ended,
    GatewayBack,
    GatewayLost,
    MachineCandidateReceived,
    MachineReady,
    NameReason,
    OfferReceived,
    OfferRefused,
    OfferToMachine,
    PassCandidateToGateway,
    PassCandidateToMachine,
    PassCandidateToViewer,
    PictureShown,
    SetControlAtGateway,
    ViewerCandidateReceived,
)
from fanlight.session.offers import watches_only


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


def test_old_closed_connections_are_forgotten() -> None:
    core = Negotiation(settings=NegotiationSettings(max_closed=1))
    for connection in (A, B):
        core.handle(OfferReceived(connection, "x"))
        core.handle(ConnectionClosed(connection))
    assert list(core.connections) == [B]


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
