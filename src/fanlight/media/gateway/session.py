"""One session in the gateway: its viewers, and its machine when there is one.

Everything here runs on the main loop's thread.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from fanlight import wire
from fanlight.errors import OfferRejected
from fanlight.media.rtcp import EncoderReport

from .connection import Connection, Surroundings
from .frames import Codec, Frame
from .latest import LatestPicture
from .machine import MachineSockets
from .offer import read_offer
from .peer import PeerFailed
from .rates import Rates
from .stream import StreamConnection
from .viewer import Viewer
from .waiting import DEFAULT_CODEC, WaitingMachine

PLAN_GAP_S = 0.05
"""Viewers' feedback comes 10 to 20 times a second from each: so often is planned at most."""


class Session:
    """Brings one machine's frames to every viewer, and the viewers' input to the machine."""

    def __init__(
        self,
        session: wire.SessionId,
        *,
        codec: Codec,
        surroundings: Surroundings,
        say: Callable[[wire.Message], None],
    ) -> None:
        self.id = session
        self.say = say
        self.connections: dict[wire.ConnectionId, Viewer] = {}
        self._codec: Codec = codec
        self._around = surroundings
        self._machine: MachineSockets | None = None
        self._latest = LatestPicture()
        self._rates: Rates[wire.ConnectionId] = Rates()
        self._planned_at = float("-inf")
        self._display: wire.DisplaySize | None = None
        self.owed: wire.ConnectionId | None = None
        """The connection that ended while it held control, until another is given control."""

    @property
    def codec(self) -> Codec:
        """What the session's machines send."""
        return self._codec

    @property
    def display(self) -> wire.DisplaySize | None:
        """The size of the display that the machine told last."""
        return self._display

    def set_codec(self, codec: Codec) -> None:
        """What the session's machines send. Viewers that are there keep what they negotiated."""
        if not self.connections:
            if codec != self._codec:  # a machine that waited came with a picture in its own
                self._latest = LatestPicture()
            self._codec = codec
            if self._machine is not None:
                self._machine.set_codec(codec)

    def close(self) -> None:
        """Close every connection and let the machine go."""
        for connection in list(self.connections.values()):
            connection.close()
        self._drop_machine()

    # --- viewers ------------------------------------------------------------------------------

    def open_connection(self, request: wire.OpenConnection) -> None:
        """Answer an offer, or say why not."""
        self.owed = None if request.controls else self.owed
        limits = self._around.limits
        try:
            offer = read_offer(
                request.sdp,
                codec=self._codec,
                max_bytes=limits.offer_bytes,
                max_candidates=limits.candidates_per_connection,
            )
            connection = Connection(self, request, offer, self._around)
        except OfferRejected as error:
            self._reject(request, error.code, str(error))
        except PeerFailed as error:
            self._reject(request, "gateway-failed", f"GStreamer failed: {error}")
        else:
            self.connections[request.connection] = connection
            connection.open()

    def open_stream(self, request: wire.OpenStream, end: socket.socket) -> None:
        """Send the picture over this socket; the viewer decodes the session's codec."""
        self.owed = None if request.controls else self.owed
        stream = StreamConnection(
            self, request, end, codec=self._codec, limits=self._around.limits
        )
        self.connections[request.connection] = stream
        stream.open()

    def _reject(self, request: wire.OpenConnection, code: str, detail: str) -> None:
        self.say(wire.ConnectionRejected(self.id, request.connection, code, detail))

    def forget(self, connection: wire.ConnectionId) -> None:
        """The connection is closed. If it held control, the next controller is told so."""
        viewer = self.connections.pop(connection, None)
        # Perhaps no controller is there to hear of it, and its viewer comes back to the next one.
        if viewer is not None and viewer.controls:
            self.owed = connection

    def want_key_frame(self, *, layer: int = 0, new_viewer: bool = False) -> None:
        """A viewer of this layer needs a key frame."""
        if self._machine is not None:
            self._machine.want_key_frame(layer=layer, new_viewer=new_viewer)

    def begin(self, viewer: Viewer) -> None:
        """Show a viewer that has just come the picture of now, or see that there is one."""
        source = object()
        for frame in self._latest.frames() if viewer.layer == 0 else ():
            viewer.show(frame, source)
        if viewer.waits_for_key_frame:
            self.want_key_frame(layer=viewer.layer, new_viewer=True)

    def path_changed(self) -> None:
        """Fit what the machine sends, and who gets which layer, to the viewers' paths."""
        now, machine = time.monotonic(), self._machine
        if machine is None or now - self._planned_at < PLAN_GAP_S:
            return
        self._planned_at = now
        targets = self._rates.targets(
            {id_: viewer.estimate_kbps for id_, viewer in self.connections.items()},
            1 + max((viewer.layer for viewer in self.connections.values()), default=0),
            0 if self._display is None else self._display.width_px * self._display.height_px,
            now,
        )
        if targets:
            machine.set_targets(targets)
        for layer in (0, 1):
            if self._wait_to_switch(layer):
                machine.want_key_frame(layer=layer)

    def _wait_to_switch(self, layer: int) -> bool:
        """Whether a viewer waits for a key frame of a layer that it is not shown yet."""
        return any(
            viewer.layer != layer and self._rates.layer_of(id_) == layer
            for id_, viewer in self.connections.items()
        )

    def target_kbps(self, layer: int) -> int:
        """What the machine was asked to send for a layer; 0: nothing was."""
        return self._rates.told_kbps(layer)

    def is_held_down(self, layer: int) -> bool:
        """Whether a layer has fewer frames, or is smaller, than it would be on a good path."""
        return self._rates.is_held_down(layer)

    @property
    def encode_ms(self) -> float:
        """From reading the display to sending a frame, as the machine says; 0: it did not say."""
        report = self._machine.report if self._machine is not None else None
        return 0.0 if report is None else report.encode_ms

    def take_input(self, message: wire.Input) -> None:
        """Pass input to the machine; without one it is lost, as it would be on a dead desktop."""
        if self._machine is not None:
            self._machine.send_input(message)

    def tell_stats(self) -> None:
        """Say how the picture comes, and how each viewer gets it."""
        if self._machine is not None:
            self.machine_flow_changed()
        self.path_changed()
        for connection in list(self.connections.values()):
            connection.tell_stats()

    def describe(self) -> wire.SessionDescribed:
        """Say what is held of it, and ask the machine for a sign of life: a key frame."""
        self.want_key_frame(new_viewer=True)
        machine = self._machine
        return wire.SessionDescribed(
            self.id,
            known=True,
            codec=self._codec,
            machine=machine.ref if machine else "",
            packets=machine.counters[0] if machine else 0,
            viewers=tuple(_described(name, each) for name, each in self.connections.items()),
        )

    # --- the machine --------------------------------------------------------------------------

    def attach(
        self,
        ref: wire.MachineRef,
        sockets: tuple[socket.socket, socket.socket, socket.socket],
    ) -> None:
        """Show this machine from now on; one that was there before is let go."""
        self._drop_machine()
        self._machine = MachineSockets(
            ref, sockets, codec=self._codec, limits=self._around.limits, screen=self
        )
        self._show_machine(self._machine)

    def take(self, ref: wire.MachineRef, waited: WaitingMachine) -> None:
        """Show a machine that waited until now, under its new name."""
        self._drop_machine()
        machine = self._machine = waited.give()
        machine.ref = ref
        machine.show_on(self)
        if self._codec == DEFAULT_CODEC:
            self._latest = waited.latest
        machine.set_codec(self._codec)
        if waited.display is not None:
            self.machine_resized(waited.display)
        self.machine_flow_changed()
        self._show_machine(machine)

    def _show_machine(self, machine: MachineSockets) -> None:
        for connection in list(self.connections.values()):
            connection.layer = 0
            connection.miss()
            self.begin(connection)
        if self.viewers_wait(0):
            machine.want_key_frame(new_viewer=True)

    def detach(self, ref: wire.MachineRef) -> None:
        """Let the machine go, if it is this one; viewers stay."""
        if self._machine is not None and self._machine.ref == ref:
            self._drop_machine()

    def _drop_machine(self) -> None:
        if self._machine is None:
            return
        self._machine.close()
        self.machine_flow_changed()
        self._machine = None
        self._latest = LatestPicture()

    def machine_showed(self, frame: Frame, source: object) -> None:
        """Send a frame to every viewer of its layer; who is to get another changes here."""
        if frame.layer == 0:
            self._latest.take(frame)
        for id_, viewer in list(self.connections.items()):
            if frame.key and frame.layer == self._rates.layer_of(id_):
                viewer.layer = frame.layer
            if frame.layer == viewer.layer:
                viewer.show(frame, source)

    def machine_damaged(self, layer: int) -> None:
        """No viewer of this layer can decode what follows before a key frame."""
        if layer == 0:
            self._latest.spoil()
        for viewer in self.connections.values():
            if viewer.layer == layer:
                viewer.miss()

    def machine_resized(self, size: wire.DisplaySize) -> None:
        """Remember the size and tell every viewer."""
        self._display = size
        for connection in self.connections.values():
            connection.tell_display(size)

    def machine_flow_changed(self) -> None:
        """Say how the picture comes."""
        machine = self._machine
        if machine is None:
            return
        packets, lost, malformed = machine.counters
        self.say(
            wire.MediaFlow(
                session=self.id,
                flowing=machine.is_flowing,
                packets=packets,
                lost=lost,
                malformed=malformed,
                key_frames=machine.key_frames,
                **_said_by_encoder(machine.report),
            )
        )

    def viewers_wait(self, layer: int) -> bool:
        """Whether a viewer waits for a key frame of this layer."""
        is_waiting = any(
            viewer.layer == layer and viewer.waits_for_key_frame
            for viewer in self.connections.values()
        )
        return is_waiting or self._wait_to_switch(layer)


def _said_by_encoder(report: EncoderReport | None) -> dict[str, Any]:
    """The fields of `media.flow` that the machine's report fills."""
    if report is None:
        return {}
    first = report.layers[0]
    return {
        "encoder": report.encoder,
        "encode_ms": round(report.encode_ms, 2),
        "target_kbps": first.kbps,
        "frames_per_s": first.frames_per_s,
        "scale_percent": first.scale_percent,
        "layers": len(report.layers),
    }


def _described(name: wire.ConnectionId, viewer: Viewer) -> wire.ViewerDescribed:
    waits = viewer.waits_for_key_frame
    if not isinstance(viewer, Connection):
        return wire.ViewerDescribed(name, "websocket", "connected", viewer.controls, waits)
    return wire.ViewerDescribed(
        name,
        "webrtc",
        "disconnected" if viewer.is_silent else viewer.state,
        viewer.controls,
        waits,
        offered=tuple(f"{each.transport} {each.address} {each.port}" for each in viewer.offered),
        candidates_taken=viewer.candidates_taken,
        candidates_refused=viewer.candidates_refused,
    )
