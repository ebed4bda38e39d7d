"""What gateway and machine say to each other beside the picture: RTCP, in both directions. Pure.

To the machine: requests for key frames (RFC 4585, RFC 5104) and targets; from it: reports. The
last two are APP packets (RFC 3550 section 6.7) of the name `FNLT`, because the standard messages
have no room for them: TMMBR (RFC 5104 4.2.1) and REMB say a bit rate and nothing of frames and
size, and nothing standard says what an encoder is called and how long it takes. Whoever reads
takes every value for hostile: what is out of its range is no message.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_PAYLOAD_SPECIFIC, _APP = 206, 204
_PLI, _FIR = 1, 4
_NAME = b"FNLT"
_TARGETS, _REPORT = 0, 1
_LAYER = struct.Struct("!IBBxx")
_ENCODER = struct.Struct("!16sI")
MAX_LAYERS = 2
KBPS, FRAMES_PER_S, SCALE_PERCENT = (30, 100_000), (1, 240), (10, 100)
MAX_ENCODE_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class Target:
    """How one layer is to be encoded, or is: frames at most so many, size in percent."""

    kbps: int
    frames_per_s: int
    scale_percent: int = 100


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """What the machine's encoder says of itself."""

    encoder: str
    encode_ms: float
    """From reading the display to the frame's last packet, on average."""
    layers: tuple[Target, ...]


def key_frames_wanted(data: bytes) -> list[int]:
    """The SSRCs that a compound packet asks key frames of, by PLI or FIR."""
    wanted = []
    for kind, packet in _packets(data):
        if kind == _PAYLOAD_SPECIFIC and packet[0] & 0x1F in (_PLI, _FIR) and len(packet) >= 12:
            wanted.append(int.from_bytes(packet[8:12], "big"))
    return wanted


def targets_packet(ssrc: int, layers: tuple[Target, ...]) -> bytes:
    """Give the packet that says how each layer is to be encoded, the main one first."""
    return _app(ssrc, _TARGETS, b"".join(map(_pack, layers)))


def report_packet(ssrc: int, report: EncoderReport) -> bytes:
    """Give the packet that says how the picture is encoded."""
    name = report.encoder.encode("ascii", "replace")[:16]
    head = _ENCODER.pack(name, round(min(report.encode_ms, MAX_ENCODE_MS) * 1000))
    return _app(ssrc, _REPORT, head + b"".join(map(_pack, report.layers)))


def read_targets(data: bytes) -> tuple[Target, ...] | None:
    """Find the targets in a compound packet; None: there are none that make sense."""
    for body in _apps(data, _TARGETS):
        if (layers := _unpack(body)) is not None:
            return layers
    return None


def read_report(data: bytes) -> EncoderReport | None:
    """Find a machine's report in a compound packet; None: there is none that makes sense."""
    for body in _apps(data, _REPORT):
        if len(body) < _ENCODER.size:
            continue
        name, encode_us = _ENCODER.unpack_from(body)
        text = name.rstrip(b"\0").decode("ascii", "replace")
        layers = _unpack(body[_ENCODER.size :])
        is_name = text.isascii() and text.replace("-", "").replace("_", "").isalnum()
        if layers is not None and is_name and encode_us <= MAX_ENCODE_MS * 1000:
            return EncoderReport(text, encode_us / 1000, layers)
    return None


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The packets of a compound one, as far as their lengths make sense: (type, bytes)."""
    while len(data) >= 4 and data[0] >> 6 == 2:
        size = 4 * (int.from_bytes(data[2:4], "big") + 1)
        if size > len(data):
            return
        yield data[1], data[:size]
        data = data[size:]


def _apps(data: bytes, subtype: int) -> Iterator[bytes]:
    for kind, packet in _packets(data):
        if kind == _APP and packet[0] & 0x1F == subtype and packet[8:12] == _NAME:
            yield packet[12:]


def _app(ssrc: int, subtype: int, body: bytes) -> bytes:
    words = 2 + len(body) // 4
    return struct.pack("!BBHI4s", 2 << 6 | subtype, _APP, words, ssrc, _NAME) + body


def _pack(target: Target) -> bytes:
    return _LAYER.pack(target.kbps, target.frames_per_s, target.scale_percent)


def _unpack(body: bytes) -> tuple[Target, ...] | None:
    count, rest = divmod(len(body), _LAYER.size)
    if rest or not 1 <= count <= MAX_LAYERS:
        return None
    layers = tuple(Target(*fields) for fields in _LAYER.iter_unpack(body))
    return layers if all(map(_makes_sense, layers)) else None


def _makes_sense(target: Target) -> bool:
    return (
        KBPS[0] <= target.kbps <= KBPS[1]
        and FRAMES_PER_S[0] <= target.frames_per_s <= FRAMES_PER_S[1]
        and SCALE_PERCENT[0] <= target.scale_percent <= SCALE_PERCENT[1]
    )
