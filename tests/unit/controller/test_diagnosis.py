"""What the doctor makes of what the gateway says in a few seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fanlight.controller.diagnosis import Heard, diagnose
from fanlight.session.host_causes import ALL
from fanlight.wire import (
    ConnectionId,
    ConnectionReport,
    ConnectionStats,
    MediaFlow,
    Message,
    SessionDescribed,
    SessionId,
    ViewerDescribed,
    ViewerFigures,
)

SESSION, ANNA = SessionId("s-1"), ConnectionId("anna")
VIEWER = ViewerDescribed(
    ANNA, "webrtc", "connected", controls=True, waits_for_key_frame=False,
    offered=("udp 192.0.2.2 40000",), candidates_taken=1,
)  # fmt: skip
DESCRIBED = SessionDescribed(SESSION, known=True, machine="m-1", packets=100, viewers=(VIEWER,))
FLOW = MediaFlow(SESSION, True, 150, 0, 0, 2, encoder="vp8enc", encode_ms=9, frames_per_s=30)
STATS = ConnectionStats(SESSION, ANNA, 1000, 1_000_000, 20, 0, 1, pair="host 192.0.2.2 40000")
FIGURES = ViewerFigures("udp", frames_decoded=90, frames_per_s=30, kbps=800)


def codes(*heard: Message) -> list[str]:
    """What is not good in it, by code."""
    listener = Heard()
    for message in heard:
        listener.take(message)
    findings = diagnose(listener)
    assert all(each.code in ALL and each.remedy for each in findings if each.level == "bad")
    return [each.code for each in findings if each.level != "good"]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    later = replace(STATS, packets_sent=2000)

    assert codes(DESCRIBED, FLOW, STATS, later, ConnectionReport(SESSION, ANNA, FIGURES)) == []


def test_a_session_that_the_gateway_does_not_hold_is_the_gateways_fault() -> None:
    assert codes() == ["gateway-unreachable"]
    assert codes(SessionDescribed(SESSION, known=False)) == ["gateway-unreachable"]


def test_a_machine_that_sends_nothing_when_asked_is_silent() -> None:
    still = replace(FLOW, packets=DESCRIBED.packets)

    assert codes(DESCRIBED, still, STATS) == ["machine-silent"]
    assert codes(DESCRIBED, STATS) == ["machine-silent"]
    assert codes(replace(DESCRIBED, machine=""), STATS) == ["no-picture"]


def test_what_was_said_before_the_key_frame_was_asked_for_proves_nothing() -> None:
    assert codes(FLOW, DESCRIBED, STATS) == ["machine-silent"]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("disconnected", "network-lost"),
        ("connecting", "path-not-found"),
        ("failed", "path-not-found"),
        ("new", "path-not-found"),
    ],
)
def test_a_viewer_without_a_path_is_named_with_the_candidates_it_was_offered(
    state: str, code: str
) -> None:
    described = replace(DESCRIBED, viewers=(replace(VIEWER, state=state),))
    listener = Heard(described=described, flow=FLOW)

    found = [each for each in diagnose(listener) if each.level == "bad"]

    assert [each.code for each in found] == [code]
    assert "udp 192.0.2.2 40000" in found[0].text


def test_loss_and_long_round_trips_are_a_slow_path() -> None:
    later = replace(STATS, packets_sent=2000, packets_lost=80)

    assert codes(DESCRIBED, FLOW, STATS, later) == ["slow-path"]
    assert codes(DESCRIBED, FLOW, replace(STATS, round_trip_ms=400)) == ["slow-path"]
    # Chromium counts loss from the beginning: only what was lost meanwhile says something.
    assert codes(DESCRIBED, FLOW, replace(STATS, packets_lost=80)) == []


def test_a_viewer_that_gets_packets_and_decodes_nothing_shows_no_picture() -> None:
    report = ConnectionReport(SESSION, ANNA, replace(FIGURES, frames_decoded=0))

    assert codes(DESCRIBED, FLOW, STATS, report) == ["picture-not-shown"]


def test_an_encoder_that_takes_too_long_is_noted() -> None:
    assert codes(DESCRIBED, replace(FLOW, encode_ms=80), STATS) == ["encoder-slow"]


def test_foreign_packets_are_noted() -> None:
    assert codes(DESCRIBED, replace(FLOW, malformed=3), STATS) == ["packets-malformed"]


def test_a_session_that_nobody_watches_is_no_fault() -> None:
    assert codes(replace(DESCRIBED, viewers=()), FLOW) == ["nobody-watches"]
