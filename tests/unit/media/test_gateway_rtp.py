"""RTP is read or refused, whatever the bytes; what is written can be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanlight.media.gateway.rtp import (
    NotRtp,
    RtpPacket,
    Stream,
    ahead,
    extension,
    parse,
    picture_loss,
    write,
)


@given(st.binary(max_size=1600))
def test_any_bytes_are_a_packet_or_not_rtp(data: bytes) -> None:
    try:
        packet = parse(data)
    except NotRtp:
        return
    assert packet.payload
    assert packet.payload in data


@given(
    st.integers(96, 127),
    st.integers(0, 65535),
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.binary(min_size=1, max_size=1200),
    st.none() | st.integers(1, 14),
    st.none() | st.integers(1, 14),
)
def test_what_is_written_is_read_back(
    payload_type: int,
    sequence: int,
    timestamp: int,
    marker: bool,
    payload: bytes,
    playout_delay_id: int | None,
    transport_cc_id: int | None,
) -> None:
    stream = Stream(payload_type, 0xDEADBEEF, playout_delay_id, transport_cc_id)
    data = write(stream, sequence=sequence, timestamp=timestamp, marker=marker, payload=payload)
    read = parse(data)
    assert read == RtpPacket(payload_type, marker, sequence, timestamp, 0xDEADBEEF, payload)


def test_the_playout_delay_is_zero_in_one_byte_form() -> None:
    assert extension(Stream(96, 1, playout_delay_id=5)) == bytes.fromhex("bede0001 52000000")


def test_there_is_room_for_a_number_that_counts_over_all_packets() -> None:
    stream = Stream(96, 1, playout_delay_id=5, transport_cc_id=4)
    assert extension(stream) == bytes.fromhex("bede0002 52000000 41000000")
    assert extension(Stream(96, 1, transport_cc_id=4)) == bytes.fromhex("bede0001 41000000")
    assert extension(Stream(96, 1)) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" * 11,
        bytes([0x40, 96]) + bytes(20),  # version 1
        bytes([0x80, 72]) + bytes(20),  # an RTCP sender report
        bytes([0x80, 96]) + bytes(10),  # no payload
        bytes([0x8F, 96]) + bytes(30),  # 15 contributing sources that are not there
        bytes([0x90, 96]) + bytes(10) + b"\xbe\xde\xff\xff" + bytes(8),  # extension too long
        bytes([0xA0, 96]) + bytes(20),  # padding of no bytes
        bytes([0xA0, 96]) + bytes(19) + b"\xff",  # more padding than packet
    ],
)
def test_contradictions_are_not_rtp(data: bytes) -> None:
    with pytest.raises(NotRtp):
        parse(data)


def test_a_key_frame_request_is_a_report_and_a_pli() -> None:
    data = picture_loss(1, 2)
    assert data == bytes.fromhex("80c9000100000001 81ce00020000000100000002")


@given(st.integers(0, 65535), st.integers(-1000, 1000))
def test_distance_goes_over_the_wrap(older: int, distance: int) -> None:
    assert ahead((older + distance) % 65536, older) == distance
