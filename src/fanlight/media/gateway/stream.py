"""One viewer over a WebSocket: the same encoded frames, each as one whole picture.

Everything here runs on the main loop's thread. The controller carries the chunks; to the session
this is a viewer like one over WebRTC (`connection.py`).
"""

from __future__ import annotations

import secrets
import socket
import time

from fanlight import wire
from fanlight.errors import WireError

from .frames import Codec, Frame
from .input import Said, check_input
from .limits import Limits, TokenBucket
from .pictures import PictureJoiner, size_of
from .pipe import StreamPipe
from .reports import ReportGate
from .timeline import Timeline
from .viewer import Owner
from .window import AckWindow

FLOOD_PAUSE_S = 0.05
"""A viewer that says more than it may is not listened to for so long."""
MOST_TEXT_BYTES = 1 << 16
"""Messages that wait for a viewer; past it what is said to it is lost, as on a full data channel.
A viewer that asks for answers and reads next to none of them would fill the memory otherwise."""


class StreamConnection:
    """Drives one viewer's pipe. There from the start; gone after `close`, which says so."""

    def __init__(
        self,
        owner: Owner,
        request: wire.OpenStream,
        end: socket.socket,
        *,
        codec: Codec,
        limits: Limits,
    ) -> None:
        self.session, self.id = request.session, request.connection
        self.controls, self.watches_only = request.controls, False
        self.layer = 0
        self._owner, self._limits, self._codec = owner, limits, codec
        self._bucket = TokenBucket(limits.inputs_per_s, limits.input_burst)
        self._reports = ReportGate()
        self._joiner = PictureJoiner(codec)
        self._window = AckWindow(limits.viewer_queue_bytes)
        self._timeline = Timeline(first_sequence=0, first_timestamp=secrets.randbits(31))
        self._is_closed = self._has_pressed = self._sent_first = False
        self._waits_for_key = True
        self._number = 0
        self._bytes = self._chunks = self._skipped = self._wanted = self._refused = 0
        # The controller's end may be gone with the controller: the viewer may come back.
        self._pipe = StreamPipe(end, take=self._take, lost=self.close)

    def open(self) -> None:
        """Begin: tell the viewer what holds, and have a picture sent."""
        self._pipe.say(wire.encode(wire.StreamOpened(self._codec, self.id)))
        self._tell(wire.ControlHeld(held=self.controls))
        if self._owner.display is not None:
            self._tell(self._owner.display)
        self._owner.say(wire.ConnectionState(self.session, self.id, "connected"))
        self._owner.begin(self)

    # --- asked by the controller and the session ------------------------------------------------

    def add_candidate(self, text: str) -> None:
        """Nothing: there is no path to find."""

    def set_control(self, *, controls: bool) -> None:
        """Take this viewer's input, or stop."""
        if self.controls and not controls:
            self._let_go()
        self.controls = controls
        self._tell(wire.ControlHeld(held=controls))

    def tell_display(self, size: wire.DisplaySize) -> None:
        """Tell the viewer the size of the display."""
        self._tell(size)

    def close(self, code: str = "", detail: str = "") -> None:
        """End it, and say so; to the viewer too, if there is a reason. Twice is once."""
        if self._is_closed:
            return
        self._is_closed = True
        if code:
            self._pipe.drop_frames()
            self._tell(wire.StreamClosed(code, detail))
        self._pipe.close()
        self._let_go()
        self._owner.forget(self.id)
        self._owner.say(wire.ConnectionState(self.session, self.id, "closed"))

    def tell_stats(self) -> None:
        """Have `connection.stats` said; end a viewer that takes nothing."""
        silent_s = self._window.unacked_s(time.monotonic())
        if silent_s > self._limits.silent_s:
            seconds = self._limits.silent_s
            self.close("slow-path", f"The viewer took no frame for {seconds:g} s.")
            return
        self._owner.say(
            wire.ConnectionStats(
                session=self.session,
                connection=self.id,
                packets_sent=self._chunks,
                bytes_sent=self._bytes,
                round_trip_ms=round(self._window.round_trip_s * 1000, 2),
                packets_lost=0,
                key_frames_wanted=self._wanted,
                inputs_refused=self._refused,
                transport="websocket",
                estimate_kbps=self.estimate_kbps,
                target_kbps=self._owner.target_kbps(self.layer),
                layer=self.layer,
                frames_sent=self._number,
                frames_skipped=self._skipped,
            )
        )

    # --- the picture ----------------------------------------------------------------------------

    @property
    def waits_for_key_frame(self) -> bool:
        """Whether a key frame would be sent, and nothing else: not while the path is full."""
        return self._waits_for_key and self._window.is_empty

    @property
    def estimate_kbps(self) -> int:
        """What this viewer's path carries, as far as acks tell; 0: nothing is known yet."""
        return self._window.estimate_kbps

    def miss(self) -> None:
        """A frame did not reach this viewer: the next it can use is a key frame."""
        self._waits_for_key = True

    def show(self, frame: Frame, source: object) -> None:
        """Send a frame, or leave it out: before a key frame, and while the path is full."""
        now = time.monotonic()
        picture = self._joiner.join(frame)
        if picture == b"":
            return
        if self._waits_for_key and not (frame.key and self._window.is_empty):
            self._skipped += self._sent_first
        elif self._window.is_full(now):
            self._fall_behind()
        elif picture is None:
            self._skipped += 1
            self._waits_for_key = True
        else:
            self._waits_for_key = False
            timestamp = self._timeline.timestamp(source, frame.timestamp, now)
            self._send(frame, picture, timestamp, now)

    def _send(self, frame: Frame, picture: bytes, timestamp: int, now: float) -> None:
        self._number += 1
        width, height = size_of(self._codec, picture) if frame.key else (0, 0)
        chunk = wire.encode_chunk(
            wire.StreamFrame(
                number=self._number,
                timestamp=timestamp,
                key=frame.key,
                layer=self.layer,
                width_px=width,
                height_px=height,
                at_ms=now * 1000,
                machine_ms=self._owner.encode_ms,
                picture=picture,
            )
        )
        self._window.sent(self._number, len(chunk), now)
        self._say(chunk, frame=self._number)
        if not self._sent_first:
            self._sent_first = True
            self._owner.say(wire.FirstFrameSent(self.session, self.id))

    def _fall_behind(self) -> None:
        """Leave out what is old already; a key frame is asked for when the path is empty."""
        self._skipped += 1
        self._waits_for_key = True
        self._window.fall_behind()
        first = self._pipe.drop_frames()
        if first is not None:
            self._skipped += self._number - first + 1
            self._window.unsent(first)
            self._number = first - 1
            self._go_on()

    def _go_on(self) -> None:
        if self._waits_for_key and self._window.is_empty:
            self._owner.want_key_frame(layer=self.layer)

    # --- said by the viewer ---------------------------------------------------------------------

    def _take(self, chunk: bytes) -> None:
        if self._is_closed:
            return
        now = time.monotonic()
        if not self._bucket.take(now):
            self._refused += 1
            self._pipe.pause(FLOOD_PAUSE_S)
            return
        match self._read(chunk):
            case wire.FramesTaken(frame=number):
                self._refused += not self._window.acked(number, now)
                self._owner.path_changed()
                self._go_on()
            case wire.KeyFrameWanted():
                self._wanted += 1
                self._waits_for_key = True
                self._go_on()
            case wire.ViewerReported(figures=figures):
                report = self._reports.take(figures, now)
                if report is not None:
                    self._owner.say(wire.ConnectionReport(self.session, self.id, report))
            case wire.InputPing(t=t):
                self._tell(wire.InputPong(t, now * 1000))
            case None:
                self._refused += 1
            case message if self.controls:
                self._has_pressed = True
                self._owner.take_input(message)
            case _:
                self._refused += 1

    def _read(self, chunk: bytes) -> Said | wire.FramesTaken | wire.KeyFrameWanted | None:
        """Give the message of a chunk; None: it is none that a viewer may say."""
        try:
            said = wire.decode_chunk(chunk)
            message = wire.decode(said.line) if isinstance(said, wire.StreamText) else None
        except WireError:
            return None
        match message:
            case wire.FramesTaken() | wire.KeyFrameWanted():
                return message
            case _:
                return check_input(chunk[1:], self._limits.input_bytes)

    # --- inside ---------------------------------------------------------------------------------

    def _tell(self, message: wire.Message) -> None:
        if self._pipe.text_waiting < MOST_TEXT_BYTES:
            self._say(wire.encode_chunk(wire.StreamText(wire.encode(message).rstrip())))

    def _say(self, data: bytes, *, frame: int | None = None) -> None:
        self._chunks += 1
        self._bytes += len(data)
        self._pipe.say(data, frame=frame)

    def _let_go(self) -> None:
        """Release what this viewer may be holding down: it cannot do so itself any more."""
        if self._has_pressed:
            self._has_pressed = False
            self._owner.take_input(wire.KeysReleased())
