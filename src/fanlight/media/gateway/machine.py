"""A machine's three sockets: RTP in, requests and targets out, input out, display size in.

Everything here runs on the main loop's thread and never blocks. What a machine sends is bounded:
in one turn of the loop only so many packets are read from it.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import Callable
from typing import Protocol

from fanlight import wire
from fanlight.media.rtcp import EncoderReport, Target, read_report, targets_packet
from fanlight.wire.places import SANDBOX, place_of

from .frames import Codec, Frame
from .gst import GLib
from .incoming import Incoming
from .input import ControlPipe
from .limits import Limits
from .rtp import NotRtp, RtpPacket, parse, picture_loss

RECEIVE_BUFFER_BYTES = 4 << 20
_PACKETS_A_TURN = 256
_READ_BYTES = 2048


class Screen(Protocol):
    """The session, as its machine sees it."""

    def machine_showed(self, frame: Frame, source: object) -> None:
        """A whole frame."""

    def machine_damaged(self, layer: int) -> None:
        """Frames of a layer are missing: what follows needs a key frame first."""

    def machine_resized(self, size: wire.DisplaySize) -> None:
        """The display has this size."""

    def machine_flow_changed(self) -> None:
        """The picture began or stopped coming."""

    def viewers_wait(self, layer: int) -> bool:
        """Whether a viewer waits for a key frame of this layer."""


class MachineSockets:
    """Owns the descriptors until `close`."""

    def __init__(
        self,
        ref: wire.MachineRef,
        sockets: tuple[socket.socket, socket.socket, socket.socket],
        *,
        codec: Codec,
        limits: Limits,
        screen: Screen,
    ) -> None:
        self.ref = ref
        self._rtp, self._rtcp, control = sockets
        place = place_of(self._rtp.getsockname()[0]) or SANDBOX
        self._sources, self._guest_rtcp = place.layers, place.guest_rtcp
        self._control = control
        self._screen, self._limits = screen, limits
        self._codec: Codec = codec
        self._layers = (Incoming(0, codec, limits), Incoming(1, codec, limits))
        self._pipe = ControlPipe(control, max_queued=limits.inputs_queued)
        self._own_ssrc = secrets.randbelow(0xFFFFFFFE) + 1
        self._malformed = self._foreign = self.requests_sent = 0
        self.report: EncoderReport | None = None
        """What the machine's encoder said of itself last."""
        self.is_flowing = False
        self._timer = self._write_watch = 0
        self._watches: dict[str, int] = {}
        for item in sockets:
            item.setblocking(False)
        # The leg from the machine has no retransmission: a burst must find room here.
        with contextlib.suppress(OSError):
            self._rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        for name, item, call in (
            ("rtp", self._rtp, self._read_rtp),
            ("rtcp", self._rtcp, self._read_rtcp),
            ("control", control, self._read_control),
        ):
            self._watches[name] = _watch(item, GLib.IOCondition.IN, call)

    def close(self) -> None:
        """Stop reading, close the descriptors."""
        for source in (*self._watches.values(), self._timer, self._write_watch):
            if source:
                GLib.source_remove(source)
        self._watches.clear()
        self._timer = self._write_watch = 0
        self.is_flowing = False
        for item in (self._rtp, self._rtcp, self._control):
            item.close()

    @property
    def counters(self) -> tuple[int, int, int]:
        """(packets, lost, malformed or from elsewhere) since the machine was attached."""
        assemblers = [layer.assembler for layer in self._layers]
        malformed = self._malformed + self._foreign + sum(item.malformed for item in assemblers)
        malformed += sum(layer.foreign for layer in self._layers)
        packets, lost = sum(a.packets for a in assemblers), sum(a.lost for a in assemblers)
        return packets, lost, malformed

    @property
    def key_frames(self) -> int:
        """Whole key frames that came."""
        return sum(layer.key_frames for layer in self._layers)

    def set_codec(self, codec: Codec) -> None:
        """What the machine sends; told by the controller, perhaps after the machine came."""
        if codec != self._codec:
            self._codec = codec
            self._layers = (Incoming(0, codec, self._limits), Incoming(1, codec, self._limits))

    def show_on(self, screen: Screen) -> None:
        """Show its picture there from now on."""
        self._screen = screen

    # --- targets ------------------------------------------------------------------------------

    def set_targets(self, targets: tuple[Target, ...]) -> None:
        """Tell the machine how to encode its layers; said often, because it may get lost."""
        with contextlib.suppress(OSError):  # full or refused: it is said again
            self._rtcp.sendto(targets_packet(self._own_ssrc, targets), self._guest_rtcp)

    # --- key frames ---------------------------------------------------------------------------

    def want_key_frame(self, *, layer: int = 0, new_viewer: bool = False) -> None:
        """Ask the machine for a key frame, now or when the interval allows."""
        incoming = self._layers[layer]
        if layer and incoming.ssrc is None:
            return  # it begins with one
        if incoming.requests.want(time.monotonic(), new_viewer=new_viewer):
            self._send_request(incoming)
        self._plan()

    def _send_request(self, incoming: Incoming) -> None:
        self.requests_sent += 1
        packet = picture_loss(self._own_ssrc, incoming.ssrc or 0)
        with contextlib.suppress(OSError):  # full or refused: the request is repeated
            self._rtcp.sendto(packet, self._guest_rtcp)

    def _plan(self) -> None:
        dues = [due for each in self._layers if (due := each.requests.next_due()) is not None]
        if self._timer or not dues:
            return
        delay_ms = max(1, int((min(dues) - time.monotonic()) * 1000) + 1)
        self._timer = GLib.timeout_add(delay_ms, self._run_plan)

    def _run_plan(self) -> bool:
        self._timer = 0
        now = time.monotonic()
        for incoming in self._layers:
            is_needed = incoming.assembler.damaged and incoming.layer == 0
            if not is_needed and not self._screen.viewers_wait(incoming.layer):
                incoming.requests.arrived()  # who asked has gone, or needs it no more
            elif incoming.requests.due(now):
                self._send_request(incoming)
        if self.is_flowing and self._layers[0].requests.unanswered_s(now) > 3.0:
            self._set_flowing(flowing=False)
        self._plan()
        return False

    # --- input --------------------------------------------------------------------------------

    def send_input(self, message: wire.Input) -> None:
        """Pass input on; what a full socket does not take is queued."""
        with contextlib.suppress(OSError):  # the machine went: session.detach is on its way
            self._pipe.send(message)
        self._watch_for_room()

    def _watch_for_room(self) -> None:
        if self._pipe.is_waiting and not self._write_watch:
            self._write_watch = _watch(self._control, GLib.IOCondition.OUT, self._write_control)

    def _write_control(self) -> bool:
        with contextlib.suppress(OSError):
            self._pipe.flush()
            if self._pipe.is_waiting:
                return True
        self._write_watch = 0
        return False

    def _read_control(self) -> bool:
        if self._pipe.receive(self._screen.machine_resized):
            return True
        del self._watches["control"]  # the other end is closed; GLib forgets the watch itself
        return False

    # --- the picture --------------------------------------------------------------------------

    def _read_rtcp(self) -> bool:
        for _ in range(_PACKETS_A_TURN):
            try:
                data, address = self._rtcp.recvfrom(_READ_BYTES)
            except OSError:
                break
            # Sender reports may come too: nothing in them is needed.
            if address == self._guest_rtcp and (report := read_report(data)) is not None:
                self.report = report
        return True

    def _read_rtp(self) -> bool:
        for _ in range(_PACKETS_A_TURN):
            try:
                data, address = self._rtp.recvfrom(_READ_BYTES)
            except OSError:
                break
            layer = self._sources.get(address)
            if layer is None:
                self._foreign += 1
                continue
            try:
                self._take(self._layers[layer], parse(data))
            except NotRtp:
                self._malformed += 1
        return True

    def _take(self, incoming: Incoming, packet: RtpPacket) -> None:
        if not self.is_flowing and incoming.layer == 0:
            self._set_flowing(flowing=True)
        taken = incoming.take(packet, time.monotonic())
        if taken.frame is not None:
            self._screen.machine_showed(taken.frame, incoming.assembler)
        if taken.is_damaged:
            self._screen.machine_damaged(incoming.layer)
            self.want_key_frame(layer=incoming.layer)

    def _set_flowing(self, *, flowing: bool) -> None:
        self.is_flowing = flowing
        self._screen.machine_flow_changed()


def _watch(item: socket.socket, condition: GLib.IOCondition, call: Callable[[], bool]) -> int:
    def ready(_fd: int, _condition: GLib.IOCondition) -> bool:
        return call()

    source: int = GLib.unix_fd_add_full(
        GLib.PRIORITY_DEFAULT, item.fileno(), condition | GLib.IOCondition.HUP, ready
    )
    return source
