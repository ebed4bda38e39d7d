"""What gateway and machine say to each other is read back, and nothing else is."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from fanlight.media.gateway.rtp import picture_loss
from fanlight.media.rtcp import (
    EncoderReport,
    Target,
    key_frames_wanted,
    read_report,
    read_targets,
    report_packet,
    targets_packet,
)

targets = st.builds(Target, st.integers(30, 100_000), st.integers(1, 240), st.integers(10, 100))
layers = st.lists(targets, min_size=1, max_size=2).map(tuple)


@given(layers)
def test_targets_are_read_back_also_behind_other_packets(said: tuple[Target, ...]) -> None:
    packet = picture_loss(1, 2) + targets_packet(7, said)
    assert read_targets(packet) == said
    assert read_report(packet) is None
    assert key_frames_wanted(packet) == [2]


@given(layers, st.floats(0, 50_000))
def test_reports_are_read_back(said: tuple[Target, ...], encode_ms: float) -> None:
    report = read_report(report_packet(7, EncoderReport("vp8enc", encode_ms, said)))
    assert report is not None
    assert (report.encoder, report.layers) == ("vp8enc", said)
    assert abs(report.encode_ms - encode_ms) < 0.001


@given(st.binary(max_size=200))
def test_anything_else_is_no_message(data: bytes) -> None:
    read_targets(data), read_report(data), key_frames_wanted(data)
    assert read_targets(b"\x00" + data) is None


def test_what_is_out_of_range_is_no_message() -> None:
    def said(kbps: int, frames: int, scale: int) -> bytes:
        body = struct.pack("!IBBxx", kbps, frames, scale)
        return struct.pack("!BBHI4s", 0x80, 204, 4, 1, b"FNLT") + body

    assert read_targets(said(500, 30, 100)) == (Target(500, 30, 100),)
    for wrong in ((0, 30, 100), (500, 0, 100), (500, 30, 9), (500, 30, 101), (1 << 31, 30, 100)):
        assert read_targets(said(*wrong)) is None
    assert read_targets(said(500, 30, 100)[:-4]) is None
    assert read_targets(said(500, 30, 100).replace(b"FNLT", b"FNLX")) is None
    three = targets_packet(1, (Target(500, 30),) * 3)
    assert read_targets(three) is None
    odd = report_packet(1, EncoderReport("a b\n", 1, (Target(500, 30),)))
    assert read_report(odd) is None
