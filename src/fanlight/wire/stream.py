"""Chunks: how pictures and messages share the one stream of a viewer over a WebSocket.

    gateway <-> controller   length (4 bytes, of what follows) | kind (1 byte) | body
    controller <-> browser   a binary WebSocket message each: kind | body

Numbers are big endian. The kinds are `TEXT`, whose body is one line of `codec.py`, both ways; and
`FRAME`, from the gateway only: a head of 26 bytes, then an encoded picture as a decoder takes it
(VP8: RFC 6386's frame; H.264: Annex B with its parameter sets). `web/viewer/chunks.ts` says the
same. Pure, and safe with any bytes: what is too long is refused before it is kept.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from fanlight.errors import WireError

TEXT, FRAME = 1, 2
MAX_TEXT_CHUNK_BYTES = 65_536 + 1
"""The longest chunk that a viewer may send: one message of input, and its kind."""
MAX_CHUNK_BYTES = 4 << 20
"""The longest chunk of all: a key frame of a large screen has less than a tenth of this."""

_LENGTH = struct.Struct(">I")
_HEAD = struct.Struct(">IIBBHHdf")
_KEY = 0x01


@dataclass(frozen=True, slots=True)
class StreamText:
    """One message, as the line that says it; not decoded yet."""

    line: bytes


@dataclass(frozen=True, slots=True)
class StreamFrame:
    """One encoded picture."""

    number: int
    """Rises by one from frame to frame of this viewer's; `stream.ack` names it."""
    timestamp: int
    """When it was made, in 1/90000 s of this viewer's stream (32 bits, wraps)."""
    key: bool
    layer: int
    width_px: int
    """Of a key frame whose codec tells it in the first bytes; 0: not told."""
    height_px: int
    at_ms: float
    """The gateway's clock when it sent the frame (CLOCK_MONOTONIC)."""
    machine_ms: float
    """How long the frame took before: from reading the display to the gateway; 0: not known."""
    picture: bytes


Chunk = StreamText | StreamFrame


def encode_chunk(chunk: Chunk) -> bytes:
    """Give the chunk with its length before it, as it goes between gateway and controller."""
    match chunk:
        case StreamText(line):
            return _LENGTH.pack(1 + len(line)) + bytes((TEXT,)) + line
        case StreamFrame():
            head = _HEAD.pack(
                chunk.number,
                chunk.timestamp,
                _KEY if chunk.key else 0,
                chunk.layer,
                chunk.width_px,
                chunk.height_px,
                chunk.at_ms,
                chunk.machine_ms,
            )
            length = _LENGTH.pack(1 + len(head) + len(chunk.picture))
            return b"".join((length, bytes((FRAME,)), head, chunk.picture))


def with_length(chunk: bytes) -> bytes:
    """Give a WebSocket's message as the chunk that goes on to the gateway.

    Raises:
        WireError: it is empty, or longer than a viewer's may be.
    """
    if not 1 <= len(chunk) <= MAX_TEXT_CHUNK_BYTES:
        raise WireError(f"a chunk of {len(chunk)} bytes; 1 to {MAX_TEXT_CHUNK_BYTES} are allowed")
    return _LENGTH.pack(len(chunk)) + chunk


def decode_chunk(data: bytes) -> Chunk:
    """Give what a chunk without its length says.

    Raises:
        WireError: it is of no known kind, or shorter than its head.
    """
    kind = data[0] if data else 0
    if kind == TEXT:
        return StreamText(data[1:])
    if kind != FRAME or len(data) < 1 + _HEAD.size:
        raise WireError("no chunk of a known kind")
    number, timestamp, flags, layer, width, height, at_ms, machine_ms = _HEAD.unpack_from(data, 1)
    picture = data[1 + _HEAD.size :]
    key = bool(flags & _KEY)
    return StreamFrame(number, timestamp, key, layer, width, height, at_ms, machine_ms, picture)


class ChunkCutter:
    """Cuts a byte stream into chunks, holding at most one unfinished one.

    Args:
        max_bytes: the longest chunk that is taken.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each chunk that `data` completes, without its length.

        Raises:
            WireError: a chunk is empty, or longer than allowed.
        """
        self._rest += data
        at = 0
        try:
            while len(self._rest) >= at + _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._rest, at)
                if not 1 <= length <= self._max_bytes:
                    raise WireError(f"a chunk of {length} bytes; {self._max_bytes} are allowed")
                end = at + _LENGTH.size + length
                if len(self._rest) < end:
                    break
                chunk = bytes(self._rest[at + _LENGTH.size : end])
                at = end
                yield chunk
        finally:
            del self._rest[:at]
