"""Chunks of a stream: cut anywhere they are the same; any other bytes are a WireError."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanlight import wire
from fanlight.errors import WireError

u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
clock = st.floats(allow_nan=False, allow_infinity=False)
frames = st.builds(
    wire.StreamFrame,
    number=u32,
    timestamp=u32,
    key=st.booleans(),
    layer=st.integers(0, 255),
    width_px=u16,
    height_px=u16,
    at_ms=clock,
    machine_ms=st.floats(0, 1e6, width=32),
    picture=st.binary(max_size=200),
)
chunks = frames | st.builds(wire.StreamText, st.binary(max_size=200))


@given(st.lists(chunks, max_size=6), st.integers(1, 50))
def test_a_stream_cut_anywhere_gives_the_same_chunks(sent: list[wire.Chunk], size: int) -> None:
    stream = b"".join(map(wire.encode_chunk, sent))
    cutter = wire.ChunkCutter(wire.MAX_CHUNK_BYTES)
    received: list[wire.Chunk] = []
    for start in range(0, len(stream), size):
        cut = cutter.feed(stream[start : start + size])
        received += [wire.decode_chunk(each) for each in cut]
    assert received == sent


@given(st.lists(st.binary(max_size=80), max_size=8), st.integers(1, 60))
def test_random_bytes_are_chunks_or_a_wire_error_and_little_is_kept(
    parts: list[bytes], most: int
) -> None:
    cutter = wire.ChunkCutter(most)
    with contextlib.suppress(WireError):
        for part in parts:
            assert all(1 <= len(chunk) <= most for chunk in cutter.feed(part))
            assert len(cutter._rest) < 4 + most


@given(st.binary(max_size=120))
def test_random_bytes_are_one_chunk_or_a_wire_error(data: bytes) -> None:
    with contextlib.suppress(WireError):
        decoded = wire.decode_chunk(data)
        again = wire.encode_chunk(decoded)
        assert len(again) == 4 + len(data)


@given(st.binary(min_size=1, max_size=200))
def test_what_a_viewer_says_is_cut_out_again_as_it_was(said: bytes) -> None:
    cutter = wire.ChunkCutter(wire.MAX_TEXT_CHUNK_BYTES)
    assert list(cutter.feed(wire.with_length(said))) == [said]


@pytest.mark.parametrize("length", [0, wire.MAX_TEXT_CHUNK_BYTES + 1])
def test_empty_and_overlong_chunks_are_refused_before_they_are_kept(length: int) -> None:
    cutter = wire.ChunkCutter(wire.MAX_TEXT_CHUNK_BYTES)
    with pytest.raises(WireError):
        list(cutter.feed(struct.pack(">I", length)))
    with pytest.raises(WireError):
        wire.with_length(bytes(length))


def test_chunks_before_a_bad_one_are_still_given() -> None:
    cutter = wire.ChunkCutter(10)
    stream = wire.encode_chunk(wire.StreamText(b"fine")) + struct.pack(">I", 11)
    cut = cutter.feed(stream)
    assert next(cut) == b"\x01fine"
    with pytest.raises(WireError):
        next(cut)
