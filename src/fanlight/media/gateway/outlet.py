"""Where one viewer's frames leave: as packets, paced, followed by what the viewer says of them.

Runs on the main loop's thread. The rules are in `estimator.py`, `pacer.py` and `timeline.py`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

from .estimator import Arrival, Estimator
from .frames import Frame
from .gates import Gates
from .gst import GLib
from .pacer import Pacer
from .peer import Peer
from .rtp import Stream, write
from .stats import RemoteReport
from .timeline import Timeline

CAREFUL_KBPS, CAREFUL_S = 1000.0, 1.0
"""What a path gets of which nothing was heard yet, and for how long: what a fast encoder makes of
a busy display before the first feedback is more than a slow path's whole queue."""
GIVE_UP_GAP_S = 1.0
"""A viewer goes on asking for what is missing until it has the key frame."""


class Outlet:
    """Sends frames through a peer; what its path does not carry is left out.

    Args:
        want_key_frame: called when there is room for a key frame again.
    """

    def __init__(
        self, stream: Stream, peer: Peer, gates: Gates, want_key_frame: Callable[[], None]
    ) -> None:
        self._stream, self._peer, self._gates = stream, peer, gates
        self._limits = gates.limits
        self._want_key_frame = want_key_frame
        self.estimator = Estimator()
        self._timeline = Timeline(
            first_sequence=secrets.randbelow(0x8000), first_timestamp=secrets.randbits(31)
        )
        self._pacer = Pacer(self.estimator.pacing_kbps)
        self._timer = self._catch_up_timer = 0
        self._sent_at: float | None = None
        self._began_at: float | None = None
        self._gave_up_at = float("-inf")
        self.waits_for_key = True
        """Whether a key frame is the only frame that can be sent next."""
        self.packets_sent = self.bytes_sent = self.frames_sent = self.frames_skipped = 0

    def close(self) -> None:
        """Give up what waits."""
        self._pacer.clear()
        for source in (self._timer, self._catch_up_timer):
            if source:
                GLib.source_remove(source)
        self._timer = self._catch_up_timer = 0

    @property
    def picture_kbps(self) -> float:
        """What of the path the picture may take."""
        began_at = self._began_at
        is_new = began_at is None or time.monotonic() - began_at < CAREFUL_S
        is_careful = is_new and not self.estimator.is_known
        return CAREFUL_KBPS if is_careful else self.estimator.target_kbps

    @property
    def is_catching_up(self) -> bool:
        """Whether it is too early to ask for a key frame: it would have to wait."""
        return self._catch_up_timer != 0

    def show(self, frame: Frame, source: object) -> int | None:
        """Send a frame and give its time in 1/90000 s, or leave it out."""
        if self.waits_for_key and not frame.key:
            return None
        if self._is_behind():
            self.frames_skipped += 1
            self.waits_for_key = True
            # Asked for now, the key frame would be left out too, and cost all others as much.
            self._plan_catching_up()
            return None
        self.waits_for_key = False
        timestamp = self._timeline.timestamp(source, frame.timestamp, time.monotonic())
        self._pacer.add(self._packets(frame, timestamp))
        self.frames_sent += 1
        self._began_at = self._began_at or time.monotonic()
        if not self._timer:
            self._go_on()
        return timestamp

    def _packets(self, frame: Frame, timestamp: int) -> list[bytes]:
        last = len(frame.payloads) - 1
        numbered = zip(self._timeline.sequences(last + 1), frame.payloads, strict=True)
        return [
            write(
                self._stream,
                sequence=sequence,
                timestamp=timestamp,
                marker=index == last,
                payload=payload,
            )
            for index, (sequence, payload) in enumerate(numbered)
        ]

    def heard(self, arrivals: Sequence[Arrival], *, is_held: bool) -> None:
        """Take a viewer's feedback. `is_held`: its path holds the picture down."""
        self.estimator.is_held = is_held
        self.estimator.feed(arrivals, time.monotonic())
        self._follow()
        self._give_up_missing()

    def _give_up_missing(self) -> None:
        """Begin with a key frame when more was lost than can be sent again.

        The viewer asks for one late: pictures stood still for seconds after a path had narrowed.
        """
        retransmissions, now = self._gates.retransmissions, time.monotonic()
        if retransmissions.is_hopeless and now - self._gave_up_at > GIVE_UP_GAP_S:
            self._gave_up_at = now
            retransmissions.begin_anew()
            self.waits_for_key = True
            self._want_key_frame()

    def _follow(self) -> None:
        estimator = self.estimator
        self._pacer.kbps = estimator.pacing_kbps
        self._gates.retransmissions.path(estimator.target_kbps, estimator.round_trip_s)

    def tick(self, report: RemoteReport) -> None:
        """Note that time passes, and what the viewer's last receiver report said."""
        now = time.monotonic()
        self.estimator.report(
            loss=report.fraction_lost, round_trip_s=report.round_trip_ms / 1000, now=now
        )
        self.estimator.tick(now, last_sent_at=self._sent_at)
        self._follow()

    def _go_on(self) -> bool:
        self._timer = 0
        now = time.monotonic()
        packets = self._pacer.take(now)
        if packets:
            self._sent_at = now
            self.bytes_sent += self._peer.send_packets(packets)
            self.packets_sent += len(packets)
        wait_s = self._pacer.wait_s()
        if wait_s is not None:
            self._timer = GLib.timeout_add(max(1, round(wait_s * 1000)), self._go_on)
        return False

    def _is_behind(self) -> bool:
        """Whether what is sent now would be too old when it arrives."""
        queued_bytes = self._peer.queued_bytes + self._pacer.queued_bytes
        queued_s = self._pacer.queued_s + self.estimator.queue_at(time.monotonic())
        is_full = queued_bytes > self._limits.viewer_queue_bytes
        return is_full or queued_s > self._limits.viewer_queue_s

    def _plan_catching_up(self) -> None:
        if not self._catch_up_timer:
            delay_ms = round(self._limits.catch_up_s * 1000)
            self._catch_up_timer = GLib.timeout_add(delay_ms, self._catch_up)

    def _catch_up(self) -> bool:
        self._catch_up_timer = 0
        if self._is_behind():
            self._plan_catching_up()
        elif self.waits_for_key:
            self._want_key_frame()
        return False
