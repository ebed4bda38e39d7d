"""Real input, damaged: what a hostile or broken program sends is seldom noise from end to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

ODD_LINES = (
    "", "m=", "a=", "v=0", "m=video 0 X 96", "a=mid:" + "x" * 300, "a=candidate:" + "9 " * 40,
    "a=ice-ufrag:", "a=setup:holdconn", "a=fmtp:96 apt=96", "a=rtpmap:96 VP8/0", "a=inactive",
    "m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "a=group:BUNDLE", "a=extmap:0 x", "\x00",
    "a=rtpmap:٩٦ VP8/90000", "m=video ٩ UDP/TLS/RTP/SAVPF 96", "a=sctp-port:99999",
)  # fmt: skip
"""Lines that a reader may trip over; some with digits that are digits only to Python."""


@st.composite
def damaged_text(draw: st.DrawFn, originals: Sequence[str]) -> str:
    """One of the originals with lines left out, doubled, exchanged, cut or replaced."""
    lines = draw(st.sampled_from(originals)).split("\r\n")
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(lines) - 1)))
        match draw(st.integers(0, 5)):
            case 0:
                del lines[at : at + draw(st.integers(1, 9))]
            case 1:
                lines[at:at] = lines[at : at + draw(st.integers(1, 30))]
            case 2:
                lines.insert(at, draw(st.sampled_from(ODD_LINES)))
            case 3 if lines:
                cut = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:cut] + draw(st.text(max_size=8)) + lines[at][cut + 1 :]
            case 4:
                lines.reverse()
            case _ if lines:
                lines[at] = lines[at] * draw(st.integers(2, 40))
            case _:
                pass
    return draw(st.sampled_from(["\r\n", "\n", "\r"])).join(lines)


@st.composite
def damaged_bytes(draw: st.DrawFn, originals: Sequence[bytes]) -> bytes:
    """One of the originals with bytes flipped, cut off, put in or exchanged."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, min(len(data), 40) - 1)))
        match draw(st.integers(0, 3)):
            case 0 if data:
                data[at] ^= draw(st.integers(1, 255))
            case 1:
                del data[at : at + draw(st.integers(1, 64))]
            case 2:
                data[at:at] = draw(st.binary(max_size=16))
            case _:
                del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


def growth(work: Callable[[Any], object], make: Callable[[int], Any], size: int) -> float:
    """How many times longer twice as much takes: 2 is linear, 4 quadratic. The best of five."""

    def seconds(amount: int) -> float:
        given, best = make(amount), float("inf")
        for _ in range(5):
            started = time.process_time()
            work(given)
            best = min(best, time.process_time() - started)
        return best

    return seconds(2 * size) / max(seconds(size), 1e-4)
