"""An offer is read into what is answered, or rejected with a sentence."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanlight.errors import OfferRejected
from fanlight.media.gateway.answer import announced_candidates, complete_answer
from fanlight.media.gateway.frames import Codec
from fanlight.media.gateway.networks import (
    Address,
    Candidate,
    ViewerNetworks,
    default_viewer_networks,
    parse_candidate,
)
from fanlight.media.gateway.offer import TRANSPORT_CC, Offer, read_offer

TRANSPORT = f"""c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 {":".join(["AB"] * 32)}
a=setup:actpass
"""
AUDIO = f"m=audio 9 UDP/TLS/RTP/SAVPF 111\n{TRANSPORT}a=mid:0\na=rtpmap:111 opus/48000/2\n"
VIDEO = f"""m=video 9 UDP/TLS/RTP/SAVPF 102 103 108 96 97
{TRANSPORT}a=mid:1
a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=recvonly
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtpmap:103 H264/90000
a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f
a=rtpmap:108 H264/90000
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42E01F
"""
DATA = f"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n{TRANSPORT}a=mid:2\na=sctp-port:5000\n"
HEAD = "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1 2\n"
WHOLE = HEAD + AUDIO + VIDEO + DATA
ANSWER = f"""v=0
o=- 1 2 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 1 2
m=video 9 UDP/TLS/RTP/SAVPF 96
{TRANSPORT}a=mid:1
a=sendonly
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
{TRANSPORT}a=mid:2
a=sctp-port:5000
"""


def read(sdp: str, codec: Codec = "vp8") -> Offer:
    return read_offer(sdp, codec=codec, max_bytes=100_000, max_candidates=10)


def test_the_payload_type_extension_and_retransmission_are_those_of_the_offer() -> None:
    offer = read(WHOLE)
    assert (offer.format.payload_type, offer.format.rtx_payload_type) == (96, 97)
    assert offer.playout_delay_id == 5
    assert offer.format.feedback == ("nack", "nack pli")
    assert offer.transport_cc_id is None


def test_transport_wide_numbers_are_sent_where_their_feedback_is_offered_too() -> None:
    extmap = f"a=extmap:3 {TRANSPORT_CC}\n"
    numbered = WHOLE.replace("a=rtcp-fb:96 goog-remb\n", extmap + "a=rtcp-fb:96 goog-remb\n")
    assert read(numbered).transport_cc_id is None
    offer = read(numbered.replace("a=rtcp-fb:96 goog-remb\n", "a=rtcp-fb:96 transport-cc\n"))
    assert offer.transport_cc_id == 3
    assert offer.format.feedback == ("nack", "nack pli", "transport-cc")
    assert extmap.strip() in offer.canonical()


@pytest.mark.parametrize("number", ["5", "15", "0", "256"])
def test_an_extension_whose_number_is_taken_twice_or_out_of_range_is_not_sent(
    number: str,
) -> None:
    feedback = f"a=rtcp-fb:96 transport-cc\na=extmap:{number} {TRANSPORT_CC}\n"
    offer = read(WHOLE.replace("a=rtcp-fb:96 goog-remb\n", feedback))
    assert offer.transport_cc_id is None
    assert offer.playout_delay_id == (None if number == "5" else 5)
    numbers = [line.split()[0] for line in offer.canonical().splitlines() if "extmap" in line]
    assert len(set(numbers)) == len(numbers)


def test_h264_is_taken_with_packetization_mode_1_and_constrained_baseline() -> None:
    offer = read(WHOLE, "h264")
    assert offer.format.payload_type == 108
    assert "profile-level-id=42e01f" in offer.format.parameters


def test_gstreamer_is_told_of_the_video_and_the_channel_only() -> None:
    canonical = read(WHOLE).canonical()
    assert [line for line in canonical.splitlines() if line.startswith("m=")] == [
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    ]
    assert "a=group:BUNDLE 1 2" in canonical
    assert "candidate" not in canonical
    assert read(canonical).format == read(WHOLE).format


def test_every_section_is_answered_in_the_order_of_the_offer() -> None:
    candidate = Candidate(1, "udp", 5, "127.0.0.1", 5000, "host", "1")
    answer = complete_answer(ANSWER, read(HEAD + VIDEO + AUDIO + DATA), (candidate,))
    heads = [line for line in answer.splitlines() if line.startswith("m=")]
    # The bundle hangs on section 0, the audio: it is accepted, idle, wherever it stands.
    assert [head.split()[:2] for head in heads] == [
        ["m=video", "9"],
        ["m=audio", "9"],
        ["m=application", "9"],
    ]
    assert "a=inactive" in answer
    assert answer.count("a=candidate:1 1 udp 5 127.0.0.1 5000 typ host") == 1


def test_a_section_that_no_bundle_hangs_on_is_refused() -> None:
    second = AUDIO.replace("a=mid:0", "a=mid:9")
    answer = complete_answer(ANSWER, read(WHOLE.replace(AUDIO, "") + second), ())
    assert "m=audio 0 UDP/TLS/RTP/SAVPF 111" in answer


def test_an_announced_address_of_a_nat_stands_in_for_the_hosts_own() -> None:
    inner, outer = (ipaddress.ip_address(text) for text in ("192.168.1.2", "203.0.113.9"))
    found = [Candidate(1, "udp", 5, str(inner), 5000, "host", "1")]
    announced: tuple[Address, ...] = (outer,)
    assert [c.address for c in announced_candidates(found, announced, (inner,))] == [str(outer)]


def test_viewers_on_both_sides_of_a_nat_are_told_both_addresses_with_the_same_port() -> None:
    inner, outer = (ipaddress.ip_address(text) for text in ("192.168.1.2", "203.0.113.9"))
    found = [Candidate(1, "udp", 5, str(inner), 5000, "host", "1")]

    told = announced_candidates(found, (outer, inner), (inner,))

    assert {(c.address, c.port) for c in told} == {(str(inner), 5000), (str(outer), 5000)}


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ("candidate:1 1 udp 1 127.0.0.1 5000 typ host", False),
        ("candidate:1 1 udp 1 ::1 5000 typ host", False),
        ("candidate:1 1 udp 1 192.168.1.2 5000 typ host", False),
        ("candidate:1 1 udp 1 ::ffff:192.168.1.2 5000 typ host", False),
        ("candidate:1 1 udp 1 192.168.7.1 5000 typ host", True),
        ("candidate:1 1 udp 1 8.8.8.8 5000 typ srflx raddr 0.0.0.0 rport 0", True),
        ("candidate:1 1 udp 1 10.0.0.1 5000 typ host", False),
        ("candidate:1 1 udp 1 169.254.169.254 8080 typ host", False),
        ("candidate:1 1 udp 1 ::ffff:10.0.0.1 5000 typ host", False),
        ("candidate:1 1 udp 1 fe80::1 5000 typ host", False),
        ("candidate:1 1 udp 1 224.0.0.1 5000 typ host", False),
        ("candidate:1 1 udp 1 0.0.0.0 5000 typ host", False),
        ("candidate:1 1 udp 1 0b0c.local 5000 typ host", False),
        ("candidate:1 1 udp 1 127.0.0.1 53 typ host", False),
        ("candidate:1 1 tcp 1 127.0.0.1 9000 typ host tcptype active", False),
    ],
)
def test_checks_go_to_public_addresses_and_configured_networks_only(
    text: str, is_taken: bool
) -> None:
    announced = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("192.168.1.2"))
    candidate = parse_candidate(text)
    assert candidate is not None
    viewers = ViewerNetworks(default_viewer_networks(announced), own=announced)
    assert viewers.takes(candidate) is is_taken


def test_loopback_is_checked_where_it_is_configured() -> None:
    viewers = ViewerNetworks((ipaddress.ip_network("127.0.0.0/8"),))
    candidate = parse_candidate("candidate:1 1 udp 1 127.0.0.1 5000 typ host")
    assert candidate is not None
    assert viewers.takes(candidate)


@pytest.mark.parametrize("text", ["", "candidate:", "candidate:1 1 udp x 1.1.1.1 5 typ host", "a"])
def test_what_is_no_candidate_is_none(text: str) -> None:
    assert parse_candidate(text) is None


@given(st.text(max_size=300))
def test_any_text_after_the_head_is_read_or_rejected(text: str) -> None:
    for sdp in (text, HEAD + text, WHOLE + text, HEAD + "m=" + text):
        try:
            canonical = read(sdp).canonical()
        except OfferRejected:
            continue
        assert canonical.isascii()


@given(st.integers(0, len(WHOLE) - 1), st.characters())
def test_any_character_changed_is_read_or_rejected(where: int, character: str) -> None:
    for codec in ("vp8", "h264"):
        try:
            offer = read(
                WHOLE[:where] + character + WHOLE[where + 1 :], "vp8" if codec == "vp8" else "h264"
            )
        except OfferRejected:
            continue
        assert offer.canonical().isascii()
        complete_answer(ANSWER, offer, ())
