"""Payloads become one picture as decoders take it; what contradicts itself becomes none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fanlight.media.gateway.frames import Codec, Frame, FrameAssembler
from fanlight.media.gateway.pictures import MAX_PICTURE_BYTES, PictureJoiner, size_of
from fanlight.media.gateway.rtp import RtpPacket

START = b"\0\0\0\1"
SPS, PPS, IDR = b"\x67sps", b"\x68pps", b"\x65" + b"slice" * 9


def frame(*payloads: bytes) -> Frame:
    return Frame(0, True, payloads)


def whole_picture(codec: Codec, given: Frame) -> bytes | None:
    return PictureJoiner(codec).join(given)


def fragments(unit: bytes, size: int) -> list[bytes]:
    """Cut a NAL unit into FU-A packets (RFC 6184 section 5.8)."""
    head, rest = unit[0], unit[1:]
    parts = [rest[at : at + size] for at in range(0, len(rest), size)]
    marks = [0x80] + [0] * (len(parts) - 2) + [0x40]
    indicator = head & 0xE0 | 28
    return [
        bytes((indicator, mark | head & 0x1F)) + part
        for mark, part in zip(marks, parts, strict=True)
    ]


def aggregate(*units: bytes) -> bytes:
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def test_a_vp8_picture_is_its_payloads_without_descriptors() -> None:
    assert whole_picture("vp8", frame(b"\x10key ", b"\x00frame")) == b"key frame"


def test_an_h264_picture_is_its_units_with_start_codes() -> None:
    cut = fragments(IDR, 10)
    wanted = START + SPS + START + PPS + START + IDR
    assert whole_picture("h264", frame(SPS, PPS, *cut)) == wanted
    assert whole_picture("h264", frame(aggregate(SPS, PPS), *cut)) == wanted


def test_parameter_sets_alone_go_before_the_next_picture() -> None:
    joiner = PictureJoiner("h264")
    assert joiner.join(frame(SPS, PPS)) == b""
    assert joiner.join(frame(IDR)) == START + SPS + START + PPS + START + IDR
    assert joiner.join(frame(IDR)) == START + IDR


def test_a_unit_without_its_begin_or_end_makes_no_picture() -> None:
    cut = fragments(IDR, 10)
    for broken in (cut[1:], cut[:-1], [*cut[:2], SPS, *cut[2:]], [cut[0], *cut], [cut[0][:2]]):
        assert whole_picture("h264", frame(*broken)) is None


def test_an_aggregate_whose_sizes_lie_makes_no_picture() -> None:
    for lie in (b"\x78\xff\xffx", b"\x78\x00\x00", b"\x78\x00", aggregate(SPS) + b"\x00"):
        assert whole_picture("h264", frame(lie)) is None


def test_a_picture_that_is_too_long_is_none() -> None:
    assert whole_picture("vp8", frame(b"\x10" + bytes(MAX_PICTURE_BYTES))) is None


def test_a_vp8_key_frame_tells_its_size() -> None:
    head = bytes((0x10, 0, 0)) + b"\x9d\x01\x2a" + b"\x00\x05\xd0\x42"
    assert size_of("vp8", head) == (1280, 720)
    assert size_of("vp8", b"\x11" + head[1:]) == (0, 0)
    assert size_of("vp8", head[:9]) == (0, 0)
    assert size_of("h264", head) == (0, 0)


@given(
    st.sampled_from(["vp8", "h264"]),
    st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.booleans()), max_size=12),
)
def test_whatever_a_machine_sends_is_a_picture_or_none(
    codec: Codec, sent: list[tuple[bytes, bool]]
) -> None:
    assembler, joiner = FrameAssembler(codec), PictureJoiner(codec)
    for number, (payload, marker) in enumerate(sent):
        packet = RtpPacket(96, marker, number, number // 3, 1, payload)
        found = assembler.feed(packet)
        if found is not None:
            picture = joiner.join(found)
            assert picture is None or len(picture) < 100 * len(sent)
