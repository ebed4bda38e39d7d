"""From a frame's RTP payloads to the one encoded picture that a decoder takes. Pure.

What a machine sent may be any bytes: what makes no picture is None, and nothing else happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .frames import Codec, Frame

MAX_PICTURE_BYTES = 2 << 20
"""Longer ones are left out: no picture of a desktop of this size is worth waiting for."""

_START_CODE = b"\x00\x00\x00\x01"
_VP8_START = b"\x9d\x01\x2a"
_STAP_A, _FU_A = 24, 28
_SLICES = range(1, 6)
"""Types of NAL units that are a part of a picture (H.264 table 7-1)."""


class PictureJoiner:
    """Joins frames of one codec: VP8 frames (RFC 7741), or H.264 in Annex B (RFC 6184)."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._sets = b""

    def join(self, frame: Frame) -> bytes | None:
        """Give the picture; b"" for parameter sets alone, which go before the next picture.

        Gives None when the payloads make no picture, or one over `MAX_PICTURE_BYTES`.
        """
        if sum(map(len, frame.payloads)) > MAX_PICTURE_BYTES:
            return None
        if self._codec == "vp8":
            # `frames.py` left one byte of each descriptor.
            return b"".join(payload[1:] for payload in frame.payloads) or None
        units = list(_units(frame.payloads))
        if not units or None in units:
            return None
        joined = b"".join(_START_CODE + unit for unit in units if unit is not None)
        if not any(unit and unit[0] & 0x1F in _SLICES for unit in units):
            # GStreamer's payloader marks them as the end of a picture; decoders want one.
            self._sets = joined
            return b""
        sets, self._sets = self._sets, b""
        return sets + joined


def size_of(codec: Codec, picture: bytes) -> tuple[int, int]:
    """Give a VP8 key frame's width and height in pixels (RFC 6386 section 9.1); else (0, 0)."""
    if codec != "vp8" or len(picture) < 10 or picture[0] & 1 or picture[3:6] != _VP8_START:
        return 0, 0
    width = int.from_bytes(picture[6:8], "little") & 0x3FFF
    height = int.from_bytes(picture[8:10], "little") & 0x3FFF
    return width, height


def _units(payloads: Sequence[bytes]) -> Iterator[bytes | None]:
    """Yield the NAL units of a picture in order; None where the payloads contradict themselves."""
    parts: list[bytes] = []
    for payload in payloads:
        kind = payload[0] & 0x1F
        if kind == _FU_A:
            yield from _fragment(payload, parts)
            continue
        if parts:  # a unit that began and was not ended
            yield None
            return
        if kind == _STAP_A:
            yield from _aggregated(payload)
        else:
            yield payload
    if parts:
        yield None


def _fragment(payload: bytes, parts: list[bytes]) -> Iterator[bytes | None]:
    """Add a fragment (RFC 6184 section 5.8) to `parts`; yield the unit that it ends."""
    if len(payload) < 3:
        yield None
        return
    starts, ends = bool(payload[1] & 0x80), bool(payload[1] & 0x40)
    if starts is bool(parts) or (starts and ends):
        yield None
        return
    if starts:
        parts.append(bytes((payload[0] & 0xE0 | payload[1] & 0x1F,)))
    parts.append(payload[2:])
    if ends:
        yield b"".join(parts)
        parts.clear()


def _aggregated(payload: bytes) -> Iterator[bytes | None]:
    """Yield the units of a STAP-A (RFC 6184 section 5.7.1)."""
    at = 1
    while at < len(payload):
        size = int.from_bytes(payload[at : at + 2], "big")
        unit = payload[at + 2 : at + 2 + size]
        yield unit if size and len(unit) == size else None
        at += 2 + size
