"""A machine that waits for its session: shown to nobody, its picture is there when it has one.

Everything here runs on the main loop's thread.
"""

from __future__ import annotations

import socket

from fanlight import wire

from .frames import Codec, Frame
from .gst import GLib
from .latest import LatestPicture
from .limits import Limits
from .machine import MachineSockets

QUIET_MS = 700
"""Without a frame for so long nothing moves: a key frame of now will do for long."""
DEFAULT_CODEC: Codec = "vp8"
"""What a machine sends that nobody told otherwise."""


class WaitingMachine:
    """The screen of a machine until a session takes it."""

    def __init__(
        self,
        ref: wire.MachineRef,
        sockets: tuple[socket.socket, socket.socket, socket.socket],
        *,
        limits: Limits,
    ) -> None:
        self.latest = LatestPicture()
        self.display: wire.DisplaySize | None = None
        self._timer = 0
        self.machine = MachineSockets(
            ref, sockets, codec=DEFAULT_CODEC, limits=limits, screen=self
        )
        self.machine.want_key_frame(new_viewer=True)

    def give(self) -> MachineSockets:
        """Hand its sockets to a session, which keeps them from now on."""
        self._forget_timer()
        return self.machine

    def close(self) -> None:
        """Let the machine go."""
        self._forget_timer()
        self.machine.close()

    def _forget_timer(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _quiet(self) -> bool:
        self._timer = 0
        if not self.latest:
            self.machine.want_key_frame()
        return False

    # --- the machine's screen -----------------------------------------------------------------

    def machine_showed(self, frame: Frame, source: object) -> None:
        """Keep what leads to the picture of now."""
        if frame.layer == 0:
            self.latest.take(frame)
            self._forget_timer()
            self._timer = GLib.timeout_add(QUIET_MS, self._quiet)

    def machine_damaged(self, layer: int) -> None:
        """What is kept leads nowhere."""
        if layer == 0:
            self.latest.spoil()

    def machine_resized(self, size: wire.DisplaySize) -> None:
        """Remember the size for the session."""
        self.display = size

    def machine_flow_changed(self) -> None:
        """Nobody asks yet."""

    def viewers_wait(self, layer: int) -> bool:
        """Whether a key frame is wanted."""
        return layer == 0 and not self.latest
