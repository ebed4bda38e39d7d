"""A UDP relay between a viewer and the gateway that loses what it is told to, or is slow.

Every kernel can do this; `tc netem` is missing from some. The viewer is told the relay's address
in place of the gateway's, and the gateway none of the viewer's: all goes through here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

RTP_HEADS = range(128, 192)
"""First bytes of RTP and RTCP; DTLS and STUN have others (RFC 7983 section 7)."""
RTCP_TYPES = range(192, 224)
QUEUE_S = 0.5
HEADER_BYTES = 28
"""IPv4 and UDP count on a slow path too."""


def is_rtp(data: bytes) -> bool:
    """Whether it is (S)RTP: no report, no handshake, no check."""
    return len(data) > 1 and data[0] in RTP_HEADS and data[1] not in RTCP_TYPES


class Relay:
    """Sits on 127.0.0.1. `lose` says which packets towards the viewer get lost."""

    def __init__(self) -> None:
        self.lose: Callable[[bytes], bool] = lambda _: False
        self.kbps: float | None = None
        """What the way towards the viewer carries; what waits for it is `QUEUE_S` at most."""
        self._free_at = 0.0
        self.is_cut = False
        """Nothing gets through, either way."""
        self.lost = self.passed = 0
        self._viewer: tuple[str, int] | None = None
        self._ends: list[asyncio.DatagramTransport] = []

    async def stand_before(self, answer: str) -> str:
        """Give the answer with the relay's address as the only candidate."""
        found = re.search(r"a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+) typ host", answer)
        if found is None:
            raise AssertionError("the gateway announces no 127.0.0.1")
        loop = asyncio.get_running_loop()
        inner, _ = await loop.create_datagram_endpoint(
            lambda: _End(self._from_gateway), remote_addr=("127.0.0.1", int(found[1]))
        )
        outer, _ = await loop.create_datagram_endpoint(
            lambda: _End(self._from_viewer), local_addr=("127.0.0.1", 0)
        )
        self._ends = [inner, outer]
        line = found[0].replace(f" {found[1]} ", f" {outer.get_extra_info('sockname')[1]} ")
        kept = [part for part in answer.split("\r\n") if not part.startswith("a=candidate:")]
        kept.insert(kept.index("a=end-of-candidates"), line)
        return "\r\n".join(kept)

    def close(self) -> None:
        for end in self._ends:
            end.close()

    def _from_viewer(self, data: bytes, address: tuple[str, int]) -> None:
        self._viewer = address
        if not self.is_cut:
            self._ends[0].sendto(data)

    def _from_gateway(self, data: bytes, _: tuple[str, int]) -> None:
        if self.is_cut or self.lose(data):
            self.lost += 1
        elif self.kbps is None:
            self._pass(data)
        else:
            self._queue(data, self.kbps)

    def _queue(self, data: bytes, kbps: float) -> None:
        loop = asyncio.get_running_loop()
        starts_at = max(self._free_at, loop.time())
        if starts_at - loop.time() > QUEUE_S:
            self.lost += 1
            return
        self._free_at = starts_at + (len(data) + HEADER_BYTES) / (kbps * 125)
        loop.call_at(self._free_at, self._pass, data)

    def _pass(self, data: bytes) -> None:
        if self._viewer is not None and not self._ends[1].is_closing():
            self.passed += 1
            self._ends[1].sendto(data, self._viewer)


class _End(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, Any], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._take(data, addr)


def without_candidates(sdp: str) -> str:
    """The viewer's description, its own addresses left out."""
    return re.sub(r"a=(candidate:|end-of-candidates).*\r\n", "", sdp)


def every(count: int) -> Callable[[bytes], bool]:
    """Lose each `count`th packet of the picture."""
    seen = 0

    def lose(data: bytes) -> bool:
        nonlocal seen
        seen += is_rtp(data)
        return is_rtp(data) and seen % count == 0

    return lose
