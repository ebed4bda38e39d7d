"""Packets become whole frames; what is damaged is never shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fanlight.media.gateway.frames import Frame, FrameAssembler
from fanlight.media.gateway.rtp import RtpPacket

KEY, DELTA, MORE = b"\x10\x00key", b"\x10\x01delta", b"\x00rest"


def packet(sequence: int, payload: bytes, *, at: int, marker: bool = True) -> RtpPacket:
    return RtpPacket(96, marker, sequence % 65536, at, 1, payload)


def test_a_frame_of_two_packets_is_whole_at_its_marker() -> None:
    frames = FrameAssembler("vp8")
    assert frames.feed(packet(65535, KEY, at=9, marker=False)) is None
    assert frames.feed(packet(65536, MORE, at=9)) == Frame(9, key=True, payloads=(KEY, MORE))


def test_picture_ids_are_taken_out() -> None:
    frames = FrameAssembler("vp8")
    with_id = bytes([0x90, 0x80, 0x81, 0x02]) + b"\x00picture"
    assert frames.feed(packet(1, with_id, at=9)) == Frame(9, True, (b"\x10\x00picture",))


def test_nothing_is_shown_before_a_key_frame() -> None:
    frames = FrameAssembler("vp8")
    assert frames.feed(packet(1, DELTA, at=1)) is None
    assert frames.feed(packet(2, KEY, at=2)) is not None
    assert frames.feed(packet(3, DELTA, at=3)) == Frame(3, False, (DELTA,))


def test_after_a_gap_nothing_is_shown_until_a_key_frame() -> None:
    frames = FrameAssembler("vp8")
    frames.feed(packet(1, KEY, at=1))
    assert frames.feed(packet(4, DELTA, at=3)) is None
    assert (frames.lost, frames.damaged) == (2, True)
    assert frames.feed(packet(5, DELTA, at=4)) is None
    assert frames.feed(packet(6, KEY, at=5)) is not None
    assert frames.damaged is False


def test_a_key_frame_that_lost_its_middle_is_not_shown() -> None:
    frames = FrameAssembler("vp8")
    frames.feed(packet(1, KEY, at=1, marker=False))
    assert frames.feed(packet(3, MORE, at=1)) is None
    assert frames.damaged


def test_late_and_doubled_packets_change_nothing() -> None:
    frames = FrameAssembler("vp8")
    frames.feed(packet(1, KEY, at=1))
    frames.feed(packet(2, DELTA, at=2))
    assert frames.feed(packet(1, KEY, at=1)) is None
    assert frames.feed(packet(3, DELTA, at=3)) is not None
    assert (frames.packets, frames.lost) == (3, 0)


def test_an_h264_key_frame_begins_with_parameter_sets_or_an_idr_slice() -> None:
    parameters = bytes([0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1])
    fragment = bytes([0x7C, 0x85]) + b"idr"
    frames = FrameAssembler("h264")
    frames.feed(packet(1, parameters, at=1, marker=False))
    whole = frames.feed(packet(2, fragment, at=1))
    assert whole == Frame(1, True, (parameters, fragment))
    assert frames.feed(packet(3, b"\x41slice", at=2)) == Frame(2, False, (b"\x41slice",))


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=1, max_size=6), st.booleans())))
def test_any_packets_give_whole_frames_or_none(
    said: list[tuple[int, bytes, bool]],
) -> None:
    for codec in ("vp8", "h264"):
        frames = FrameAssembler("vp8" if codec == "vp8" else "h264")
        seen_key = False
        for number, payload, marker in said:
            frame = frames.feed(packet(number, payload, at=number // 3, marker=marker))
            if frame is None:
                continue
            seen_key = seen_key or frame.key
            assert seen_key
            assert all(frame.payloads)
