"""One session in the gateway: its viewers, and its machine when there is one.

Everything here runs on the main loop's thread.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from fanlight import wire
from fanlight.errors import OfferRejected

from .connection import Connection, Surroundings
from .frames import Codec, Frame
from .machine import MachineSockets
from .offer import read_offer
from .peer import PeerFailed
from .stream import StreamConnection
from .viewer import Viewer


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
        self._display: wire.DisplaySize | None = None
        self.owed: wire.ConnectionId | None = None
        """The stream that held control and broke off, until another viewer is given control."""

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

    def owe_control(self, connection: wire.ConnectionId) -> None:
        """Remember who held control, for the controller that comes."""
        self.owed = connection

    def forget(self, connection: wire.ConnectionId) -> None:
        """The connection is closed."""
        self.connections.pop(connection, None)

    def want_key_frame(self, *, new_viewer: bool = False) -> None:
        """A viewer needs a key frame."""
        if self._machine is not None:
            self._machine.want_key_frame(new_viewer=new_viewer)

    def take_input(self, message: wire.Input) -> None:
        """Pass input to the machine; without one it is lost, as it would be on a dead desktop."""
        if self._machine is not None:
            self._machine.send_input(message)

    def tell_stats(self) -> None:
        """Say how the picture comes, and how each viewer gets it."""
        if self._machine is not None:
            self.machine_flow_changed()
        for connection in list(self.connections.values()):
            connection.tell_stats()

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
        for connection in self.connections.values():
            connection.miss()
        if self.viewers_wait():
            self._machine.want_key_frame(new_viewer=True)

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

    def machine_showed(self, frame: Frame, source: object) -> None:
        """Send a frame to every viewer."""
        for connection in list(self.connections.values()):
            connection.show(frame, source)

    def machine_damaged(self) -> None:
        """No viewer can decode what follows before a key frame."""
        for connection in self.connections.values():
            connection.miss()

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
            )
        )

    def viewers_wait(self) -> bool:
        """Whether a viewer waits for a key frame."""
        return any(c.waits_for_key_frame for c in self.connections.values())
