"""Whatever comes from a viewer, a machine or a server: read, or refused by name, in little time.

Real recorded input (tests/corpus), damaged; and input that is large in every way it can be, to see
that twice as much takes about twice as long.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.corpus import offers, packets
from tests.property.mutations import damaged_bytes, damaged_text, growth

from fanlight import wire
from fanlight.api import fragments
from fanlight.errors import FragmentRejected, OfferRejected, WireError
from fanlight.media import rtcp
from fanlight.media.gateway.answer import complete_answer
from fanlight.media.gateway.frames import MAX_FRAME_PACKETS, FrameAssembler
from fanlight.media.gateway.input import check_input
from fanlight.media.gateway.networks import Candidate, ViewerNetworks, parse_candidate
from fanlight.media.gateway.offer import MAX_SECTIONS, Offer, read_offer
from fanlight.media.gateway.pictures import MAX_PICTURE_BYTES, PictureJoiner, size_of
from fanlight.media.gateway.rtp import NotRtp, parse
from fanlight.session.offers import watches_only

Codec = Literal["vp8", "h264"]
OFFERS = offers()
CODECS: tuple[Codec, ...] = ("vp8", "h264")
RTP: dict[Codec, list[bytes]] = {codec: packets(codec) for codec in CODECS}
OURS = Candidate(1, "udp", 5, "192.0.2.1", 5000, "host", "1")
MAX_OFFER_BYTES = 262_144


def taken(sdp: str, codec: Codec = "vp8") -> Offer:
    return read_offer(sdp, codec=codec, max_bytes=MAX_OFFER_BYTES, max_candidates=64)


@pytest.mark.parametrize("name", OFFERS)
def test_the_offers_of_real_players_are_taken(name: str) -> None:
    offer = taken(OFFERS[name])
    assert fragments.read_offer(OFFERS[name]).ufrag == offer.ice_ufrag
    assert watches_only(OFFERS[name]) is (offer.data_index is None)


@given(damaged_text(list(OFFERS.values())), st.sampled_from(CODECS))
def test_a_damaged_offer_is_read_or_refused_by_name(text: str, codec: Codec) -> None:
    with contextlib.suppress(OfferRejected):
        fragments.read_offer(text)
    watches_only(text)
    try:
        offer = taken(text, codec)
    except OfferRejected:
        return
    assert len(offer.sections) <= MAX_SECTIONS
    canonical = offer.canonical()
    assert len(canonical) < 8_000
    again = taken(canonical, codec)
    assert (again.format, again.ice_ufrag, again.fingerprint) == (
        offer.format,
        offer.ice_ufrag,
        offer.fingerprint,
    )
    # A peer answers the canonical offer; the viewer gets a section for each of its own.
    with contextlib.suppress(OfferRejected):
        answer = complete_answer(canonical.replace("actpass", "active"), offer, (OURS,))
        sections = [line for line in answer.splitlines() if line.startswith("m=")]
        assert len(sections) == len(offer.sections)
        assert not set(answer) & set("\0\x0b\x0c\x1c\x85\u2028")


FRAGMENT = "a=ice-ufrag:abcd\r\na=ice-pwd:{pwd}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
FRAGMENTS = [
    FRAGMENT.format(pwd="p" * 24)
    + "".join(f"{line}\r\n" for line in sdp.split("\r\n") if "cand" in line)
    for sdp in OFFERS.values()
]


@given(damaged_text(FRAGMENTS))
def test_a_damaged_fragment_is_read_or_refused_by_name(text: str) -> None:
    try:
        read = fragments.read_fragment(text)
    except FragmentRejected:
        return
    for each in read.candidates:
        candidate = parse_candidate(each.candidate)
        if candidate is not None:
            ViewerNetworks(()).takes(candidate)
            assert parse_candidate(candidate.line()) == candidate


CANDIDATES = [line for sdp in OFFERS.values() for line in re.findall("candidate:.*", sdp)]


@given(damaged_text(CANDIDATES))
@example("candidate:1 1 udp ٣ 192.0.2.1 ٩ typ host")
@example("candidate:1 1 udp 1 1.1 5000 typ host")
@example("candidate:1 1 udp 1 fe80::1%eth0 5000 typ host")
def test_a_damaged_candidate_is_one_or_none(text: str) -> None:
    candidate = parse_candidate(text)
    if candidate is None:
        return
    assert 0 <= candidate.port <= 65535
    assert candidate.line().isascii()
    if ViewerNetworks(()).takes(candidate):
        assert candidate.port >= 1024


@given(st.data(), st.sampled_from(CODECS))
def test_damaged_packets_are_frames_that_came_whole_or_nothing(
    data: st.DataObject, codec: Codec
) -> None:
    assembler, joiner = FrameAssembler(codec), PictureJoiner(codec)
    original = RTP[codec]
    sent = list(original)
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(sent) - 1))
        sent[at : at + 1] = data.draw(st.lists(damaged_bytes(original), max_size=2))
        sent = sent or [b""]
    for packet in sent:
        try:
            read = parse(packet)
        except NotRtp:
            continue
        frame = assembler.feed(read)
        if frame is None:
            continue
        assert 0 < len(frame.payloads) <= MAX_FRAME_PACKETS
        picture = joiner.join(frame)
        if picture:
            assert len(picture) <= MAX_PICTURE_BYTES + 4 * 65536
            width, height = size_of(codec, picture)
            assert 0 <= width < 1 << 16
            assert 0 <= height < 1 << 16


@pytest.mark.parametrize("codec", CODECS)
def test_the_recorded_packets_are_whole_frames(codec: Codec) -> None:
    assembler, joiner = FrameAssembler(codec), PictureJoiner(codec)
    frames = [frame for each in RTP[codec] if (frame := assembler.feed(parse(each))) is not None]
    assert len(frames) >= 8
    assert frames[0].key
    assert any(joiner.join(frame) for frame in frames)


REPORTS = [
    rtcp.targets_packet(7, (rtcp.Target(800, 30, 100), rtcp.Target(200, 15, 50))),
    rtcp.report_packet(7, rtcp.EncoderReport("vp8enc", 2.5, (rtcp.Target(800, 30),))),
    bytes.fromhex("80c900010000000781ce00020000000700000009"),
]


@given(damaged_bytes(REPORTS) | st.binary(max_size=200))
def test_damaged_rtcp_says_what_it_says_or_nothing(data: bytes) -> None:
    for layer in rtcp.key_frames_wanted(data):
        assert layer >= 0
    rtcp.read_report(data)
    for target in rtcp.read_targets(data) or ():
        assert target.kbps >= 0


LINES = [
    wire.encode(message)
    for message in (
        wire.PointerMoved(5, 7),
        wire.KeyChanged(0x61, down=True),
        wire.TextTyped("héllo"),
        wire.OpenConnection(wire.SessionId("s"), wire.ConnectionId("c"), "v=0"),
        wire.DisplaySize(1280, 720),
    )
]


@given(damaged_bytes(LINES))
@example(b'{"type":"input.text","text":' + b"[" * 30_000)
@example(b'{"type":"input.pointer","x":1e400,"y":NaN}')
@example(b'{"type":"input.pointer","x":' + b"9" * 5000 + b',"y":0}')
def test_a_damaged_message_is_one_or_a_wire_error(line: bytes) -> None:
    with contextlib.suppress(WireError):
        wire.decode(line)
    check_input(line, 65_536)
    decoder = wire.Decoder()
    with contextlib.suppress(WireError):
        list(decoder.feed(line))


def _offer_of(lines: Callable[[int], str]) -> Callable[[int], str]:
    return lambda size: (OFFERS["aiortc"] + "".join(lines(n) for n in range(size)))[
        :MAX_OFFER_BYTES
    ]


def _try_offer(text: str) -> None:
    with contextlib.suppress(OfferRejected):
        taken(text)
    with contextlib.suppress(OfferRejected):
        fragments.read_offer(text)
    watches_only(text)


def _feed(stream: bytes) -> None:
    decoder = wire.Decoder()
    for start in range(0, len(stream), 997):
        with contextlib.suppress(WireError):
            list(decoder.feed(stream[start : start + 997]))


def _assemble(count: int) -> None:
    assembler = FrameAssembler("h264")
    payload = b"\x18" + b"\x00\x01\x41" * 400
    for number in range(count):
        header = b"\x80\x60" + (number & 0xFFFF).to_bytes(2, "big") + bytes(8)
        assembler.feed(parse(header + payload))


def _read_reports(data: bytes) -> None:
    """As much at once as is read from a machine: 2048 bytes."""
    for _ in range(200):
        rtcp.read_targets(data)


def _join(count: int) -> None:
    assembler, joiner = FrameAssembler("h264"), PictureJoiner("h264")
    for number in range(count):
        last = 0x80 if number == count - 1 else 0
        header = bytes([0x80, 96 | last]) + number.to_bytes(2, "big") + bytes(8)
        kind = b"\x7c\x85" if number == 0 else b"\x7c\x45" if last else b"\x7c\x05"
        frame = assembler.feed(parse(header + kind + bytes(1000)))
        if frame is not None:
            joiner.join(frame)


LARGE: dict[str, tuple[Callable[[Any], object], Callable[[int], Any], int]] = {
    "candidates": (
        _try_offer,
        _offer_of(
            lambda n: f"a=candidate:{n} 1 udp {n} 10.0.{n % 250}.1 {n % 60000 + 1024} typ host\r\n"
        ),
        1_800,
    ),
    "formats": (_try_offer, _offer_of(lambda n: f"a=rtpmap:{n % 128} VP8/90000\r\n"), 4_000),
    "empty lines": (_try_offer, _offer_of(lambda n: "\r\n"), 50_000),
    "data channels": (
        _try_offer,
        _offer_of(lambda n: "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"),
        2_000,
    ),
    "a long line": (_try_offer, lambda size: "v=0\r\na=" + "x" * size, 120_000),
    "a line that never ends": (_feed, lambda size: b"x" * size, 500_000),
    "a message nested": (_feed, lambda size: b'{"type":' + b"[" * size + b"\n", 20_000),
    "packets of one frame": (_assemble, lambda size: size, 500),
    "a picture in parts": (_join, lambda size: size, 500),
    "rtcp": (_read_reports, lambda size: b"\x80\xc9\x00\x00" * size, 256),
}


@pytest.mark.parametrize("what", LARGE)
def test_twice_as_much_takes_about_twice_as_long(what: str) -> None:
    work, make, size = LARGE[what]

    times = min(growth(work, make, size) for _ in range(3))

    assert times < 3.2, f"{what}: {times:.1f} times as long"
