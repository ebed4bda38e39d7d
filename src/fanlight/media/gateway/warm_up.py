"""The first webrtcbin of a process costs 400 ms (plug-ins, a certificate): pay it at start-up."""

from __future__ import annotations

from typing import Any

from fanlight.errors import GatewayUnavailable

from .connection import Surroundings
from .gates import Gates
from .gst import GLib
from .offer import read_offer
from .peer import Peer, PeerFailed
from .rtp import Stream

_PATIENCE_MS = 20_000
"""Fifty times what it takes alone: five seconds were not always enough on a busy host, and a
gateway that gives up is only spawned again."""
_OFFER = """v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
m=video 9 UDP/TLS/RTP/SAVPF 96
a=ice-ufrag:warm
a=ice-pwd:warmwarmwarmwarmwarmwarm
a=fingerprint:sha-256 00{zeros}
a=setup:actpass
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:96 VP8/90000
"""


class _Waiting:
    """Takes what a peer tells until it has answered."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self.answered = self.gave_up = False
        self.detail = "no answer in time"

    def give_up(self) -> bool:
        self.gave_up = True
        self._loop.quit()
        return False

    def peer_answered(self, sdp: str) -> None:
        self.answered = True
        self._loop.quit()

    def peer_failed(self, detail: str) -> None:
        self.detail = detail
        self._loop.quit()

    def peer_found(self, candidate: object) -> None: ...

    def peer_gathered(self) -> None: ...

    def peer_changed(self, state: str) -> None: ...

    def peer_wants_key_frame(self) -> None: ...

    def peer_told_arrivals(self, arrivals: object) -> None: ...

    def peer_said(self, message: object) -> None: ...

    def peer_channel_opened(self) -> None: ...


def warm_up(surroundings: Surroundings) -> None:
    """Answer one offer of our own, and forget it.

    Raises:
        GatewayUnavailable: GStreamer on this host cannot answer even that.
    """
    loop = GLib.MainLoop()
    waiting = _Waiting(loop)
    offer = read_offer(
        _OFFER.format(zeros=":00" * 31), codec="vp8", max_bytes=10_000, max_candidates=1
    )
    timer = GLib.timeout_add(_PATIENCE_MS, waiting.give_up)
    try:
        peer = Peer(
            offer,
            Stream(96, 1),
            ground=surroundings.ground,
            gates=Gates(surroundings.limits),
            listener=waiting,
        )
        peer.answer()
        loop.run()
        peer.close()
    except PeerFailed as error:
        waiting.detail = str(error)
    if not waiting.gave_up:
        GLib.source_remove(timer)
    if not waiting.answered:
        raise GatewayUnavailable(f"GStreamer cannot answer an offer: {waiting.detail}")
