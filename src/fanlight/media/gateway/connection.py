"""One viewer's connection: answered, connected, shown the picture, listened to, closed.

Everything here runs on the main loop's thread; `peer.py` sees to that.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from fanlight import wire
from fanlight.errors import OfferRejected

from .answer import announced_candidates, complete_answer
from .estimator import Arrival
from .frames import Frame
from .gates import Gates
from .gst import GLib
from .input import Said
from .limits import Limits
from .networks import Address, Candidate, ViewerNetworks, parse_candidate
from .offer import Offer
from .outlet import Outlet
from .peer import Ground, Peer, PeerFailed
from .reports import ReportGate
from .rtp import Stream
from .stats import remote_report
from .viewer import Owner

CLOCK_S = 1.0
"""How often a viewer is told when a frame left: clocks drift slowly."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is the same for every connection of a gateway."""

    limits: Limits
    announced: tuple[Address, ...]
    viewers: ViewerNetworks
    ground: Ground


class Connection:
    """Drives one peer. Made by `open`; gone after `close`, which says so to the controllers."""

    def __init__(
        self,
        owner: Owner,
        request: wire.OpenConnection,
        offer: Offer,
        surroundings: Surroundings,
    ) -> None:
        self.session, self.id = request.session, request.connection
        self.controls, self.watches_only = request.controls, offer.data_index is None
        self._owner, self._offer, self._around = owner, offer, surroundings
        self._limits = surroundings.limits
        self._gates = Gates(self._limits)
        ssrc = secrets.randbelow(0xFFFFFFFE) + 1
        self._stream = Stream(
            offer.format.payload_type, ssrc, offer.playout_delay_id, offer.transport_cc_id
        )
        self._timers: dict[str, int] = {}
        self._found: list[Candidate] = []
        self._early: list[str] = []
        self._local_sdp: str | None = None
        self._is_answered = self._is_closed = self._is_shown = False
        self._has_pressed = self.is_silent = False
        self.state = "new"
        self._sent_first = False
        self._clock_at = 0.0
        self.layer = 0
        self._wanted = self._refused = 0
        self._reports = ReportGate()
        self.candidates_refused = offer.candidates_refused
        self.candidates_taken = 0
        self.offered: tuple[Candidate, ...] = ()
        self._peer = Peer(
            offer,
            self._stream,
            ground=surroundings.ground,
            gates=self._gates,
            listener=self,
        )
        self._outlet = Outlet(self._stream, self._peer, self._gates, self._want_key_frame)

    def open(self) -> None:
        """Answer the offer: `connection.answer` or `connection.rejected` follows."""
        self._after("answer", self._limits.answer_s, self._not_answered)
        self._after("connect", self._limits.connecting_s, self.close)
        try:
            self._peer.answer()
        except PeerFailed as error:
            self.peer_failed(str(error))

    # --- asked by the controller --------------------------------------------------------------

    def add_candidate(self, text: str) -> None:
        """Take a trickled candidate; those that must not be checked are counted and left."""
        if self._local_sdp is None:
            if len(self._early) < self._limits.candidates_per_connection:
                self._early.append(text)
            return
        candidate = parse_candidate(text)
        if text.strip():
            self._judge(candidate)

    def set_control(self, *, controls: bool) -> None:
        """Take this viewer's input, or stop."""
        if self.controls and not controls:
            self._let_go()
        self.controls = controls
        self._peer.say(wire.ControlHeld(held=controls))

    def close(self) -> None:
        """End it, and say so. Twice is once."""
        if self._is_closed:
            return
        self._is_closed, self._is_shown = True, False
        for source in self._timers.values():
            GLib.source_remove(source)
        self._timers.clear()
        self._let_go()
        self._outlet.close()
        self._peer.close()
        self._owner.forget(self.id)
        if self._is_answered:
            self._owner.say(wire.ConnectionState(self.session, self.id, "closed"))

    # --- the picture --------------------------------------------------------------------------

    @property
    def waits_for_key_frame(self) -> bool:
        """Whether this viewer is there to see the picture, and cannot before a key frame."""
        is_waiting = self._is_shown and self._outlet.waits_for_key
        return is_waiting and not self._outlet.is_catching_up

    @property
    def estimate_kbps(self) -> int:
        """What of this viewer's path the picture may take; 0: it is not there yet."""
        return round(self._outlet.picture_kbps) if self._is_shown else 0

    def show(self, frame: Frame, source: object) -> None:
        """Send a frame, or leave it out: before the first key frame, and when too much waits."""
        if not self._is_shown:
            return
        timestamp = self._outlet.show(frame, source)
        if timestamp is None:
            return
        now = time.monotonic()
        if now - self._clock_at >= CLOCK_S:
            self._clock_at = now
            self._peer.say(wire.PictureClock(timestamp, now * 1000, self._owner.encode_ms))
        if not self._sent_first:
            self._sent_first = True
            self._owner.say(wire.FirstFrameSent(self.session, self.id))

    def miss(self) -> None:
        """A frame did not reach this viewer: the next it can use is a key frame."""
        self._outlet.waits_for_key = True

    def _want_key_frame(self) -> None:
        self._owner.want_key_frame(layer=self.layer)

    def tell_display(self, size: wire.DisplaySize) -> None:
        """Tell the viewer the size of the display."""
        self._peer.say(size)

    def tell_stats(self) -> None:
        """Have `connection.stats` said."""
        if self._is_answered and not self._is_closed:
            self._listen()
            self._peer.request_stats(self._take_stats)

    def _listen(self) -> None:
        """Say when the viewer falls silent, and when it is back."""
        if self.state != "connected":
            return
        is_silent = self._peer.silent_s > self._limits.silent_s
        if is_silent != self.is_silent:
            self.is_silent = is_silent
            self._let_go()
            self._say_state("disconnected" if is_silent else "connected")

    def _take_stats(self, stats: Any) -> None:
        if self._is_closed:
            return
        report, outlet = remote_report(stats), self._outlet
        outlet.tick(report)
        self._owner.path_changed()
        self._owner.say(
            wire.ConnectionStats(
                session=self.session,
                connection=self.id,
                packets_sent=outlet.packets_sent,
                bytes_sent=outlet.bytes_sent,
                round_trip_ms=round(report.round_trip_ms, 2),
                packets_lost=report.packets_lost,
                key_frames_wanted=self._wanted,
                inputs_refused=self._refused + self._gates.input.refused,
                transport=report.transport,
                pair=report.pair,
                jitter_ms=round(report.jitter_ms, 2),
                estimate_kbps=round(outlet.estimator.kbps) if outlet.estimator.is_known else 0,
                target_kbps=self._owner.target_kbps(self.layer),
                layer=self.layer,
                frames_sent=outlet.frames_sent,
                frames_skipped=outlet.frames_skipped,
                candidates_refused=self.candidates_refused,
            )
        )

    # --- told by the peer ---------------------------------------------------------------------

    def peer_answered(self, sdp: str) -> None:
        """Take the trickled candidates that came before; wait for the local ones."""
        if self._is_closed:
            return
        self._local_sdp = sdp
        for candidate in self._offer.candidates:
            self._judge(candidate)
        early, self._early = self._early, []
        for text in early:
            self.add_candidate(text)
        self._after("gather", self._limits.gathering_s, self.peer_gathered)
        self._answer_if_ready()

    def peer_found(self, candidate: Candidate) -> None:
        """Answer as soon as each gathered address has its candidate."""
        self._found.append(candidate)
        self._answer_if_ready()

    def peer_gathered(self) -> None:
        """No more will come: answer with what there is."""
        if not self._is_closed and self._local_sdp is not None:
            self._answer()

    def peer_changed(self, state: str) -> None:
        """Follow the connection's state; close when it is over, or stays broken."""
        if self._is_closed or state == self.state or state == "new":
            return
        self.state = state
        match state:
            case "connecting" | "disconnected" | "failed":
                self._let_go()
                self._say_state(state)
                self._after("connect", self._patience_s(), self.close)
            case "connected":
                self._connected()
            case "closed":
                self.close()
            case _:
                pass

    def peer_wants_key_frame(self) -> None:
        """PLI or FIR of the viewer."""
        if not self._is_closed:
            self._wanted += 1
            self._want_key_frame()

    def peer_told_arrivals(self, arrivals: list[Arrival]) -> None:
        """Learn from it what the path carries."""
        if not self._is_closed:
            self._outlet.heard(arrivals, is_held=self._owner.is_held_down(self.layer))
            self._owner.path_changed()

    def peer_said(self, message: Said) -> None:
        """Answer pings, tell reports on; pass on input if this viewer holds control."""
        if self._is_closed:
            return
        if isinstance(message, wire.ViewerReported):
            figures = self._reports.take(message.figures, time.monotonic())
            if figures is not None:
                self._owner.say(wire.ConnectionReport(self.session, self.id, figures))
            return
        if isinstance(message, wire.InputPing):
            self._peer.say(wire.InputPong(message.t, time.monotonic() * 1000))
        elif self.controls and self._is_shown:
            self._has_pressed = True
            self._owner.take_input(message)
        else:
            self._refused += 1

    def peer_channel_opened(self) -> None:
        """Tell the new viewer what holds."""
        if self._is_closed:
            return
        self._peer.say(wire.ControlHeld(held=self.controls))
        if self._owner.display is not None:
            self._peer.say(self._owner.display)

    def peer_failed(self, detail: str) -> None:
        """Reject the offer, or close what was answered."""
        if self._is_closed:
            return
        if self._is_answered:
            self._say_state("failed")
        else:
            self._reject("gateway-failed", f"GStreamer could not answer the offer: {detail}")
        self.close()

    # --- inside -------------------------------------------------------------------------------

    def _patience_s(self) -> float:
        """How long to wait for a connection that is not there, from when it was heard last."""
        silent_s = self._peer.silent_s if self._is_shown else 0.0
        return max(0.0, self._limits.connecting_s - silent_s)

    def _connected(self) -> None:
        is_known = self._peer.is_who_it_said()
        if is_known is None:  # the `connect` timer ends this if it never comes
            self._after("certificate", 0.02, self._connected)
            return
        if not is_known:
            self.peer_failed("the viewer's certificate is not the one its offer named")
            return
        self._cancel("connect")
        if not self._is_shown:
            self._peer.begin_to_hear()
        self._is_shown, self.is_silent = True, False
        self._say_state("connected")
        self._owner.path_changed()
        self._owner.begin(self)

    def _answer_if_ready(self) -> None:
        have = {candidate.address for candidate in self._found}
        if self._local_sdp is not None and all(
            str(a) in have for a in self._around.ground.gathered
        ):
            self._answer()

    def _answer(self) -> None:
        if self._is_answered or self._is_closed or self._local_sdp is None:
            return
        if f"a=ssrc:{self._stream.ssrc} " not in self._local_sdp:
            # Chromium would decode what comes and show nothing: a named failure is better.
            self.peer_failed("webrtcbin's answer does not name the stream that is sent")
            return
        around = self._around
        candidates = announced_candidates(self._found, around.announced, around.ground.gathered)
        if not candidates:
            self.peer_failed("no announced address gave a candidate")
            return
        try:
            sdp = complete_answer(self._local_sdp, self._offer, candidates)
        except OfferRejected as error:
            self._reject(error.code, str(error))
            self.close()
            return
        self._is_answered, self.offered = True, candidates
        self._cancel("answer")
        self._cancel("gather")
        self._owner.say(wire.ConnectionAnswer(self.session, self.id, sdp))

    def _not_answered(self) -> None:
        self.peer_failed(f"no answer in {self._limits.answer_s:g} s")

    def _reject(self, code: str, detail: str) -> None:
        self._owner.say(wire.ConnectionRejected(self.session, self.id, code, detail))

    def _judge(self, candidate: Candidate | None) -> None:
        is_full = self.candidates_taken >= self._limits.candidates_per_connection
        if candidate is None or is_full or not self._around.viewers.takes(candidate):
            self.candidates_refused += 1
            return
        self.candidates_taken += 1
        self._peer.add_candidate(candidate)

    def _say_state(self, state: str) -> None:
        match state:
            case "connecting" | "connected" | "disconnected" | "failed":
                self._owner.say(wire.ConnectionState(self.session, self.id, state))
            case _:
                pass

    def _let_go(self) -> None:
        """Release what this viewer may be holding down: it cannot do so itself any more."""
        if self._has_pressed:
            self._has_pressed = False
            self._owner.take_input(wire.KeysReleased())

    def _after(self, name: str, delay_s: float, call: Any) -> None:
        self._cancel(name)

        def run() -> bool:
            self._timers.pop(name, None)
            call()
            return False

        self._timers[name] = GLib.timeout_add(int(delay_s * 1000), run)

    def _cancel(self, name: str) -> None:
        source = self._timers.pop(name, None)
        if source is not None:
            GLib.source_remove(source)
