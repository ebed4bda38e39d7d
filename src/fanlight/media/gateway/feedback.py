"""What a viewer's RTCP says of our packets, read out of GStreamer's structures and buffers.

GStreamer's RTP session numbers every packet that goes out (retransmissions too) and matches the
transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) with what it sent; it
drops what is malformed, and packets that it never sent are not in its list.
"""

from __future__ import annotations

from typing import Any

from .estimator import Arrival
from .limits import Limits, TokenBucket

_NONE_NS = 0xFFFFFFFFFFFFFFFF


class FeedbackGate:
    """What of one viewer's feedback is read. For the one thread that receives it."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.arrivals_per_feedback
        self._bucket = TokenBucket(limits.feedbacks_per_s, limits.feedbacks_per_s)
        self.refused = 0

    def take(self, structure: Any, now: float) -> list[Arrival]:
        """Give what an event `RTPTWCCPackets` says; nothing, and counted, if it is too much."""
        if not self._bucket.take(now):
            self.refused += 1
            return []
        return read_arrivals(structure.get_value("packets")[: self._most])


def read_arrivals(packets: list[Any]) -> list[Arrival]:
    """Read a list of structures `RTPTWCCPacket`, oldest packet first."""
    arrivals: list[Arrival] = []
    for item in packets:
        sent_ns = int(item.get_value("local-ts"))
        arrived_ns = int(item.get_value("remote-ts"))
        if sent_ns == _NONE_NS:
            continue
        is_lost = bool(item.get_value("lost")) or arrived_ns == _NONE_NS
        arrivals.append(
            Arrival(
                number=int(item.get_value("seqnum")),
                sent_at=sent_ns / 1e9,
                arrived_at=None if is_lost else arrived_ns / 1e9,
                size_bytes=int(item.get_value("size")),
            )
        )
    return arrivals
